"""Render clips of a moving face, with nuisances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .actions import EXTENT, MARGIN, displacement
from .face import Face
from .identity import CENTER, SIDES, lids
from .nuisance import Nuisance, Pose, blink_course, slow_path, strengths, twitch_field


@dataclass(frozen=True)
class Timing:
    """Key frames of a clip, as 0-based positions in its stack.

    Attributes:
        length: Number of frames, including those before onset and after offset.
        onset: Last frame at rest.
        apex: Frame of the full expression.
        offset: First frame at rest again.
    """

    length: int
    onset: int
    apex: int
    offset: int

    def course(self) -> np.ndarray:
        """Return the strength of the expression, (length,) in 0..1, 1 at the apex."""
        frames = np.arange(self.length)
        rise = (frames - self.onset) / (self.apex - self.onset)
        fall = (self.offset - frames) / (self.offset - self.apex)
        s = np.clip(np.minimum(rise, fall), 0, 1)
        # Minimum jerk: no jump in speed or acceleration at onset, apex, offset.
        return s**3 * (10 - 15 * s + 6 * s**2)


def sample_timing(
    rng: np.random.Generator, shortest: int = 20, longest: int = 120
) -> Timing:
    """Sample key frames; onset to offset spans ``shortest`` .. ``longest`` frames."""
    span = int(rng.integers(shortest, longest + 1))
    before, after = (int(v) for v in rng.integers(3, 13, 2))
    rise = round((span - 1) * rng.uniform(0.28, 0.68))
    return Timing(before + span + after, before, before + rise, before + span - 1)


def render_clip(
    face: Face,
    action_weights: Mapping[str, float],
    timing: Timing,
    rng: np.random.Generator,
    size: int,
    nuisance: Nuisance | None = None,
    chosen: Sequence[int] | None = None,
) -> np.ndarray:
    """Render a clip from rest through the expression back to rest, at 200 Hz.

    Args:
        face: The face.
        action_weights: Action -> pixels at 224 at the apex.
        timing: Length, onset, apex and offset.
        rng: Random number generator of all nuisances.
        size: Side of a frame in pixels.
        nuisance: Their strengths. Defaults to those of :class:`Nuisance`.
        chosen: Positions of the frames to render, in order. Defaults to all.

    Returns:
        (timing.length or len(chosen), size, size, 3) uint8 RGB.
    """
    n = nuisance or Nuisance()
    count = timing.length
    poses = np.stack([slow_path(rng, count, s) for s in strengths(n)], axis=1)
    # A lamp at 50 Hz flickers at 100 Hz, half the frame rate: frames alternate.
    mains = np.cos(np.pi * np.arange(count) * rng.uniform(0.97, 1.0))
    gains = 1 + slow_path(rng, count, n.flicker) + 0.3 * n.flicker * mains
    closed = np.zeros(count)
    if rng.random() < n.blink:
        closed = blink_course(rng, count)
    field = _unit_field(face, action_weights)
    twitch, push = twitch_field(rng), slow_path(rng, count, n.twitch)
    course = timing.course()
    frames = []
    for i in range(count) if chosen is None else chosen:
        moved = field * np.float32(course[i]) + twitch * np.float32(push[i])
        frame = _view(face, moved, Pose(*poses[i]), closed[i], size)
        frames.append(_expose(frame, gains[i], n.noise, rng))
    return np.stack(frames)


def _unit_field(face: Face, weights: Mapping[str, float]) -> np.ndarray:
    """Compute the displacement on a grid of one sample per unit with margin."""
    grid = np.arange(int(EXTENT)) + 0.5 - MARGIN
    return displacement(face.identity, weights, grid, grid)


def _view(
    face: Face, field: np.ndarray, pose: Pose, closed: float, size: int
) -> np.ndarray:
    """Render one frame without noise, (size, size, 3) float32 in 0..255.

    Each pixel samples the texture once, at its position after inverting the pose of
    the head, then the parallax of its turn, the expression and the eyelids.
    """
    step = 224.0 / size
    axis = ((np.arange(size) + 0.5) * step - CENTER).astype(np.float32)
    cos = np.float32(np.cos(pose.roll) / np.exp(pose.zoom))
    sin = np.float32(np.sin(pose.roll) / np.exp(pose.zoom))
    gx, gy = axis[None, :] - np.float32(pose.dx), axis[:, None] - np.float32(pose.dy)
    # In units from the corner of the texture; the face turns about the frame center.
    x = cos * gx + sin * gy + np.float32(CENTER + MARGIN)
    y = cos * gy - sin * gx + np.float32(CENTER + MARGIN)
    lookup = np.dstack([x - np.float32(0.5), y - np.float32(0.5)])
    moved = cv2.remap(
        field, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if pose.yaw or pose.pitch:
        height = cv2.remap(
            face.depth, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        x = x - np.float32(pose.yaw) * height
        y = y - np.float32(pose.pitch) * height
    x = x - moved[..., 0]
    y = y - moved[..., 1]
    if closed > 0:
        y = _close_lids(face, x, y, closed)
    scale = np.float32(face.scale)
    where = np.dstack([x, y]) * scale - np.float32(0.5)
    return cv2.remap(
        face.filtered(size),
        where,
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _close_lids(face: Face, x: np.ndarray, y: np.ndarray, closed: float) -> np.ndarray:
    """Stretch the skin of the upper eyelids down over the eyes."""
    who = face.identity
    y = y - np.float32(MARGIN)
    for side in SIDES:
        t, upper, lower = lids(who, side, x - np.float32(MARGIN))
        top = upper - (who.crease + 4)
        edge = upper + 0.8
        new_edge = edge + closed * np.maximum(lower - upper - 0.6, 0)
        inside = (np.abs(t) < 1) & (y > top) & (y < new_edge)
        pulled = top + (y - top) * (edge - top) / (new_edge - top)
        y = np.where(inside, pulled, y)
    return (y + MARGIN).astype(np.float32)


def _expose(
    frame: np.ndarray, gain: float, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Apply light and sensor noise, and round to bytes."""
    frame = frame * np.float32(gain)
    if noise > 0:
        frame += rng.standard_normal(frame.shape, np.float32) * np.float32(noise)
    return np.clip(np.rint(frame, out=frame), 0, 255).astype(np.uint8)
