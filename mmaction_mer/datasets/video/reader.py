"""Read single frames of a video and verify each one.

The checksum of every frame that is read must be that of the same frame in the index,
which decodes in order (``index.py``). There are three methods, the fastest first:
decord, if the time stamps show that it counts the same frames; seeking to the keyframe
before a frame; decoding from the beginning. If a method gives another frame, the next
one is used, for this file from then on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import decord
import numpy as np

from ...utils.errors import MERDataError
from ...utils.file_errors import data_errors
from ..images.frame_folder import check_memory, copy_repeats
from .files import VideoError, decode, open_video_stream, to_rgb
from .index import VideoIndex, checksum, stamp_of, video_index

# Batch size of decord.
_BATCH = 16
# Decoding so many frames is faster than seeking.
_NEAR = 12

Method = Callable[[str, VideoIndex, Sequence[int]], Iterator[np.ndarray]]


class _WrongFrameError(Exception):
    """A method gives another frame than decoding in order."""


def open_video(path: str, clip: str = '') -> VideoIndex:
    """Return the index of a video; ``len()`` is its number of frames.

    Args:
        path: The video file.
        clip: Name of the clip, for messages. Defaults to ''.

    Raises:
        MERDataError: The file is missing, is not a video, or is too large.
    """
    with data_errors(
        'video',
        path,
        clip=clip,
        field='video',
        hint='restore the file',
        missing='check data_root',
    ):
        return video_index(path)


def read_video(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> list[np.ndarray]:
    """Read frames of a video by index.

    Args:
        path: The video file.
        indices: 0-based indices, in any order; one that repeats is read once.
        clip: Name of the clip, for messages. Defaults to ''.

    Returns:
        Arrays (H, W, 3) uint8, RGB.

    Raises:
        MERDataError: The video cannot be opened, or a frame does not exist or cannot
            be decoded.
    """
    wanted, places = np.unique(np.asarray(indices, np.int64), return_inverse=True)
    index = _open_with(path, wanted, clip)
    check_memory(len(places), (index.height, index.width), path, clip)
    images = list(_read_verified(_methods(index), path, index, wanted.tolist(), clip))
    return copy_repeats(images, places.tolist())


def iter_video_frames(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> Iterator[np.ndarray]:
    """Read frames of a video one after another, with the memory of one frame.

    Args:
        path: The video file.
        indices: Non-decreasing 0-based indices.
        clip: Name of the clip, for messages. Defaults to ''.

    Yields:
        Arrays (H, W, 3) uint8, RGB, none of which share memory.

    Raises:
        MERDataError: See :func:`read_video`.
    """
    yield from _repeated(path, indices, clip)


def iter_frames_in_order(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> Iterator[np.ndarray]:
    """Read like :func:`iter_video_frames`, but only by decoding from the beginning.

    Every other method must give the same frames.
    """
    yield from _repeated(path, indices, clip, (_in_order,))


def _repeated(
    path: str,
    indices: Sequence[int] | np.ndarray,
    clip: str,
    methods: Sequence[Method] | None = None,
) -> Iterator[np.ndarray]:
    wanted, counts = np.unique(np.asarray(indices, np.int64), return_counts=True)
    index = _open_with(path, wanted, clip)
    images = _read_verified(
        methods or _methods(index), path, index, wanted.tolist(), clip
    )
    for image, count in zip(images, counts, strict=True):
        yield image
        for _ in range(count - 1):
            yield image.copy()


def _open_with(path: str, wanted: np.ndarray, clip: str) -> VideoIndex:
    """Open a video and check that it has the frames of increasing indices."""
    index = open_video(path, clip)
    if wanted[0] >= 0 and wanted[-1] < len(index):
        return index
    hint = f'{index.damage}; copy the file again' if index.damage else None
    raise MERDataError(
        f'frames {wanted[0]}..{wanted[-1]} are needed, but the video has frames '
        f'0..{len(index) - 1}',
        path=path,
        clip=clip,
        hint=hint,
    )


def _methods(index: VideoIndex) -> Sequence[Method]:
    """Return the methods that a file allows, the fastest first."""
    methods: list[Method] = []
    if index.plain and index.decord is not False:
        methods.append(_by_decord)
    if index.ordered and index.seeks:
        methods.append(_seeking)
    return (*methods, _in_order)


def _read_verified(
    methods: Sequence[Method],
    path: str,
    index: VideoIndex,
    wanted: Sequence[int],
    clip: str,
) -> Iterator[np.ndarray]:
    """Read by the first method; continue with the next one where it fails."""
    done, why = 0, ''
    for method in methods:
        try:
            for image in method(path, index, wanted[done:]):
                if checksum(image) != index.sums[wanted[done]]:
                    raise _WrongFrameError(f'frame {wanted[done]} differs')
                yield image
                done += 1
        except (_WrongFrameError, VideoError, OSError) as error:
            why = str(error)
        if done == len(wanted):
            return
        if method is _by_decord:
            index.decord = False
        elif method is _seeking:
            index.seeks = False
    raise MERDataError(
        f'frame {wanted[done]} cannot be decoded again ({why}): the file was changed '
        'while it was read',
        path=path,
        clip=clip,
        hint='start again, or restore the file',
    )


def _in_order(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Decode from the beginning, and count."""
    left = iter(wanted)
    goal = next(left, None)
    with open_video_stream(path, index.strict) as (container, stream):
        frames = decode(container, stream, None, index.from_key, index.strict)
        for number, frame in enumerate(frames):
            if goal is None:
                return
            if number == goal:
                yield to_rgb(frame)
                goal = next(left, None)
                if goal is None:
                    return


