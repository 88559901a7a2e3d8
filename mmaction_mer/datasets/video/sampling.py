"""Frames of a video at one constant rate, and what to say about its frame rate."""

from dataclasses import dataclass

import numpy as np

from .files import MAX_FRAMES, VideoError
from .index import VideoIndex
from .rate import Rate, at_rate


@dataclass(frozen=True)
class Sampling:
    """Frames of a video, or of a clip in it, at a constant rate.

    Attributes:
        picks: Indices of the frames, rising, int64 (K,); one may repeat.
        fps: Their rate in Hz.
        constant: Whether these are all frames, each of them once.
        notes: What a person should know about the rate.
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

    A steady video gives its frames as they are. Of a variable one the frame that is
    nearest in time is taken at each step from the onset on, whatever its number.

    Args:
        index: The frames and their time stamps.
        fps: Rate in Hz that a person gives, which counts more than that of the file:
            what a high-speed camera took is often stored to be played slowly.
        onset: First frame.
        offset: Last frame; the last of the video if it is None or lies behind it.
        most: So many frames may be chosen.

    Raises:
        VideoError: The time stamps support no rate and none is given, or it would be
            too many frames.
    """
    last = len(index) - 1 if offset is None else min(offset, len(index) - 1)
    rate = index.rate
    if rate is None and fps is None:
        raise VideoError(_no_rate(index))
    if rate is None or rate.constant:
        given = fps if fps is not None else rate.fps if rate else 0.0
        picks, constant = np.arange(onset, last + 1), True
        if len(picks) > most:
            raise VideoError(f'has more than {most} frames; cut it')
    else:
        assert index.times is not None
        sampled = rate.sampled_at(fps)
        try:
            picks = onset + at_rate(index.times[onset : last + 1], sampled, most)
        except ValueError as error:
            raise VideoError(
                f'frames come {rate}, which makes {error}; cut it'
            ) from error
        given, constant = (sampled if fps is None else fps), False
    return Sampling(picks, given, constant, rate_notes(index, fps))


def rate_notes(index: VideoIndex, fps: float | None = None) -> tuple[str, ...]:
    """Say what is unusual about the frame rate of a video.

    Args:
        index: The frames and their time stamps.
        fps: Rate in Hz that a person gives.
    """
    rate, header = index.rate, index.header_fps
    if rate is None:
        return ('no time stamp says anything of the frame rate',)
    notes = []
    if not rate.constant:
        notes.append(resampled(rate, fps))
    # Of few frames the mean is rounded as their stamps are; a steady rate is not.
    true = rate.fps if rate.constant else rate.mean
    if header is not None and abs(header - true) > 0.01 * true:
        notes.append(
            f'the header says {header:.6g} Hz, the time stamps {true:.6g} Hz: the '
            f'time stamps count'
        )
    if fps is not None and not rate.agrees(fps):
        notes.append(
            f'{fps:.6g} Hz is given, the time stamps say '
            f'{rate.sampled_at(fps):.6g} Hz: {fps:.6g} Hz counts, as for a recording '
            f'that is stored to be played at another speed'
        )
    return tuple(notes)


def resampled(rate: Rate, fps: float | None = None) -> str:
    """Say from what to what a variable rate is resampled."""
    return (
        f'frames come {rate}: resampled to {rate.sampled_at(fps):.6g} Hz, at each step '
        f'the frame that is nearest in time'
    )


def frame_notes(index: VideoIndex) -> tuple[str, ...]:
    """Say what is unusual about the frames of a video."""
    notes = []
    if hidden := index.packets.hidden:
        notes.append(
            f'{hidden} picture(s) at the beginning cannot be shown, since those that '
            f'they are made from were cut off: frame 0 is the first that can'
        )
    if index.damage:
        notes.append(f'is damaged behind frame {len(index) - 1} ({index.damage})')
    elif index.header_count and index.header_count != len(index):
        notes.append(
            f'the header says {index.header_count} frames, {len(index)} are shown'
        )
    return tuple(notes)


def _no_rate(index: VideoIndex) -> str:
    if len(index) == 1:
        return 'holds one frame, but a movement needs two or more'
    header = index.header_fps
    said = f'the header says {header:.6g} Hz, but ' if header else ''
    return (
        f'has no usable frame rate: {said}the time stamps of its frames are missing, '
        f'alike or of a rate that no video has; give fps'
    )
