"""Nuisances: changes of the image that do not depend on the class."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .actions import EXTENT, MARGIN
from .identity import CENTER

FPS = 200.0


@dataclass(frozen=True)
class Nuisance:
    """Strengths of the nuisances; 0 disables one.

    Attributes:
        drift: Slow translation of the head, standard deviation in pixels at 224.
        rotation: Slow roll of the head, standard deviation in degrees.
        scale: Slow relative change of the head's size, standard deviation.
        turn: Slow turn and nod of the head, standard deviation in degrees.
        flicker: Relative change of brightness, standard deviation.
        noise: Sensor noise per channel, standard deviation in gray levels.
        blink: Probability of a blink in a clip.
        twitch: Slow displacement at a random position of the face, standard
            deviation in pixels at 224.
    """

    drift: float = 1.0
    rotation: float = 0.4
    scale: float = 0.004
    turn: float = 0.5
    flicker: float = 0.01
    noise: float = 4.5
    blink: float = 0.12
    twitch: float = 0.6


class Pose(NamedTuple):
    """Pose of the head: pixels at 224, radians, log of the scale, radians."""

    dx: float
    dy: float
    roll: float
    zoom: float
    yaw: float
    pitch: float


def slow_path(rng: np.random.Generator, length: int, strength: float) -> np.ndarray:
    """Sample a slow path of a head or lamp: two waves of 0.3 to 1.5 Hz, (length,)."""
    time = np.arange(length) / FPS
    hertz = rng.uniform(0.3, 1.5, 2)
    phase = rng.uniform(0, 2 * np.pi, 2)
    return strength * np.sin(2 * np.pi * np.outer(time, hertz) + phase).sum(axis=1)


def blink_course(rng: np.random.Generator, length: int) -> np.ndarray:
    """Sample the eyelid closure of one blink of 0.15 to 0.25 s, (length,) in 0..1."""
    span = rng.uniform(30, 50)
    start = rng.uniform(-0.3 * span, max(length - 0.7 * span, 1))
    s = (np.arange(length) - start) / span
    # Lids close faster than they open.
    closing, opening = np.clip(s / 0.35, 0, 1), np.clip((1 - s) / 0.65, 0, 1)
    closed = np.minimum(closing, opening)
    return closed * closed * (3 - 2 * closed)


def strengths(n: Nuisance) -> np.ndarray:
    """Return the standard deviations in the order of :class:`Pose`."""
    roll, turn = np.deg2rad(n.rotation), np.deg2rad(n.turn)
    return np.array([n.drift, n.drift, roll, n.scale, turn, turn])


def twitch_field(rng: np.random.Generator) -> np.ndarray:
    """Sample a displacement of one pixel on the face, one sample per unit."""
    x, y = rng.uniform(-50, 50) + CENTER, rng.uniform(70, 190)
    width, angle = rng.uniform(10, 18), rng.uniform(0, 2 * np.pi)
    grid = np.arange(int(EXTENT)) + 0.5 - MARGIN
    across = np.exp(-0.5 * ((grid - x) / width) ** 2)
    down = np.exp(-0.5 * ((grid - y) / width) ** 2)
    shape = np.outer(down, across)[..., None]
    return (shape * (np.cos(angle), np.sin(angle))).astype(np.float32)
