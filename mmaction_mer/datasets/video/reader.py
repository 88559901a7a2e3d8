"""Reading single frames of a video, each proven to be the one that was asked for.

A frame counts as read when the checksum of its pixels is that of the frame which
decoding in order gives at this place (``video_index.py``). Three ways lead there, the
fastest first: decord, where time stamps say that its frames are the same ones; seeking
to the key picture before a frame; decoding from the beginning. Where one of them gives
another frame the next one is taken, for this file from then on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import decord
import numpy as np

from ...utils.errors import MERDataError
from ..images.frame_folder import check_memory, each_its_own
from .files import VideoError, decode, open_pictures, picture
from .index import VideoIndex, checksum, stamp_of, video_index

# Frames that decord is asked for at once.
_AT_ONCE = 16
# Decoding so many frames costs less than seeking.
_NEAR = 12

Way = Callable[[str, VideoIndex, Sequence[int]], Iterator[np.ndarray]]


class _OtherFrame(Exception):
    """A way of reading gives another frame than decoding in order."""


def open_video(path: str, clip: str = '') -> VideoIndex:
    """Find out which frames a video holds; ``len()`` is their number.

    Args:
        path: The video file.
        clip: Name of the clip, for messages.

    Raises:
        MERDataError: The file is missing, is not a video, or is too large.
    """
    where = f'{path}: clip {clip}, field video:'
    try:
        return video_index(path)
    except FileNotFoundError as error:
        raise MERDataError(f'{where} video not found; check data_root') from error
    except OSError as error:
        raise MERDataError(
            f'{where} video cannot be read: {error.strerror}; restore it'
        ) from error
    except VideoError as error:
        raise MERDataError(
            f'{where} video cannot be opened: {error}; restore it'
        ) from error
    except ValueError as error:
        # A name with a NUL, which no file has.
        raise MERDataError(f'{where} {error}; check the name') from error


def read_video(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> list[np.ndarray]:
    """Read frames of a video by index.

    Args:
        path: The video file.
        indices: 0-based indices, in any order; one that repeats is read once.
        clip: Name of the clip, for messages.

    Returns:
        Arrays (H, W, 3) uint8, RGB.

    Raises:
        MERDataError: The video cannot be opened, or lacks or cannot decode a
            frame that is asked for.
    """
    wanted, places = np.unique(np.asarray(indices, np.int64), return_inverse=True)
    index = _holding(path, wanted, clip)
    check_memory(len(places), (index.height, index.width), path, clip)
    images = list(_tried(_ways(index), path, index, wanted.tolist(), clip))
    return each_its_own(images, places.tolist())


def each_video_frame(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> Iterator[np.ndarray]:
    """Read frames of a video one after another, so that many take no more memory.

    Args:
        path: The video file.
        indices: 0-based indices that do not fall; one may repeat.
        clip: Name of the clip, for messages.

    Yields:
        Arrays (H, W, 3) uint8, RGB, each of its own.

    Raises:
        MERDataError: See :func:`read_video`.
    """
    yield from _repeated(path, indices, clip)


def decoded_in_order(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> Iterator[np.ndarray]:
    """Read as :func:`each_video_frame` does, but by decoding from the beginning alone.

    This is what every way of reading has to give.
    """
    yield from _repeated(path, indices, clip, (_in_order,))


def _repeated(
    path: str,
    indices: Sequence[int] | np.ndarray,
    clip: str,
    ways: Sequence[Way] | None = None,
) -> Iterator[np.ndarray]:
    wanted, counts = np.unique(np.asarray(indices, np.int64), return_counts=True)
    index = _holding(path, wanted, clip)
    images = _tried(ways or _ways(index), path, index, wanted.tolist(), clip)
    for image, count in zip(images, counts, strict=True):
        yield image
        for _ in range(count - 1):
            yield image.copy()


def _holding(path: str, wanted: np.ndarray, clip: str) -> VideoIndex:
    """Open a video that holds rising indices."""
    index = open_video(path, clip)
    if wanted[0] >= 0 and wanted[-1] < len(index):
        return index
    held = f'the video holds frames 0..{len(index) - 1}'
    if index.damage:
        held = f'{held}, then it is damaged ({index.damage}); copy it again'
    raise MERDataError(
        f'{path}: clip {clip}: frames {wanted[0]}..{wanted[-1]} asked for, but {held}'
    )


def _ways(index: VideoIndex) -> Sequence[Way]:
    """The ways of reading that a file allows, the fastest first."""
    ways: list[Way] = []
    if index.plain and index.decord is not False:
        ways.append(_by_decord)
    if index.ordered and index.seeks:
        ways.append(_seeking)
    return (*ways, _in_order)


def _tried(
    ways: Sequence[Way], path: str, index: VideoIndex, wanted: Sequence[int], clip: str
) -> Iterator[np.ndarray]:
    """Read by the first way that gives each frame; go on by the next where it fails."""
    done, why = 0, ''
    for way in ways:
        try:
            for image in way(path, index, wanted[done:]):
                if checksum(image) != index.sums[wanted[done]]:
                    raise _OtherFrame(f'frame {wanted[done]} has changed')
                yield image
                done += 1
        except (_OtherFrame, VideoError, OSError) as error:
            why = str(error)
        if done == len(wanted):
            return
        if way is _by_decord:
            index.decord = False
        elif way is _seeking:
            index.seeks = False
    raise MERDataError(
        f'{path}: clip {clip}: frame {wanted[done]} cannot be decoded again ({why}); '
        f'the file was changed while it was read: start again, or restore it'
    )


def _in_order(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Decode from the beginning, and count."""
    left = iter(wanted)
    goal = next(left, None)
    with open_pictures(path, index.strict) as (container, stream):
        frames = decode(container, stream, None, index.from_key, index.strict)
        for number, frame in enumerate(frames):
            if goal is None:
                return
            if number == goal:
                yield picture(frame)
                goal = next(left, None)
                if goal is None:
                    return