def _seeking(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Decode from the keyframe before each frame, by its time stamp."""
    # Use only keyframes that are shown.
    keys = [key for key in index.packets.keys if _frame_at(index, key[0]) is not None]
    starts = [_frame_at(index, key[0]) for key in keys]
    # References missing after a seek are not damage; checksums tell them apart.
    with open_video_stream(path, strict=False) as (container, stream):
        frames = decode(container, stream, None, index.from_key, strict=False)
        reached = -1
        for goal in wanted:
            place = int(np.searchsorted(starts, goal, 'right'))
            near = not place or starts[place - 1] <= reached + _NEAR
            image = _advance(frames, index, goal) if near else None
            # Some containers seek by decoding time stamps; in open groups, frames
            # refer to frames before their keyframe.
            for stamp in [one for key in keys[:place][:-3:-1] for one in key]:
                if image is not None:
                    break
                container.seek(stamp, stream=stream)
                frames = decode(container, stream, strict=False)
                image = _advance(frames, index, goal)
            if image is None:
                raise _WrongFrameError(f'frame {goal} is not found by its time stamp')
            reached = goal
            yield image


def _frame_at(index: VideoIndex, stamp: int) -> int | None:
    """Return the number of the frame with a time stamp; None if there is none."""
    place = int(np.searchsorted(index.stamps, stamp))
    return place if place < len(index) and index.stamps[place] == stamp else None


def _advance(frames: Iterator[Any], index: VideoIndex, goal: int) -> np.ndarray | None:
    """Decode up to a frame; return None if that gives another one."""
    try:
        for frame in frames:
            if stamp_of(frame) >= index.stamps[goal]:
                image = to_rgb(frame)
                return image if checksum(image) == index.sums[goal] else None
    except VideoError:
        pass
    return None


def _by_decord(
    path: str, index: VideoIndex, wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    """Read by decord, if its frames have the time stamps of the index."""
    try:
        # One thread: loader workers already use the cores.
        reader = decord.VideoReader(f'file:{os.path.abspath(path)}', num_threads=1)
        if index.decord is None:
            index.decord = _same_frames(reader, index)
        if not index.decord:
            raise _WrongFrameError('decord counts other frames')
        for start in range(0, len(wanted), _BATCH):
            batch = reader.get_batch(wanted[start : start + _BATCH]).asnumpy()
            # Copies, since a view would keep the whole batch in memory.
            yield from map(np.ndarray.copy, batch)
    except (RuntimeError, ValueError, decord.DECORDError) as error:
        raise _WrongFrameError(f'decord cannot read it: {error}') from error


def _same_frames(reader: decord.VideoReader, index: VideoIndex) -> bool:
    """Return whether decord has the frame count and times of decoding in order."""
    if len(reader) != len(index) or index.times is None:
        return False
    # decord stores them in single precision.
    times = reader.get_frame_timestamp(range(len(index)))[:, 0].astype(float)
    limit = index.tick + 1e-6 * times.max()
    return bool((np.abs(times - times[0] - index.times) <= limit).all())
