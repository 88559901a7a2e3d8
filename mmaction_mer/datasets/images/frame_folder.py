"""The frames of one clip: which there are, which are taken, and reading them.

Frames carry the **numbers** of their files (``img46.jpg`` is frame 46); in a
video the number is the index, counted from 0. Sorting file names as text puts
``img100.jpg`` before ``img46.jpg``, so everything here goes by number.
"""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...utils.errors import MERDataError
from ...utils.text import quote
from ..annotation_rules import split_template
from .clip_images import ClipPictures
from .frame_names import FrameNameError, by_template
from .image_file import MAX_CLIP, PictureError


def list_frames(folder: str, template: str, clip: str = '') -> dict[int, str]:
    """List the frame files of a folder by frame number.

    Padding is free: ``'img{}.jpg'`` and ``'img{:05d}.jpg'`` both find
    ``img46.jpg`` and ``img00046.jpg``. So are letters' case and the ending where no
    file has the template's own, see :func:`~.frame_names.by_template`. Other files are
    left alone.

    Args:
        folder: The folder of the clip.
        template: File name with one ``{}`` for the frame number.
        clip: Name of the clip, for messages.

    Returns:
        Path by frame number, in the order of the numbers.

    Raises:
        MERDataError: The folder is missing, holds no such file, or holds a frame
            twice or one that is no file.
    """
    around = split_template(template)
    if around is None:
        raise MERDataError(
            f'clip {clip}, field filename_tmpl: {quote(template)} is not a file name '
            f"with one {{}} for the frame number, such as 'img{{}}.jpg'"
        )
    try:
        with os.scandir(folder) as entries:
            # A link leads to a file, or nowhere, or to what is no file.
            files = {entry.name: is_file(entry) for entry in entries}
    except (OSError, ValueError) as error:
        # ValueError: a name with a NUL, which no file has.
        raise MERDataError(
            f'{folder}: clip {clip}, field frame_dir: frame folder cannot be read '
            f'({getattr(error, "strerror", error)}); check data_root, or add the frames'
        ) from error
    try:
        found = by_template(files, around)
    except FrameNameError as error:
        text = str(error)
        if error.twice:
            first, second, number = error.twice
            text = (
                f'{quote(first)} and {quote(second)} are both frame {number}: remove '
                f'one of them'
            )
        raise MERDataError(f'{folder}: clip {clip}: {text}') from error
    for name in found.values():
        if not files[name]:
            raise MERDataError(
                f'{os.path.join(folder, name)}: clip {clip}: is no file that can be '
                f'read, but a folder, a pipe, a device or a link to nowhere: remove '
                f'it, and the nearest frame is used'
            )
    if not found:
        names = sorted(files)
        example = f'it holds {quote(names[0])}' if names else 'the folder is empty'
        raise MERDataError(
            f'{folder}: clip {clip}, field filename_tmpl: no file matches '
            f'{quote(template)}; {example}'
        )
    return {number: os.path.join(folder, name) for number, name in found.items()}


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a file, or a link that leads to one."""
    try:
        return entry.is_file()
    except OSError:
        return False


def sample_positions(total: int, max_frames: int | None = None) -> np.ndarray:
    """Choose positions at regular intervals, both ends included.

    Args:
        total: Number of positions, at least 2.
        max_frames: At most so many are chosen, at least 2; None takes all.

    Returns:
        Rising int64 array of shape (min(total, max_frames),) with values in
        0..total-1.

    >>> sample_positions(61, 4).tolist()
    [0, 20, 40, 60]
    >>> sample_positions(3, 16).tolist()
    [0, 1, 2]
    """
    if total < 2 or (max_frames is not None and max_frames < 2):
        raise MERDataError(
            f'cannot choose {max_frames} of {total} frames: motion needs two or more'
        )
    if max_frames is None or total <= max_frames:
        return np.arange(total)
    # Half goes up: numpy's rounding to even would make the steps uneven.
    return np.floor(np.linspace(0, total - 1, max_frames) + 0.5).astype(np.int64)


def choose_frames(
    available: Sequence[int] | np.ndarray,
    onset: int,
    offset: int,
    max_frames: int | None = None,
) -> np.ndarray:
    """Choose the frame numbers of a clip, regular in time.

    The wanted numbers lie at regular intervals from onset to offset; where one
    is missing on disk the nearest that exists takes its place, so the frame
    rate stays true.

    Args:
        available: Frame numbers that exist.
        onset: First frame number of the clip.
        offset: Last frame number of the clip.
        max_frames: At most so many are chosen; None takes all.

    Returns:
        Int64 array of frame numbers that never fall, all in ``available``.

    Raises:
        MERDataError: Fewer than two frames exist between onset and offset.

    >>> choose_frames([1, 2, 4, 5], onset=1, offset=5).tolist()
    [1, 2, 2, 4, 5]
    """
    numbers = np.unique(np.asarray(available, dtype=np.int64))
    inside = numbers[(numbers >= onset) & (numbers <= offset)]
    if len(inside) < 2:
        held = f'frames {numbers[0]}..{numbers[-1]} exist' if len(numbers) else 'none'
        raise MERDataError(
            f'{len(inside)} frame(s) between onset {onset} and offset {offset}, two '
            f'or more are needed ({held}): check that onset and offset count as the '
            f'file names do'
        )
    wanted = onset + sample_positions(offset - onset + 1, max_frames)
    right = np.searchsorted(inside, wanted).clip(1, len(inside) - 1)
    before, after = inside[right - 1], inside[right]
    return np.where(wanted - before <= after - wanted, before, after)


def sampled_fps(fps: float, total: int, chosen: int) -> float:
    """Return the frame rate after ``chosen`` of ``total`` frames were taken.

    Both ends are kept, so the clip lasts as long as before:
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
        clip: Name of the clip, for messages.
        among: All images of the clip, which decide what is white where they have more
            than 8 bits (see :mod:`.samples`); ``paths`` by default.

    Returns:
        Arrays (H, W, 3) uint8, RGB; a grey image has three equal channels.

    Raises:
        MERDataError: A file is missing, is not a whole image, is too large, or has
            another size than the first; or all of them take too much memory.
    """
    frames: dict[str, np.ndarray] = {}
    unique = [*dict.fromkeys(paths)]
    for path, image in zip(unique, each_image(unique, clip, among), strict=True):
        check_memory(len(paths), image.shape[:2], path, clip)
        frames[path] = image
    return each_its_own(frames, paths)


def each_image(
    paths: Sequence[str], clip: str = '', among: Sequence[str] | None = None
) -> Iterator[np.ndarray]:
    """Read image files one after another, so that a long clip takes no more memory.

    Args:
        paths: See :func:`read_images`.
        clip: Alike.
        among: Alike.

    Yields:
        Arrays (H, W, 3) uint8, RGB, all of one size.

    Raises:
        MERDataError: See :func:`read_images`.
    """
    pictures = ClipPictures(paths if among is None else among)
    first = None
    for path in paths:
        try:
            image = pictures.read(path)
        except OSError as error:
            raise MERDataError(
                f'{path}: clip {clip}: frame cannot be read: {error.strerror}; restore '
                f'the file'
            ) from error
        except PictureError as error:
            raise MERDataError(
                f'{path}: clip {clip}: {error}; restore the file, or delete it and the '
                f'nearest frame is used'
            ) from error
        first = first or (path, image.shape)
        _check_size(path, image.shape, *first, clip)
        yield image


def _check_size(
    path: str, size: tuple[int, ...], other: str, wanted: tuple[int, ...], clip: str
) -> None:
    if size != wanted:
        raise MERDataError(
            f'{path}: clip {clip}: frame is {size[1]}x{size[0]} but {other} is '
            f'{wanted[1]}x{wanted[0]}: all frames of a clip must have one size'
        )


def check_memory(count: int, size: tuple[int, int], path: str, clip: str) -> None:
    """Refuse a clip that would take more memory than a clip may."""
    height, width = size
    if count * height * width * 3 > MAX_CLIP:
        raise MERDataError(
            f'{path}: clip {clip}: {count} frames of {width}x{height} pixels take '
            f'{count * height * width * 3 / 1e6:,.0f} MB, and a clip may take '
            f'{MAX_CLIP / 1e6:,.0f}: set max_frames, or make the pictures smaller '
            f'(tools/data/prepare.py cuts out the face)'
        )


def each_its_own(images: Any, places: Iterable[Any]) -> list[np.ndarray]:
    """Copy images that repeat: transforms that write into them would do so twice."""
    seen: set[Any] = set()
    own = []
    for place in places:
        own.append(images[place].copy() if place in seen else images[place])
        seen.add(place)
    return own


def missing_frames(
    available: Container[int], onset: int, offset: int
) -> tuple[int, int | None]:
    """Count the frame numbers from onset to offset that do not exist.

    Returns:
        How many are missing, and the first of them (None if none is).

    >>> missing_frames({1, 2, 5}, onset=1, offset=5)
    (2, 3)
    """
    missing = [n for n in range(onset, offset + 1) if n not in available]
    return len(missing), missing[0] if missing else None