def _seeking(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Decode from the key picture before each frame, known by its time stamp."""
    # A key picture counts where it is shown itself.
    keys = [key for key in index.packets.keys if _place(index, key[0]) is not None]
    starts = [_place(index, key[0]) for key in keys]
    # What is missing after a seek is no damage, and checksums tell it from damage.
    with open_pictures(path, strict=False) as (container, stream):
        frames = decode(container, stream, None, index.from_key, strict=False)
        reached = -1
        for goal in wanted:
            place = int(np.searchsorted(starts, goal, 'right'))
            near = not place or starts[place - 1] <= reached + _NEAR
            image = _advance(frames, index, goal) if near else None
            # Some containers seek by the stamps of decoding; some pictures refer to
            # what came before their key picture.
            for stamp in [one for key in keys[:place][:-3:-1] for one in key]:
                if image is not None:
                    break
                container.seek(stamp, stream=stream)
                frames = decode(container, stream, strict=False)
                image = _advance(frames, index, goal)
            if image is None:
                raise _OtherFrame(f'frame {goal} is not where its time stamp leads')
            reached = goal
            yield image


def _place(index: VideoIndex, stamp: int) -> int | None:
    """Number of the frame that has a time stamp; None where none has."""
    place = int(np.searchsorted(index.stamps, stamp))
    return place if place < len(index) and index.stamps[place] == stamp else None


def _advance(frames: Iterator[Any], index: VideoIndex, goal: int) -> np.ndarray | None:
    """Decode up to a frame; None where this leads to another one."""
    try:
        for frame in frames:
            if stamp_of(frame) >= index.stamps[goal]:
                image = picture(frame)
                return image if checksum(image) == index.sums[goal] else None
    except VideoError:
        pass
    return None


def _by_decord(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Read by decord, whose frames have to have the time stamps of the index."""
    try:
        # One thread: loader workers already share out the cores.
        reader = decord.VideoReader(f'file:{os.path.abspath(path)}', num_threads=1)
        if index.decord is None:
            index.decord = _same_frames(reader, index)
        if not index.decord:
            raise _OtherFrame('decord has other frames')
        for start in range(0, len(wanted), _AT_ONCE):
            batch = reader.get_batch(wanted[start : start + _AT_ONCE]).asnumpy()
            # Copies: a frame that is kept would keep all of its batch.
            yield from map(np.ndarray.copy, batch)
    except (RuntimeError, ValueError, decord.DECORDError) as error:
        raise _OtherFrame(f'decord cannot read it: {error}') from error


def _same_frames(reader: decord.VideoReader, index: VideoIndex) -> bool:
    """Whether decord counts the frames, and at the times, of decoding in order."""
    if len(reader) != len(index) or index.times is None:
        return False
    # decord keeps them in single precision.
    times = reader.get_frame_timestamp(range(len(index)))[:, 0].astype(float)
    limit = index.tick + 1e-6 * times.max()
    return bool((np.abs(times - times[0] - index.times) <= limit).all())
