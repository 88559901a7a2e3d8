"""Temporal localization: onset, apex and offset of the strongest movement of a clip.

A movement is modeled by a temporal profile: zero before the onset, a smooth rise to the
apex and a smooth fall to the offset. Every profile that fits into the clip is tried,
and the one that explains most of the variance over time, after removal of head motion
and linear drift, is returned: a matched filter in time over all pixels at once. A blink
counts as a movement. This is not part of the papers.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from .head_motion import remove_head_motion_numpy
from .registration import register, stabilize
from .temporal import interpolation_matrix, multiply

#: Time points of the search; a longer clip is averaged to this length.
LENGTH = 24
# Minimum length of a rise and of a fall, in time points.
_LEAST = 2
# Standard deviation of the blur that suppresses sensor noise, for a face of 112 pixels.
_BLUR = 2.0
_SIDE = 112


@dataclass(frozen=True)
class Spot:
    """The strongest movement of a clip.

    Attributes:
        onset: Time of the onset in frames from the first, not necessarily an integer.
        apex: Time of the apex.
        offset: Time of the offset.
        strength: Its root mean square over the face at the apex, in grey levels.
        explained_variance: Fraction of all change over time that this course
            explains, 0..1.
        registration: Affine maps ``(N, 3, 3)`` of up to 24 frames, evenly spaced over
            the clip, to the first one, see
            :func:`~mmaction_mer.motion.registration.register`.
    """

    onset: float
    apex: float
    offset: float
    strength: float
    explained_variance: float
    registration: np.ndarray | None = field(default=None, repr=False, compare=False)


def spot(clip: np.ndarray) -> Spot:
    """Find the strongest movement of a clip.

    Args:
        clip: Frames of an aligned face ``(T, H, W, C)``, uint8, T of 5 or more.

    Returns:
        Its times and its strength.

    Raises:
        ValueError: ``clip`` has not four axes or fewer than five frames.

    Example:
        >>> still = np.full((9, 32, 32, 3), 90, np.uint8)
        >>> spot(still).strength
        0.0
    """
    clip = np.asarray(clip)
    least = 2 * _LEAST + 1
    if clip.ndim != 4 or len(clip) < least:
        raise ValueError(
            f'spotting needs frames (T, H, W, C) with T >= {least}, got the shape '
            f'{clip.shape}'
        )
    changes, maps = _changes(clip)
    length = len(changes)
    triples, profiles = _profiles(length)
    ramps = _ramps(length)
    detrended = changes - ramps @ (np.linalg.pinv(ramps) @ changes)
    gram = detrended @ detrended.T
    energies = np.einsum('nt,tu,nu->n', profiles, gram, profiles)
    best = int(energies.argmax())
    scale = (len(clip) - 1) / (length - 1)
    onset, apex, offset = (float(number) * scale for number in triples[best])
    # The height of the profile itself, without its drift.
    height = np.abs(_profile(length, *triples[best]) @ profiles[best])
    peak = np.sqrt(energies[best] / detrended.shape[1]) / max(height, 1e-6)
    total = np.trace(gram)
    explained = float(energies[best] / total) if total > 1e-6 else 0.0
    return Spot(onset, apex, offset, float(peak), explained, maps)


def _changes(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return changes without head motion ``(length, pixels)``, and the registration."""
    if len(clip) > LENGTH:
        matrix = interpolation_matrix(len(clip), LENGTH, average=True)
        frames = multiply(matrix, clip)
    else:
        frames = clip.astype(np.float32)
    if max(frames.shape[1:3]) != _SIDE:
        frames = np.stack([
            cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(
                _SIDE, _SIDE, -1
            )
            for frame in frames
        ])  # fmt: skip
    maps = register(frames)
    frames = stabilize(frames, maps).mean(axis=3, keepdims=True)
    changes = remove_head_motion_numpy(frames - frames[:1], frames)[..., 0]
    edge = _SIDE // 14  # registered frames have no pixels there
    blurred = [cv2.GaussianBlur(change, (0, 0), _BLUR) for change in changes]
    changes = np.stack(blurred)[:, edge:-edge, edge:-edge]
    return changes.reshape(len(frames), -1), maps


def _profile(length: int, onset: float, apex: float, offset: float) -> np.ndarray:
    """Return a temporal profile, 0 to 1, with continuous acceleration."""
    t = np.arange(length)
    s = np.clip(
        np.minimum((t - onset) / (apex - onset), (offset - t) / (offset - apex)), 0, 1
    )  # noqa: E501
    return s**3 * (10 - 15 * s + 6 * s**2)


def _ramps(length: int) -> np.ndarray:
    """Return regressors of a constant and a linear drift, ``(length, 2)``."""
    t = np.linspace(0, 1, length)
    return np.stack([1 - t, t], axis=1)


@lru_cache(maxsize=32)
def _profiles(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all (onset, apex, offset), and drift-free profiles of unit norm."""
    triples = np.array([
        (onset, apex, offset)
        for onset in range(length - 2 * _LEAST)
        for apex in range(onset + _LEAST, length - _LEAST)
        for offset in range(apex + _LEAST, length)
    ])  # fmt: skip
    profiles = np.stack([_profile(length, *triple) for triple in triples])
    ramps = _ramps(length)
    profiles -= profiles @ np.linalg.pinv(ramps).T @ ramps.T
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    return triples, profiles
