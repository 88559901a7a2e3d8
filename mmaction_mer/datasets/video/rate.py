"""Frame rates by time stamps, and frames at a constant rate.

A header's frame rate is a promise; the time stamps of the frames are what a player
goes by. Where they come at constant steps, their rate is that of the video. Where they
do not (screen recorders, phones, browsers), the video is sampled at a constant rate:
at each time the nearest frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Rates in Hz; outside of them time stamps are a mistake.
RATES = (1.0, 10_000.0)
# Containers and the programs that write them round time stamps to milliseconds.
_ROUNDED = 1.01e-3
# Of a step: steps that differ by more are no rounding.
_MOST_ROUNDED = 1 / 3
# Rates that differ by less are one.
_SAME = 0.01
# A rate given for a variable one may be its mean, or that of most of its steps.
_NEAR = 0.1


@dataclass(frozen=True)
class Rate:
    """How often the frames of a video come.

    Attributes:
        fps: The constant rate in Hz, or the one to sample a variable rate at.
        constant: Whether the steps are constant, but for how the stamps are rounded.
        mean: Frames per second over the whole video.
        shortest: Shortest step between two frames, in seconds.
        longest: Longest step, likewise.
    """

    fps: float
    constant: bool
    mean: float
    shortest: float
    longest: float

    def __str__(self) -> str:
        """Say how frames come."""
        if self.constant:
            return f'{self.fps:.6g} Hz'
        return (
            f'every {1000 * self.shortest:.3g} to {1000 * self.longest:.3g} ms, '
            f'{self.mean:.4g} Hz on average'
        )

    def sampled_at(self, given: float | None = None) -> float:
        """Choose the rate in Hz, in time of the file, at which frames are taken.

        Args:
            given: The rate that a person gives. Far from the file's, it is that of a
                recording which is stored to be played at another speed.
        """
        if given is None or self.constant:
            return self.fps
        # The mean is the higher of both where a few frames come in quick succession.
        low, high = sorted((self.mean, self.fps))
        near = (1 - _NEAR) * low <= given <= (1 + _NEAR) * high
        return given if near else self.fps

    def agrees(self, given: float) -> bool:
        """Whether a rate in Hz is that of the time stamps."""
        return abs(given - self.sampled_at(given)) <= _SAME * given


def measure(
    times: np.ndarray, tick: float = 0.0, header: float | None = None
) -> Rate | None:
    """Measure the frame rate of time stamps.

    Args:
        times: Times of the frames in seconds, (N,).
        tick: Unit in seconds that they are counted in.
        header: The rate in Hz that the file's header promises: taken as the exact
            one where the stamps agree with it but for how they are rounded.

    Returns:
        The rate; None where the stamps support none: fewer than two, not rising, or
        of a rate that no video has.

    >>> measure(np.array([0.0, 0.033, 0.067, 0.1]), 0.001).fps
    30.0
    >>> measure(np.array([0.0, 0.033, 0.067, 0.167, 0.2])).constant
    False
    >>> measure(np.zeros(4)) is None
    True
    """
    steps = np.diff(times)
    if len(steps) < 1 or not np.isfinite(times).all() or steps.min() <= 0:
        return None
    mean = len(steps) / float(times[-1] - times[0])
    drift = times - times[0] - np.arange(len(times)) / mean
    allowed = min(max(1.01 * tick, _ROUNDED), _MOST_ROUNDED / mean)
    constant = float(np.ptp(drift)) / 2 <= allowed
    if not constant:
        # The median alone would be a rounded step: 17 ms, thus 59 Hz, for 60 Hz.
        usual = float(np.median(steps))
        rounded = min(max(1.01 * tick, _ROUNDED), _MOST_ROUNDED * usual)
        close = np.abs(steps - usual) <= rounded
        fps = _whole(1 / float(steps[close].mean()))
    elif header and abs(len(steps) / header - len(steps) / mean) <= allowed:
        fps = header
    else:
        fps = mean
    if not RATES[0] <= fps <= RATES[1]:
        return None
    # Binary fractions make 29.999999999 of 30.
    return Rate(round(fps, 6), constant, mean, float(steps.min()), float(steps.max()))


def at_rate(times: np.ndarray, fps: float, most: int) -> np.ndarray:
    """Choose frames at a constant rate: at each time the nearest.

    Args:
        times: Rising times of the frames in seconds, (N,).
        fps: Rate in Hz.
        most: So many may be chosen.

    Returns:
        Rising int64 indices (K,) of the frames at ``times[0] + k / fps``.

    Raises:
        ValueError: It would be more than ``most``.

    >>> at_rate(np.array([0.0, 0.1, 0.5, 0.6]), 10, most=100).tolist()
    [0, 1, 1, 1, 2, 2, 3]
    """
    count = np.floor((times[-1] - times[0]) * fps + 0.5) + 1
    if count > most:
        raise ValueError(f'{count:.0f} frames at {fps:g} Hz, but {most} at the most')
    return nearest(times, times[0] + np.arange(int(count)) / fps)


def nearest(times: np.ndarray, wanted: np.ndarray | Sequence[float]) -> np.ndarray:
    """Index of the time that is nearest to each wanted one; of two the earlier.

    >>> nearest(np.array([0.0, 1.0, 2.0]), [0.4, 1.5, 9.0]).tolist()
    [0, 1, 2]
    """
    wanted = np.asarray(wanted, float)
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    # A hundredth of a millisecond: what binary fractions make of equal distances.
    later = times[after] - wanted < wanted - times[after - 1] - 1e-5
    return np.where(later, after, after - 1).astype(np.int64)


def _whole(fps: float) -> float:
    """Round a rate to sample at, so that people can read it."""
    return float(max(round(fps), 1))
