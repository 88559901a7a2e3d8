"""List, choose and read the frames of one clip in a folder.

A frame has the **number** in its file name (``img46.jpg`` is frame 46); in a video the
number is the index, counted from 0. Sorting file names as text puts ``img100.jpg``
before ``img46.jpg``, so frames are always sorted by number.
"""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...utils.errors import MERDataError
from ...utils.file_errors import data_errors
from ...utils.text import quote
from ..annotation_rules import split_template
from .clip_images import ClipImages
from .frame_names import FrameNameError, by_template
from .image_file import MAX_CLIP


def list_frames(folder: str, template: str, clip: str = '') -> dict[int, str]:
    """List the frame files of a folder by frame number.

    Zero padding is ignored: ``'img{}.jpg'`` and ``'img{:05d}.jpg'`` both find
    ``img46.jpg`` and ``img00046.jpg``. If no file matches exactly, case and suffix are
    ignored too, see :func:`~.frame_names.by_template`. Other files are ignored.

    Args:
        folder: The folder of the clip.
        template: File name with one ``{}`` for the frame number.
        clip: Name of the clip, for messages. Defaults to ''.

    Returns:
        Path by frame number, in the order of the numbers.

    Raises:
        MERDataError: The folder is missing or contains no such file, two files have
            the same number, or a frame is not a file.
    """
    around = split_template(template)
    if around is None:
        raise MERDataError(
            f'{quote(template)} is not a file name with one {{}} for the frame number',
            clip=clip,
            field='filename_tmpl',
            hint="write a template such as 'img{}.jpg'",
        )
    with (
        data_errors(
            'frame folder',
            folder,
            clip=clip,
            field='frame_dir',
            hint='check data_root, or add the frames',
        ),
        os.scandir(folder) as entries,
    ):
        files = {entry.name: is_file(entry) for entry in entries}
    try:
        found = by_template(files, around)
    except FrameNameError as error:
        raise MERDataError(str(error), path=folder, clip=clip) from error
    for name in found.values():
        if not files[name]:
            raise MERDataError(
                'is not a file, but a folder, a pipe, a device or a broken link',
                path=os.path.join(folder, name),
                clip=clip,
                hint='remove it, and the nearest frame is used',
            )
    if not found:
        names = sorted(files)
        example = f'it contains {quote(names[0])}' if names else 'the folder is empty'
        raise MERDataError(
            f'no file matches {quote(template)}; {example}',
            path=folder,
            clip=clip,
            field='filename_tmpl',
        )
    return {number: os.path.join(folder, name) for number, name in found.items()}


