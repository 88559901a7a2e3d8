"""When a face moves: onset, apex and offset of the strongest movement of a clip.

A movement that comes and goes has a course in time: nothing before its onset, a smooth
rise to the apex, a smooth fall to the offset. Every course that fits into the clip is
tried, and the one that explains most of what changes in the pictures, once the head's
own motion and a steady drift are taken out, is taken: a matched filter in time, over
all pixels at once. A blink is a movement too. This is ours, not the papers'.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from .head_motion import remove_head_motion_numpy
from .registration import register, stabilize
from .temporal import interpolation_matrix, multiply

#: Time points that are looked at; a longer clip is averaged down to them.
LENGTH = 24
#: A rise or a fall takes so many of them at least.
_LEAST = 2
#: Deviation of the blur over a face of 112 pixels that takes the camera's noise out.
_BLUR = 2.0
_SIDE = 112


@dataclass(frozen=True)
class Spot:
    """The strongest movement of a clip.

    Attributes:
        onset: When it begins, in frames from the first, need not be whole.
        apex: When it is largest.
        offset: When it has ended.
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
        When it is, and how strong.

    Raises:
        ValueError: Not four axes, or fewer than five frames.

    Example:
        >>> still = np.full((9, 32, 32, 3), 90, np.uint8)
        >>> spot(still).strength
        0.0
    """
    clip = np.asarray(clip)
    least = 2 * _LEAST + 1
    if clip.ndim != 4 or len(clip) < least:
        raise ValueError(
            f'a movement is looked for in {least} frames (T, H, W, C) or more, got an '
            f'array of shape {clip.shape}'
        )
    changes, maps = _changes(clip)
    length = len(changes)
    triples, courses = _courses(length)
    ramps = _ramps(length)
    detrended = changes - ramps @ (np.linalg.pinv(ramps) @ changes)
    gram = detrended @ detrended.T
    energies = np.einsum('nt,tu,nu->n', courses, gram, courses)
    best = int(energies.argmax())
    scale = (len(clip) - 1) / (length - 1)
    onset, apex, offset = (float(number) * scale for number in triples[best])
    # The course's own height, without the drift that was taken out of it.
    height = np.abs(_course(length, *triples[best]) @ courses[best])
    peak = np.sqrt(energies[best] / detrended.shape[1]) / max(height, 1e-6)
    total = np.trace(gram)
    explained = float(energies[best] / total) if total > 1e-6 else 0.0
    return Spot(onset, apex, offset, float(peak), explained, maps)


def _changes(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the changes of the face, ``(length, pixels)``, and the registration."""
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
    edge = _SIDE // 14  # where the frames that were registered have no pixels
    blurred = [cv2.GaussianBlur(change, (0, 0), _BLUR) for change in changes]
    changes = np.stack(blurred)[:, edge:-edge, edge:-edge]
    return changes.reshape(len(frames), -1), maps


def _course(length: int, onset: float, apex: float, offset: float) -> np.ndarray:
    """Strength of a movement over time, 0..1, without a jump in acceleration."""
    t = np.arange(length)
    s = np.clip(
        np.minimum((t - onset) / (apex - onset), (offset - t) / (offset - apex)), 0, 1
    )  # noqa: E501
    return s**3 * (10 - 15 * s + 6 * s**2)


def _ramps(length: int) -> np.ndarray:
    """A constant and a drift, ``(length, 2)``."""
    t = np.linspace(0, 1, length)
    return np.stack([1 - t, t], axis=1)


@lru_cache(maxsize=32)
def _courses(length: int) -> tuple[np.ndarray, np.ndarray]:
    """All (onset, apex, offset), and their courses without drift, of unit length."""
    triples = np.array([
        (onset, apex, offset)
        for onset in range(length - 2 * _LEAST)
        for apex in range(onset + _LEAST, length - _LEAST)
        for offset in range(apex + _LEAST, length)
    ])  # fmt: skip
    courses = np.stack([_course(length, *triple) for triple in triples])
    ramps = _ramps(length)
    courses -= courses @ np.linalg.pinv(ramps).T @ ramps.T
    courses /= np.linalg.norm(courses, axis=1, keepdims=True)
    return triples, courses
