"""Macroscopic expressions to pre-train on, as rank-pooled clips."""

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
# Heads of people who move their faces a lot move too. Most of a sensor's noise comes
# later, drawn anew each time a picture is seen.
MOVING = Nuisance(
    drift=4.0, rotation=1.6, scale=0.016, turn=2.0, flicker=0.03, noise=2.0, twitch=2.4
)
# Share of a clip's side that is cut off on each side before pooling.
MARGIN = 1 / 16


class MacroFaces(NamedTuple):
    """Rank-pooled clips with their truth.

    Attributes:
        images: ``(N, S, S, 3)`` float16 RGB in grey levels around zero, not yet
            stretched: noise is added first.
        units: ``(N, 16)`` float32: displacement of every sided action in
            :data:`NAMES`, in units of 8 pixels at 224.
        labels: ``(N,)`` int64: class.
    """

    images: np.ndarray
    units: np.ndarray
    labels: np.ndarray


def macro_faces(
    identity: int, seed: int = 0, size: int = 112, clips: int = 24
) -> MacroFaces:
    """Clips of one synthetic person, each pooled into one image.

    Args:
        identity: Number of the person.
        seed: Seed of the whole population.
        size: Side of the frames in pixels; images are :data:`MARGIN` smaller on
            each side.
        clips: Clips of 16 frames from onset to offset, pooled (MPT, Eq. 1) after
            the head was held and what was left of its motion taken out.

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
        moving = _restless(MOVING, rng.uniform(0.3, 1.0))
        clip = render_clip(face, weights, timing, rng, size, moving, list(chosen))
        images.append(_pool(stabilize(clip)[:, edge:-edge, edge:-edge]))
        units.append([weights.get(name, 0.0) / 8 for name in NAMES])
        labels.append(label)
    return MacroFaces(
        np.stack(images),
        np.array(units, dtype=np.float32),
        np.array(labels, dtype=np.int64),
    )


def _restless(nuisance: Nuisance, share: float) -> Nuisance:
    """A head that moves by a share of what the strengths say."""
    names = ('drift', 'rotation', 'scale', 'turn', 'flicker')
    return replace(
        nuisance, **{name: share * getattr(nuisance, name) for name in names}
    )


def _pool(clip: np.ndarray) -> np.ndarray:
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float()
    weights = torch.tensor(rank_pooling_weights(len(clip)), dtype=torch.float32)
    pooled = torch.einsum('t,btchw->bchw', weights, frames)[:, None]
    image = remove_head_motion(pooled, frames.mean(1))[0, 0]
    return image.permute(1, 2, 0).half().numpy()
