"""Macro-expressions for pre-training, as rank-pooled clips."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from ...motion.head_motion import remove_head_motion
from ...motion.rank_pooling import rank_pooling_weights
from ...motion.registration import stabilize
from .actions import ACTIONS, CLASSES, sample_expression
from .clip import render_clip, sample_timing
from .face import render_texture
from .identity import sample_identity
from .nuisance import Nuisance
from .plan import MACRO_STREAM

NAMES = tuple(side + action for action in ACTIONS for side in 'LR')
AMPLITUDE = (2.0, 12.0)
# With large expressions the head moves too. Most sensor noise is added later, newly
# sampled each time an image is used.
MOVING = Nuisance(
    drift=4.0, rotation=1.6, scale=0.016, turn=2.0, flicker=0.03, noise=2.0, twitch=2.4
)
# Fraction of the frame size that is cropped at each border before pooling.
MARGIN = 1 / 16


class MacroFaces(NamedTuple):
    """Rank-pooled clips with their ground truth.

    Attributes:
        images: ``(N, S, S, 3)`` float16 RGB in gray levels around zero, not yet
            normalized: noise is added first.
        units: ``(N, 16)`` float32: displacement of every action in
            :data:`NAMES`, in units of 8 pixels at 224.
        labels: ``(N,)`` int64: class.
    """

    images: np.ndarray
    units: np.ndarray
    labels: np.ndarray


def macro_faces(
    identity: int, seed: int = 0, size: int = 112, clips: int = 24
) -> MacroFaces:
    """Render clips of one synthetic person, each pooled into one image.

    Args:
        identity: Number of the person.
        seed: Seed of the whole population. Defaults to 0.
        size: Side of the frames in pixels; images are smaller by :data:`MARGIN` at
            each border. Defaults to 112.
        clips: Number of clips of 16 frames from onset to offset, which are pooled
            (MPT, Eq. 1) after stabilizing the head and removing its remaining motion.
            Defaults to 24.

    Returns:
        The pooled clips.
    """
    rng = np.random.default_rng([MACRO_STREAM, seed, identity])
    face = render_texture(sample_identity(rng))
    low, high = AMPLITUDE
    edge = round(size * MARGIN)
    images, units, labels = [], [], []
    for _ in range(clips):
        label = int(rng.integers(len(CLASSES)))
        weights = sample_expression(label, rng, low * (high / low) ** rng.random())
        timing = sample_timing(rng, longest=48)
        chosen = np.linspace(timing.onset, timing.offset, 16).round().astype(int)
        moving = _scaled(MOVING, rng.uniform(0.3, 1.0))
        clip = render_clip(face, weights, timing, rng, size, moving, list(chosen))
        images.append(_pool(stabilize(clip)[:, edge:-edge, edge:-edge]))
        units.append([weights.get(name, 0.0) / 8 for name in NAMES])
        labels.append(label)
    return MacroFaces(
        np.stack(images),
        np.array(units, dtype=np.float32),
        np.array(labels, dtype=np.int64),
    )


def _scaled(nuisance: Nuisance, factor: float) -> Nuisance:
    """Scale the motion of the head and the flicker."""
    names = ('drift', 'rotation', 'scale', 'turn', 'flicker')
    return replace(
        nuisance, **{name: factor * getattr(nuisance, name) for name in names}
    )


def _pool(clip: np.ndarray) -> np.ndarray:
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float()
    weights = torch.tensor(rank_pooling_weights(len(clip)), dtype=torch.float32)
    pooled = torch.einsum('t,btchw->bchw', weights, frames)[:, None]
    image = remove_head_motion(pooled, frames.mean(1))[0, 0]
    return image.permute(1, 2, 0).half().numpy()
