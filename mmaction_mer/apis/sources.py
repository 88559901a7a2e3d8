"""Where frames come from: a video file, a folder of frames, or an array.

A file that somebody sends is not trusted: what it says of itself is checked before
memory is asked for, and whatever is wrong with it is said in a sentence.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.images.clip_images import ClipImages
from ..datasets.images.file_limits import MAX_VIDEO
from ..datasets.images.frame_folder import choose_frames
from ..datasets.images.image_file import MAX_PIXELS, MAX_SIDE, ImageReadError
from ..datasets.preparation.disk.frame_files import list_images
from ..datasets.video.files import VideoError, open_video_stream
from ..datasets.video.index import ProgressCallback, video_index
from ..datasets.video.rate import RATES
from ..datasets.video.reader import iter_frames_in_order
from ..datasets.video.sampling import frame_notes, sample_video
from ..utils.errors import MERDataError
from ..utils.text import quote


@dataclass(frozen=True)
class Limits:
    """How much is read of what somebody gives.

    Attributes:
        size: Bytes of a video file.
        side: Pixels of the longer side of a frame.
        frames: Frames.
        seconds: Length; None for any that has few enough frames.
        patience: Seconds that decoding a video once may take; None for any.
    """

    size: int = MAX_VIDEO
    side: int = MAX_SIDE
    frames: int = 1_000_000
    seconds: float | None = None
    patience: float | None = None


class Source:
    """Frames in order, each read when it is asked for.

    Attributes:
        name: For messages.
        fps: Frames per second.
        count: Number of frames, as far as it is known before they are read.
        limits: See :class:`Limits`.
        notes: What a reader of the result has to know about the frames.
    """

    name: str
    fps: float
    count: int | None = None
    limits: Limits
    notes: Sequence[str] = ()

    def frames(self) -> Iterator[np.ndarray]:
        """Give frames ``(H, W, 3)`` uint8 RGB, all of one size.

        Raises:
            MERDataError: A frame cannot be read, or there are too many.
        """
        shape = None
        for number, frame in enumerate(self._frames()):
            if number >= self.limits.frames:
                raise MERDataError(
                    f'{self.name}: has more than {self.limits.frames} frames; cut it'
                )
            seconds = self.limits.seconds
            if seconds is not None and number > seconds * self.fps:
                raise MERDataError(
                    f'{self.name}: is longer than {seconds:g} seconds at '
                    f'{self.fps:g} frames a second; cut it'
                )
            shape = shape or frame.shape
            if frame.shape != shape:
                raise MERDataError(
                    f'{self.name}: frame {number} is {frame.shape[1]}x{frame.shape[0]} '
                    f'but the first is {shape[1]}x{shape[0]}: all must have one size'
                )
            yield frame

    def _frames(self) -> Iterator[np.ndarray]:
        raise NotImplementedError


def open_source(
    given: str | os.PathLike | np.ndarray,
    fps: float | None = None,
    limits: Limits | None = None,
) -> Source:
    """Open a video file, a folder of frames or an array.

    Args:
        given: A path, or frames ``(T, H, W, 3)`` or ``(T, H, W)`` uint8 RGB or grey.
        fps: Frames per second. A video says it itself, yet what a high-speed camera
            took is often stored to be played slowly: the true rate goes here. Folders
            and arrays need it.
        limits: How much is read.

    Raises:
        MERDataError: It is none of these, is too large, or lacks a frame rate.
    """
    limits = limits or Limits()
    if fps is not None and not RATES[0] <= fps <= RATES[1]:
        raise MERDataError(
            f'fps is {fps:g}, but frames a second lie between {RATES[0]:g} and '
            f'{RATES[1]:g}'
        )
    if isinstance(given, np.ndarray):
        return _Array(given, fps, limits)
    if not isinstance(given, str | os.PathLike):
        raise MERDataError(
            f'a clip is a path or an array of frames, not a {type(given).__name__}'
        )
    path = Path(given)
    try:
        if path.is_dir():
            return _Folder(path, fps, limits)
        return _Video(path, fps, limits)
    except FileNotFoundError as error:
        raise MERDataError(
            f'{path}: there is no such video file or folder of frames'
        ) from error
    except OSError as error:
        raise MERDataError(
            f'{_short(path)}: cannot be read ({error.strerror})'
        ) from error
    except VideoError as error:
        raise MERDataError(f'{path}: {error}') from error
    except ValueError as error:
        if isinstance(error, MERDataError):
            raise
        # A name with a NUL, which no file has.
        raise MERDataError(f'{quote(str(path))}: no name of a file') from error


class _Array(Source):
    def __init__(self, array: np.ndarray, fps: float | None, limits: Limits) -> None:
        self.name, self.limits = 'the array of frames', limits
        grey = array.ndim == 3
        if array.dtype != np.uint8 or not (
            grey or (array.ndim == 4 and array.shape[3] == 3)
        ):
            raise MERDataError(
                f'an array of frames is (T, H, W, 3) or (T, H, W), uint8, not '
                f'{array.shape} {array.dtype}'
            )
        _check_side(self.name, array.shape[1], array.shape[2], limits)
        self.fps = _needed(fps, self.name)
        self.count = len(array)
        self.array = np.repeat(array[..., None], 3, axis=3) if grey else array

    def _frames(self) -> Iterator[np.ndarray]:
        yield from self.array


class _Folder(Source):
    def __init__(self, path: Path, fps: float | None, limits: Limits) -> None:
        self.name, self.limits = str(path), limits
        self.fps = _needed(fps, self.name)
        held = list_images(path)
        self.pictures = ClipImages([str(path / one) for one in held.files.values()])
        chosen, self.notes = _in_time([*held.files], self.name, limits)
        self.files = [str(path / held.files[number]) for number in chosen]
        self.count = len(self.files)
        if others := held.ignored:
            self.notes.append(
                f'{len(others)} other picture(s) are no frames and are left alone: '
                f'{quote(", ".join(others[:3]))}'
            )
        if note := self.pictures.note():
            self.notes.append(note)

    def _frames(self) -> Iterator[np.ndarray]:
        for file in self.files:
            try:
                picture = self.pictures.read(file)
            except OSError as error:
                raise MERDataError(
                    f'{file}: cannot be read ({error.strerror}); restore or remove it'
                ) from error
            except ImageReadError as error:
                raise MERDataError(f'{file}: {error}; restore or remove it') from error
            _check_side(file, picture.shape[0], picture.shape[1], self.limits)
            yield picture


def _in_time(
    numbers: list[int], name: str, limits: Limits
) -> tuple[list[int], list[str]]:
    """Bring the frames of a folder to one rate, as training does.

    Args:
        numbers: Frame numbers that exist, rising.
        name: The folder, for messages.
        limits: How many frames are read.

    Returns:
        The frame numbers to read, and what has to be said of them.

    Raises:
        MERDataError: There are too many numbers from the first to the last.
    """
    first, last = numbers[0], numbers[-1]
    total = last - first + 1
    missing = total - len(numbers)
    if not missing:
        return numbers, []
    if total > limits.frames:
        raise MERDataError(
            f'{name}: {missing} of the frames {first}..{last} are missing, and up to '
            f'{limits.frames} frames are read: number the pictures one by one'
        )
    note = f'{missing} of the frames {first}..{last} are missing: the nearest stand in'
    if missing > len(numbers):
        note += (
            '; if the names count something else than frames, number the pictures one '
            'by one'
        )
    return choose_frames(numbers, first, last).tolist(), [note]


class _Video(Source):
    def __init__(self, path: Path, fps: float | None, limits: Limits) -> None:
        self.name, self.path, self.limits = path.name, path, limits
        if (size := path.stat().st_size) > limits.size:
            raise MERDataError(
                f'{self.name}: has {size / 1e6:,.0f} MB, more than the '
                f'{limits.size / 1e6:,.0f} MB that are read; cut it'
            )
        try:
            with open_video_stream(path) as (_, stream):
                _check_side(self.name, stream.height, stream.width, limits)
            index = video_index(path, self._watch(fps))
            _check_side(self.name, index.height, index.width, limits)
            if index.damage:
                raise MERDataError(
                    f'{self.name}: cannot be decoded after {len(index)} frames '
                    f'({index.damage}); the file is damaged, copy it again'
                )
            sampling = sample_video(index, fps, most=limits.frames)
        except VideoError as error:
            raise MERDataError(f'{self.name}: {error}') from error
        self.fps, self.picks = sampling.fps, sampling.picks
        self.count, self.notes = len(self.picks), sampling.notes + frame_notes(index)

    def _watch(self, fps: float | None) -> ProgressCallback:
        """Refuse a video while it is decoded, as soon as it is too long."""
        begun, limits = time.monotonic(), self.limits

        def watch(count: int, seconds: float) -> None:
            if count > limits.frames:
                raise MERDataError(
                    f'{self.name}: has more than {limits.frames} frames; cut it'
                )
            if limits.seconds is not None and (
                (count - 1) / fps if fps else seconds
            ) > (limits.seconds):
                raise MERDataError(
                    f'{self.name}: is longer than {limits.seconds:g} seconds; cut it'
                )
            if limits.patience is not None and (
                time.monotonic() - begun > limits.patience
            ):
                raise MERDataError(
                    f'{self.name}: reading takes longer than {limits.patience:g} '
                    f'seconds; give a shorter or a smaller video'
                )

        return watch

    def _frames(self) -> Iterator[np.ndarray]:
        yield from iter_frames_in_order(str(self.path), self.picks, self.name)


def _check_side(name: str, height: int, width: int, limits: Limits) -> None:
    if height * width > MAX_PIXELS:
        raise MERDataError(
            f'{name}: frames of {width}x{height} pixels; up to {MAX_PIXELS:,} are read'
        )
    if not 16 <= min(height, width) or max(height, width) > limits.side:
        raise MERDataError(
            f'{name}: frames of {width}x{height} pixels; 16 to {limits.side} each way '
            f'are read'
        )


def _short(path: Path) -> str:
    """A path as messages show it: as it is, unless no file can have it."""
    return str(path) if len(str(path)) < 4096 else quote(str(path))


def _needed(fps: float | None, name: str) -> float:
    if fps is None:
        raise MERDataError(
            f'{name}: pictures say nothing of their frame rate, which the pass band '
            f'in Hz needs; give fps'
        )
    return float(fps)