def is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a file or a link to one."""
    try:
        return entry.is_file()
    except OSError:
        return False


def sample_positions(total: int, max_frames: int | None = None) -> np.ndarray:
    """Choose positions at regular intervals, both ends included.

    Args:
        total: Number of positions, at least 2.
        max_frames: Maximum number of positions, at least 2. Defaults to None, which
            takes all.

    Returns:
        Increasing int64 array of shape (min(total, max_frames),) with values in
        0..total-1.

    >>> sample_positions(61, 4).tolist()
    [0, 20, 40, 60]
    >>> sample_positions(3, 16).tolist()
    [0, 1, 2]
    """
    if total < 2 or (max_frames is not None and max_frames < 2):
        raise MERDataError(
            f'cannot choose {max_frames} of {total} frames: motion needs at least two'
        )
    if max_frames is None or total <= max_frames:
        return np.arange(total)
    # Round half up: numpy rounds half to even, which would make the steps uneven.
    return np.floor(np.linspace(0, total - 1, max_frames) + 0.5).astype(np.int64)


def choose_frames(
    available: Sequence[int] | np.ndarray,
    onset: int,
    offset: int,
    max_frames: int | None = None,
    clip: str | None = None,
) -> np.ndarray:
    """Choose frame numbers of a clip at regular intervals in time.

    A frame that is missing on disk is replaced by the nearest one that exists, so that
    the frame rate stays correct.

    Args:
        available: Frame numbers that exist.
        onset: First frame number of the clip.
        offset: Last frame number of the clip.
        max_frames: Maximum number of frames. Defaults to None, which takes all.
        clip: Name of the clip, for messages. Defaults to None.

    Returns:
        Non-decreasing int64 array of frame numbers, all in ``available``.

    Raises:
        MERDataError: Fewer than two frames exist between onset and offset.

    >>> choose_frames([1, 2, 4, 5], onset=1, offset=5).tolist()
    [1, 2, 2, 4, 5]
    """
    numbers = np.unique(np.asarray(available, dtype=np.int64))
    inside = numbers[(numbers >= onset) & (numbers <= offset)]
    if len(inside) < 2:
        exist = f'{numbers[0]}..{numbers[-1]} exist' if len(numbers) else 'none exists'
        raise MERDataError(
            f'has {len(inside)} frame(s) between onset {onset} and offset {offset}, '
            f'but needs at least two ({exist})',
            clip=clip,
            hint='check that onset and offset are counted as the file names are',
        )
    wanted = onset + sample_positions(offset - onset + 1, max_frames)
    right = np.searchsorted(inside, wanted).clip(1, len(inside) - 1)
    before, after = inside[right - 1], inside[right]
    return np.where(wanted - before <= after - wanted, before, after)


def sampled_fps(fps: float, total: int, chosen: int) -> float:
    """Return the frame rate of ``chosen`` out of ``total`` frames.

    Both ends are kept, so that the duration is the same:
    ``(chosen - 1) / rate == (total - 1) / fps``.

    >>> sampled_fps(200.0, total=61, chosen=16)
    50.0
    """
    return fps * (chosen - 1) / (total - 1)


def read_images(
    paths: Sequence[str], clip: str = '', among: Sequence[str] | None = None
) -> list[np.ndarray]:
    """Read image files of one size as RGB.

    Args:
        paths: The files, in order; a path that repeats is read once.
        clip: Name of the clip, for messages. Defaults to ''.
        among: All images of the clip, which determine the white level of images of
            more than 8 bits (see :mod:`.bit_depth`). Defaults to ``paths``.

    Returns:
        Arrays (H, W, 3) uint8, RGB; a gray image has three equal channels.

    Raises:
        MERDataError: A file is missing, damaged or too large, has another size than
            the first one, or all of them take too much memory.
    """
    frames: dict[str, np.ndarray] = {}
    unique = [*dict.fromkeys(paths)]
    for path, image in zip(unique, iter_images(unique, clip, among), strict=True):
        check_memory(len(paths), image.shape[:2], path, clip)
        frames[path] = image
    return copy_repeats(frames, paths)


def iter_images(
    paths: Sequence[str], clip: str = '', among: Sequence[str] | None = None
) -> Iterator[np.ndarray]:
    """Read image files one after another, with the memory of one image.

    Args:
        paths: See :func:`read_images`.
        clip: See :func:`read_images`.
        among: See :func:`read_images`.

    Yields:
        Arrays (H, W, 3) uint8, RGB, all of one size.

    Raises:
        MERDataError: See :func:`read_images`.
    """
    images = ClipImages(paths if among is None else among)
    first = None
    for path in paths:
        with data_errors(
            'frame',
            path,
            clip=clip,
            hint='restore the file, or delete it and the nearest frame is used',
            missing='restore the file',
        ):
            image = images.read(path)
        height, width = image.shape[:2]
        first = first or (path, height, width)
        if first[1:] != (height, width):
            raise MERDataError(
                f'frame is {width}x{height}, but {first[0]} is {first[2]}x{first[1]}: '
                'all frames of a clip must have one size',
                path=path,
                clip=clip,
            )
        yield image


def check_memory(count: int, size: tuple[int, int], path: str, clip: str) -> None:
    """Check that the frames of a clip take no more memory than allowed.

    Raises:
        MERDataError: They take more than ``MAX_CLIP``.
    """
    height, width = size
    needed = count * height * width * 3
    if needed > MAX_CLIP:
        raise MERDataError(
            f'{count} frames of {width}x{height} pixels take {needed / 1e6:,.0f} MB, '
            f'and a clip may take {MAX_CLIP / 1e6:,.0f} MB',
            path=path,
            clip=clip,
            hint='set max_frames, or make the images smaller (tools/data/prepare.py '
            'crops the face)',
        )


def copy_repeats(images: Any, keys: Iterable[Any]) -> list[np.ndarray]:
    """Copy images that repeat, so that transforms in place change each one once."""
    seen: set[Any] = set()
    result = []
    for key in keys:
        result.append(images[key].copy() if key in seen else images[key])
        seen.add(key)
    return result


def missing_frames(
    available: Container[int], onset: int, offset: int
) -> tuple[int, int | None]:
    """Count the frame numbers from onset to offset that do not exist.

    Returns:
        Their number, and the first of them (None if none is missing).

    >>> missing_frames({1, 2, 5}, onset=1, offset=5)
    (2, 3)
    """
    missing = [n for n in range(onset, offset + 1) if n not in available]
    return len(missing), missing[0] if missing else None
