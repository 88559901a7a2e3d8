"""Measure frame rates from time stamps, and resample to a constant rate.

Players use the time stamps of the frames, not the frame rate in the header. If the
stamps have constant steps, these give the rate of the video. If not (screen recorders,
phones, browsers), the video is resampled to a constant rate: the nearest frame at each
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Range of valid frame rates in Hz.
RATES = (1.0, 10_000.0)
# Many containers round time stamps to milliseconds.
_ROUNDING = 1.01e-3
# Steps that differ by a larger fraction are not due to rounding.
_MAX_ROUNDING = 1 / 3
# Relative tolerance for equal rates.
_TOLERANCE = 0.01
# Relative tolerance of a rate that a user gives for a variable one: it may be the mean
# rate or that of most steps.
_NEAR = 0.1


@dataclass(frozen=True)
class Rate:
    """The frame rate of a video.

    Attributes:
        fps: The constant rate in Hz, or the one to which a variable rate is resampled.
        constant: Whether the steps are constant, except for rounding.
        mean: Mean frame rate of the whole video in Hz.
        shortest: Shortest step between two frames, in seconds.
        longest: Longest step between two frames, in seconds.
    """

    fps: float
    constant: bool
    mean: float
    shortest: float
    longest: float

    def __str__(self) -> str:
        """Return the rate for messages."""
        if self.constant:
            return f'{self.fps:.6g} Hz'
        return (
            f'every {1000 * self.shortest:.3g} to {1000 * self.longest:.3g} ms, '
            f'{self.mean:.4g} Hz on average'
        )

    def sampled_at(self, given: float | None = None) -> float:
        """Return the rate in Hz, in the time of the file, for resampling.

        Args:
            given: The rate that the user gives. If it is far from that of the file, the
                file is stored for playback at another speed. Defaults to None.
        """
        if given is None or self.constant:
            return self.fps
        # The mean is the higher one if a few frames follow each other quickly.
        low, high = sorted((self.mean, self.fps))
        near = (1 - _NEAR) * low <= given <= (1 + _NEAR) * high
        return given if near else self.fps

    def agrees(self, given: float) -> bool:
        """Return whether a rate in Hz agrees with the time stamps."""
        return abs(given - self.sampled_at(given)) <= _TOLERANCE * given


def measure(
    times: np.ndarray, tick: float = 0.0, header: float | None = None
) -> Rate | None:
    """Measure the frame rate of time stamps.

    Args:
        times: Times of the frames in seconds, (N,).
        tick: Unit of the time stamps in seconds. Defaults to 0.
        header: The rate in the header in Hz, which is used as the exact one if the
            stamps agree with it except for rounding. Defaults to None.

    Returns:
        The rate; None if there are fewer than two stamps, they do not increase, or
        their rate is not valid.

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
    allowed = min(max(1.01 * tick, _ROUNDING), _MAX_ROUNDING / mean)
    constant = float(np.ptp(drift)) / 2 <= allowed
    if not constant:
        # The median alone is a rounded step: 17 ms and so 59 Hz instead of 60 Hz.
        usual = float(np.median(steps))
        rounded = min(max(1.01 * tick, _ROUNDING), _MAX_ROUNDING * usual)
        close = np.abs(steps - usual) <= rounded
        fps = _whole(1 / float(steps[close].mean()))
    elif header and abs(len(steps) / header - len(steps) / mean) <= allowed:
        fps = header
    else:
        fps = mean
    if not RATES[0] <= fps <= RATES[1]:
        return None
    # Remove rounding errors such as 29.999999999.
    return Rate(round(fps, 6), constant, mean, float(steps.min()), float(steps.max()))


def at_rate(times: np.ndarray, fps: float, most: int) -> np.ndarray:
    """Choose the nearest frame at each step of a constant rate.

    Args:
        times: Increasing times of the frames in seconds, (N,).
        fps: Rate in Hz.
        most: Maximum number of frames.

    Returns:
        Increasing int64 indices (K,) of the frames at ``times[0] + k / fps``.

    Raises:
        ValueError: There would be more than ``most``.

    >>> at_rate(np.array([0.0, 0.1, 0.5, 0.6]), 10, most=100).tolist()
    [0, 1, 1, 1, 2, 2, 3]
    """
    count = np.floor((times[-1] - times[0]) * fps + 0.5) + 1
    if count > most:
        raise ValueError(f'{count:.0f} frames at {fps:g} Hz, more than {most}')
    return nearest(times, times[0] + np.arange(int(count)) / fps)


def nearest(times: np.ndarray, wanted: np.ndarray | Sequence[float]) -> np.ndarray:
    """Return the index of the time nearest to each wanted one; of two the earlier.

    >>> nearest(np.array([0.0, 1.0, 2.0]), [0.4, 1.5, 9.0]).tolist()
    [0, 1, 2]
    """
    wanted = np.asarray(wanted, float)
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    # With a tolerance, so that rounding errors do not decide between equal distances.
    later = times[after] - wanted < wanted - times[after - 1] - 1e-5
    return np.where(later, after, after - 1).astype(np.int64)


def _whole(fps: float) -> float:
    """Round a rate for resampling to an integer of at least 1 Hz."""
    return float(max(round(fps), 1))
