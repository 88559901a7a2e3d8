"""Read frames from a video file, a folder of images or an array.

Files are not trusted: what their headers declare is checked before memory is allocated,
and every problem is reported as a :class:`~mmaction_mer.utils.errors.MERDataError`.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

#: Smallest side of a frame in pixels.
_MIN_SIDE = 16
_RESTORE = 'restore or remove it'
_SHORTEN = 'give a shorter one'


@dataclass(frozen=True)
class SourceLimits:
    """Limits on the input.

    Attributes:
        size: Bytes of a video file. Defaults to 4 GB.
        side: Pixels of the longer side of a frame. Defaults to 8192.
        frames: Number of frames. Defaults to 1,000,000.
        seconds: Duration. Defaults to None, no limit.
        patience: Seconds for decoding a video once. Defaults to None, no limit.
    """

    size: int = MAX_VIDEO
    side: int = MAX_SIDE
    frames: int = 1_000_000
    seconds: float | None = None
    patience: float | None = None


class FrameSource:
    """Frames in order, each read when it is needed.

    Attributes:
        name: Name for messages.
        fps: Frames per second.
        count: Number of frames, if it is known before they are read.
        limits: Limits on the input.
        notes: Remarks on the frames, as sentences.
    """

    name: str
    fps: float
    count: int | None = None
    limits: SourceLimits
    notes: Sequence[str] = ()

    def frames(self) -> Iterator[np.ndarray]:
        """Yield frames ``(H, W, 3)`` uint8 RGB, all of one size.

        Raises:
            MERDataError: A frame cannot be read, or there are too many.
        """
        shape = None
        for index, frame in enumerate(self._frames()):
            self._check_length(index + 1, index / self.fps)
            shape = shape or frame.shape
            if frame.shape != shape:
                raise MERDataError(
                    f'frame {index} is {frame.shape[1]}x{frame.shape[0]} but the first '
                    f'is {shape[1]}x{shape[0]}: all must have one size',
                    path=self.name,
                )
            yield frame

    def _frames(self) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def _check_length(self, count: int, seconds: float) -> None:
        limits = self.limits
        if count > limits.frames:
            raise MERDataError(
                f'has more than {limits.frames} frames', path=self.name, hint=_SHORTEN
            )
        if limits.seconds is not None and seconds > limits.seconds:
            raise MERDataError(
                f'is longer than {limits.seconds:g} seconds',
                path=self.name,
                hint=_SHORTEN,
            )

    def _check_side(self, height: int, width: int, path: str | None = None) -> None:
        size, limit = f'frames of {width}x{height} pixels', self.limits.side
        if height * width > MAX_PIXELS:
            raise MERDataError(
                f'has {size}; at most {MAX_PIXELS:,} are read', path=path or self.name
            )
        if not _MIN_SIDE <= min(height, width) or max(height, width) > limit:
            raise MERDataError(
                f'has {size}; {_MIN_SIDE} to {limit} on each side are read',
                path=path or self.name,
            )


def open_frame_source(
    given: str | os.PathLike | np.ndarray,
    fps: float | None = None,
    limits: SourceLimits | None = None,
) -> FrameSource:
    """Open a video file, a folder of frames or an array.

    Args:
        given: A path, or frames ``(T, H, W, 3)`` or ``(T, H, W)`` uint8, RGB or gray.
        fps: Frames per second of the recording. Required for folders and arrays. By
            default that of the video file; high-speed recordings are often stored to
            be played slowly, and need the true rate here.
        limits: Limits on the input. Defaults to ``SourceLimits()``.

    Raises:
        MERDataError: The input is none of these, is too large, or has no frame rate.
    """
    limits = limits or SourceLimits()
    if fps is not None and not RATES[0] <= fps <= RATES[1]:
        raise MERDataError(
            f'is {fps:g}, but must be {RATES[0]:g} to {RATES[1]:g} frames per second',
            field='fps',
        )
    if isinstance(given, np.ndarray):
        return _Array(given, fps, limits)
    if not isinstance(given, str | os.PathLike):
        raise MERDataError(
            f'a clip is a path or an array of frames, not a {type(given).__name__}'
        )
    path = Path(given)
    with _data_errors(path):
        return (_Folder if path.is_dir() else _Video)(path, fps, limits)


@contextmanager
def _data_errors(path: str | Path) -> Iterator[None]:
    """Turn errors from opening or reading a file into :class:`MERDataError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise MERDataError(
            'there is no such video file, image or folder of frames', path=path
        ) from error
    except OSError as error:
        # Names that no file can have are too long to be shown.
        name = str(path) if len(str(path)) < 4096 else quote(str(path))
        raise MERDataError(
            f'cannot be read ({error.strerror})',
            path=name,
            hint=_RESTORE,
        ) from error
    except VideoError as error:
        raise MERDataError(str(error), path=path) from error
    except ImageReadError as error:
        raise MERDataError(str(error), path=path, hint=_RESTORE) from error
    except MERDataError:
        raise
    except ValueError as error:  # a NUL character
        raise MERDataError('is not a file name', path=quote(str(path))) from error


class _Array(FrameSource):
    def __init__(
        self, array: np.ndarray, fps: float | None, limits: SourceLimits
    ) -> None:
        self.name, self.limits = 'the array of frames', limits
        gray = array.ndim == 3
        if array.dtype != np.uint8 or not (
            gray or (array.ndim == 4 and array.shape[3] == 3)
        ):
            raise MERDataError(
                f'must be (T, H, W, 3) or (T, H, W), uint8, not {array.shape} '
                f'{array.dtype}',
                path=self.name,
            )
        self._check_side(array.shape[1], array.shape[2])
        self.fps = _required(fps, self.name)
        self.count = len(array)
        self.array = np.repeat(array[..., None], 3, axis=3) if gray else array

    def _frames(self) -> Iterator[np.ndarray]:
        yield from self.array


class _Folder(FrameSource):
    def __init__(self, path: Path, fps: float | None, limits: SourceLimits) -> None:
        self.name, self.limits = str(path), limits
        self.fps = _required(fps, self.name)
        held = list_images(path)
        self.images = ClipImages([str(path / one) for one in held.files.values()])
        numbers, self.notes = _fill_gaps([*held.files], self.name, limits)
        self.files = [str(path / held.files[number]) for number in numbers]
        self.count = len(self.files)
        if others := held.ignored:
            self.notes.append(
                f'{len(others)} other image(s) are not frames and are ignored: '
                f'{quote(", ".join(others[:3]))}'
            )
        if note := self.images.note():
            self.notes.append(note)

    def _frames(self) -> Iterator[np.ndarray]:
        for file in self.files:
            with _data_errors(file):
                image = self.images.read(file)
            self._check_side(image.shape[0], image.shape[1], file)
            yield image


def _fill_gaps(
    numbers: list[int], name: str, limits: SourceLimits
) -> tuple[list[int], list[str]]:
    """Replace missing frames by the nearest ones, as in training.

    Args:
        numbers: Existing frame numbers in ascending order.
        name: The folder, for messages.
        limits: Limits on the input.

    Returns:
        The frame numbers to read, and notes.

    Raises:
        MERDataError: The range from the first number to the last is too long.
    """
    first, last = numbers[0], numbers[-1]
    total = last - first + 1
    missing = total - len(numbers)
    if not missing:
        return numbers, []
    renumber = 'number the images consecutively'
    if total > limits.frames:
        raise MERDataError(
            f'{missing} of the frames {first}..{last} are missing, and at most '
            f'{limits.frames} frames are read',
            path=name,
            hint=renumber,
        )
    note = (
        f'{missing} of the frames {first}..{last} are missing and replaced by the '
        f'nearest ones'
    )
    if missing > len(numbers):
        note += f'; if the numbers in the names are not frame numbers, {renumber}'
    return choose_frames(numbers, first, last).tolist(), [note]


class _Video(FrameSource):
    def __init__(self, path: Path, fps: float | None, limits: SourceLimits) -> None:
        self.name, self.path, self.limits = path.name, path, limits
        if (size := path.stat().st_size) > limits.size:
            raise MERDataError(
                f'has {size / 1e6:,.0f} MB, more than the {limits.size / 1e6:,.0f} MB '
                f'that are read',
                path=self.name,
                hint=_SHORTEN,
            )
        with _data_errors(self.name):
            with open_video_stream(path) as (_, stream):
                self._check_side(stream.height, stream.width)
            index = video_index(path, self._watch(fps))
            self._check_side(index.height, index.width)
            if index.damage:
                raise MERDataError(
                    f'cannot be decoded after {len(index)} frames ({index.damage}); '
                    f'the file is damaged',
                    path=self.name,
                    hint='copy it again',
                )
            sampling = sample_video(index, fps, most=limits.frames)
        self.fps, self.picks = sampling.fps, sampling.picks
        self.count, self.notes = len(self.picks), sampling.notes + frame_notes(index)

    def _watch(self, fps: float | None) -> ProgressCallback:
        """Return a callback that stops decoding as soon as a limit is exceeded."""
        started, patience = time.monotonic(), self.limits.patience

        def watch(count: int, seconds: float) -> None:
            self._check_length(count, (count - 1) / fps if fps else seconds)
            if patience is not None and time.monotonic() - started > patience:
                raise MERDataError(
                    f'decoding takes longer than {patience:g} seconds',
                    path=self.name,
                    hint='give a shorter or a smaller video',
                )

        return watch

    def _frames(self) -> Iterator[np.ndarray]:
        yield from iter_frames_in_order(str(self.path), self.picks, self.name)


def _required(fps: float | None, name: str) -> float:
    if fps is None:
        raise MERDataError(
            'images have no frame rate, which the pass band in Hz needs',
            path=name,
            hint='give fps',
        )
    return float(fps)
