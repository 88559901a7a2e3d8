"""Macroscopic expressions to pre-train on: stills and rank-pooled clips."""

from typing import NamedTuple

import numpy as np
import torch

from ...motion.rank_pooling import rank_pooling_weights, to_grey_levels
from ...motion.steady import remove_head_motion
from .actions import ACTIONS, CLASSES, sample_expression
from .clip import render_clip, render_still, sample_timing
from .face import render_texture
from .identity import sample_identity
from .nuisance import Nuisance
from .plan import MACRO_STREAM

NAMES = tuple(side + action for action in ACTIONS for side in 'LR')
AMPLITUDE = (3.0, 12.0)
# Heads of people who move their faces a lot move too.
MOVING = Nuisance(
    drift=4.0, rotation=1.6, scale=0.016, turn=2.0, flicker=0.03, noise=4.5, twitch=2.0
)
NEUTRAL = len(CLASSES)


class MacroFaces(NamedTuple):
    """Images with their truth.

    Attributes:
        images: ``(N, size, size, 3)`` uint8 RGB.
        units: ``(N, 16)`` float32: displacement of every sided action in
            :data:`NAMES`, in units of 8 pixels at 224.
        labels: ``(N,)`` int64: class, or :data:`NEUTRAL`.
    """

    images: np.ndarray
    units: np.ndarray
    labels: np.ndarray


def macro_faces(
    identity: int, seed: int = 0, size: int = 112, stills: int = 20, clips: int = 12
) -> tuple[MacroFaces, MacroFaces]:
    """Stills and rank-pooled clips of one synthetic person.

    Args:
        identity: Number of the person.
        seed: Seed of the whole population.
        size: Side of the images in pixels.
        stills: Single pictures, a quarter of them neutral.
        clips: Clips of 16 frames from onset to offset, pooled into images (MPT,
            Eq. 1) after the head's own motion is taken out.

    Returns:
        The stills and the pooled clips.
    """
    rng = np.random.default_rng([MACRO_STREAM, seed, identity])
    face = render_texture(sample_identity(rng))

    def expression(neutral_share: float) -> tuple[int, dict[str, float]]:
        if rng.random() < neutral_share:
            return NEUTRAL, {}
        label = int(rng.integers(len(CLASSES)))
        return label, sample_expression(label, rng, rng.uniform(*AMPLITUDE))

    still_rows, clip_rows = [], []
    for _ in range(stills):
        label, weights = expression(0.25)
        still_rows.append((render_still(face, weights, rng, size), weights, label))
    for _ in range(clips):
        label, weights = expression(0.0)
        timing = sample_timing(rng, longest=48)
        clip = render_clip(face, weights, timing, rng, size, MOVING)
        chosen = np.linspace(timing.onset, timing.offset, 16).round().astype(int)
        image = _pool(clip[chosen])
        clip_rows.append((image, weights, label))
    return _stack(still_rows), _stack(clip_rows)


def _stack(rows: list[tuple[np.ndarray, dict[str, float], int]]) -> MacroFaces:
    units = [[weights.get(name, 0.0) / 8 for name in NAMES] for _, weights, _ in rows]
    return MacroFaces(
        np.stack([image for image, _, _ in rows]),
        np.array(units, dtype=np.float32),
        np.array([label for _, _, label in rows], dtype=np.int64),
    )


def _pool(clip: np.ndarray) -> np.ndarray:
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float()
    weights = torch.tensor(rank_pooling_weights(len(clip)), dtype=torch.float32)
    pooled = torch.einsum('t,btchw->bchw', weights, frames)[:, None]
    image = to_grey_levels(remove_head_motion(pooled, frames.mean(1))[:, 0])
    return image[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
