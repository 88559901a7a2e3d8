"""Sample a video at a constant frame rate, and describe its rate."""

from dataclasses import dataclass

import numpy as np

from .files import MAX_FRAMES, VideoError
from .index import VideoIndex
from .rate import Rate, at_rate


@dataclass(frozen=True)
class Sampling:
    """Frames of a video, or of a clip in it, at a constant rate.

    Attributes:
        picks: Non-decreasing indices of the frames, int64 (K,).
        fps: Their rate in Hz.
        constant: Whether these are all frames, once each.
        notes: Remarks on the rate for the user.
    """

    picks: np.ndarray
    fps: float
    constant: bool
    notes: tuple[str, ...] = ()


def sample_video(
    index: VideoIndex,
    fps: float | None = None,
    onset: int = 0,
    offset: int | None = None,
    most: int = MAX_FRAMES,
) -> Sampling:
    """Choose the frames of a video at a constant rate.

    All frames of a video with a constant rate are taken. If the rate varies, the frame
    nearest in time is taken at each step from the onset on.

    Args:
        index: The frames and their time stamps.
        fps: Rate in Hz that the user gives, which overrides that of the file: the
            recordings of high-speed cameras are often stored for slow playback.
            Defaults to None.
        onset: First frame. Defaults to 0.
        offset: Last frame, at most the last one of the video. Defaults to the last one.
        most: Maximum number of frames. Defaults to 1,000,000.

    Raises:
        VideoError: There is no valid frame rate, or there are too many frames.
    """
    last = len(index) - 1 if offset is None else min(offset, len(index) - 1)
    rate = index.rate
    if rate is None and fps is None:
        raise VideoError(_no_rate(index))
    if rate is None or rate.constant:
        given = fps if fps is not None else rate.fps if rate else 0.0
        picks, constant = np.arange(onset, last + 1), True
        if len(picks) > most:
            raise VideoError(f'has more than {most} frames; split it')
    else:
        assert index.times is not None
        sampled = rate.sampled_at(fps)
        try:
            picks = onset + at_rate(index.times[onset : last + 1], sampled, most)
        except ValueError as error:
            raise VideoError(
                f'frames come {rate}, which gives {error}; split it'
            ) from error
        given, constant = (sampled if fps is None else fps), False
    return Sampling(picks, given, constant, rate_notes(index, fps))


def rate_notes(index: VideoIndex, fps: float | None = None) -> tuple[str, ...]:
    """Return remarks on the frame rate of a video.

    Args:
        index: The frames and their time stamps.
        fps: Rate in Hz that the user gives. Defaults to None.
    """
    rate, header = index.rate, index.header_fps
    if rate is None:
        return ('the time stamps give no frame rate',)
    notes = []
    if not rate.constant:
        notes.append(resampling_note(rate, fps))
    # With few frames the mean is inexact due to rounding; a constant rate is not.
    true = rate.fps if rate.constant else rate.mean
    if header is not None and abs(header - true) > 0.01 * true:
        notes.append(
            f'the header has {header:.6g} Hz, the time stamps {true:.6g} Hz: those of '
            f'the time stamps are used'
        )
    if fps is not None and not rate.agrees(fps):
        notes.append(
            f'{fps:.6g} Hz is given, the time stamps have '
            f'{rate.sampled_at(fps):.6g} Hz: {fps:.6g} Hz is used, as for a recording '
            f'that is stored for playback at another speed'
        )
    return tuple(notes)


def resampling_note(rate: Rate, fps: float | None = None) -> str:
    """Describe how a variable rate is resampled."""
    return (
        f'frames come {rate}: resampled to {rate.sampled_at(fps):.6g} Hz with the '
        f'frame nearest in time at each step'
    )


def frame_notes(index: VideoIndex) -> tuple[str, ...]:
    """Return remarks on the frames of a video."""
    notes = []
    if hidden := index.packets.hidden:
        notes.append(
            f'{hidden} frame(s) at the beginning cannot be decoded, since their '
            f'reference frames are missing: frame 0 is the first one that can'
        )
    if index.damage:
        notes.append(f'is damaged after frame {len(index) - 1} ({index.damage})')
    elif index.header_count and index.header_count != len(index):
        notes.append(
            f'the header has {index.header_count} frames, {len(index)} are decoded'
        )
    return tuple(notes)


def _no_rate(index: VideoIndex) -> str:
    if len(index) == 1:
        return 'has one frame, but motion needs at least two'
    header = index.header_fps
    in_header = f'the header has {header:.6g} Hz, but ' if header else ''
    return (
        f'has no valid frame rate: {in_header}the time stamps of its frames are '
        f'missing, equal or of an impossible rate; give fps'
    )
