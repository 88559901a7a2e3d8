"""What disturbs a camera's view of a face, and has nothing to do with the class."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .actions import EXTENT, MARGIN
from .identity import CENTRE

FPS = 200.0


@dataclass(frozen=True)
class Nuisance:
    """Strengths of what has nothing to do with the class; 0 switches one off.

    Attributes:
        drift: Slow translation of the head, standard deviation in pixels at 224.
        rotation: Slow roll of the head, standard deviation in degrees.
        scale: Slow relative change of the head's size, standard deviation.
        turn: Slow turn and nod of the head, standard deviation in degrees.
        flicker: Relative change of brightness, standard deviation.
        noise: Sensor noise per channel, standard deviation in grey levels.
        blink: Probability that a clip holds a blink.
        twitch: Slow push of a random spot of the face that no class has, standard
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
    """Where the head is: pixels at 224, radians, log of the scale, radians."""

    dx: float
    dy: float
    roll: float
    zoom: float
    yaw: float
    pitch: float


def slow_path(rng: np.random.Generator, length: int, strength: float) -> np.ndarray:
    """A path of a head or a lamp: two waves of 0.3 to 1.5 Hz, (length,)."""
    time = np.arange(length) / FPS
    hertz = rng.uniform(0.3, 1.5, 2)
    phase = rng.uniform(0, 2 * np.pi, 2)
    return strength * np.sin(2 * np.pi * np.outer(time, hertz) + phase).sum(axis=1)


def blink_course(rng: np.random.Generator, length: int) -> np.ndarray:
    """How far the lids are closed in one blink of 0.15 to 0.25 s, (length,) 0..1."""
    span = rng.uniform(30, 50)
    start = rng.uniform(-0.3 * span, max(length - 0.7 * span, 1))
    s = (np.arange(length) - start) / span
    # Lids close faster than they open.
    closing, opening = np.clip(s / 0.35, 0, 1), np.clip((1 - s) / 0.65, 0, 1)
    closed = np.minimum(closing, opening)
    return closed * closed * (3 - 2 * closed)


def strengths(n: Nuisance) -> np.ndarray:
    """Standard deviations in the order of :class:`Pose`."""
    roll, turn = np.deg2rad(n.rotation), np.deg2rad(n.turn)
    return np.array([n.drift, n.drift, roll, n.scale, turn, turn])


def twitch_field(rng: np.random.Generator) -> np.ndarray:
    """A push of one pixel somewhere on the face, on a grid of one sample per unit."""
    x, y = rng.uniform(-50, 50) + CENTRE, rng.uniform(70, 190)
    width, angle = rng.uniform(10, 18), rng.uniform(0, 2 * np.pi)
    grid = np.arange(int(EXTENT)) + 0.5 - MARGIN
    across = np.exp(-0.5 * ((grid - x) / width) ** 2)
    down = np.exp(-0.5 * ((grid - y) / width) ** 2)
    shape = np.outer(down, across)[..., None]
    return (shape * (np.cos(angle), np.sin(angle))).astype(np.float32)
