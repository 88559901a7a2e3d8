"""The frames of one clip: which there are, which are taken, and reading them.

Frames carry the **numbers** of their files (``img46.jpg`` is frame 46); in a
video the number is the index, counted from 0. Sorting file names as text puts
``img100.jpg`` before ``img46.jpg``, so everything here goes by number.
"""

import os
import re
from collections.abc import Container, Iterable, Sequence
from typing import Any

import cv2
import decord
import numpy as np

from .annotation import MERDataError
from .rules import split_template


def list_frames(folder: str, template: str, clip: str = '') -> dict[int, str]:
    """List the frame files of a folder by frame number.

    Padding is free: ``'img{}.jpg'`` and ``'img{:05d}.jpg'`` both find
    ``img46.jpg`` and ``img00046.jpg``. Other files are left alone.

    Args:
        folder: The folder of the clip.
        template: File name with one ``{}`` for the frame number.
        clip: Name of the clip, for messages.

    Returns:
        Path by frame number, in the order of the numbers.

    Raises:
        MERDataError: The folder is missing, holds no such file, or holds a
            frame twice.
    """
    around = split_template(template)
    if around is None:
        raise MERDataError(
            f'clip {clip}, field filename_tmpl: {template!r} is not a file name with '
            f"one {{}} for the frame number, such as 'img{{}}.jpg'"
        )
    pattern = re.compile(f'{re.escape(around[0])}([0-9]+){re.escape(around[1])}')
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise MERDataError(
            f'{folder}: clip {clip}, field frame_dir: frame folder cannot be read '
            f'({error.strerror}); check data_root, or add the frames'
        ) from error
    found: dict[int, str] = {}
    for name in names:
        match = pattern.fullmatch(name)
        if match is None or len(match[1]) > 18:
            continue
        number = int(match[1])
        if number in found:
            raise MERDataError(
                f'{folder}: clip {clip}: {os.path.basename(found[number])} and {name} '
                f'are both frame {number}: remove one of them'
            )
        found[number] = os.path.join(folder, name)
    if not found:
        example = f'it holds {names[0]!r}' if names else 'the folder is empty'
        raise MERDataError(
            f'{folder}: clip {clip}, field filename_tmpl: no file matches '
            f'{template!r}; {example}'
        )
    return dict(sorted(found.items()))


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


def read_images(paths: Sequence[str], clip: str = '') -> list[np.ndarray]:
    """Read image files of one size as RGB.

    Args:
        paths: The files, in order; a path that repeats is read once.
        clip: Name of the clip, for messages.

    Returns:
        Arrays (H, W, 3) uint8, RGB; a grey image has three equal channels.

    Raises:
        MERDataError: A file is missing, is not a whole image, or has another
            size than the first.
    """
    frames: dict[str, np.ndarray] = {}
    for path in dict.fromkeys(paths):
        try:
            # Not cv2.imread: it cannot open every file name on every system.
            payload = np.fromfile(path, dtype=np.uint8)
            image = cv2.imdecode(payload, cv2.IMREAD_COLOR) if len(payload) else None
        except (OSError, cv2.error) as error:
            raise MERDataError(
                f'{path}: clip {clip}: frame cannot be read: {error}; restore the file'
            ) from error
        if image is None:
            raise MERDataError(
                f'{path}: clip {clip}: not a whole image; restore the file, or delete '
                f'it and the nearest frame is used'
            )
        first = next(iter(frames.values()), image)
        if image.shape != first.shape:
            raise MERDataError(
                f'{path}: clip {clip}: frame is {image.shape[1]}x{image.shape[0]} but '
                f'{next(iter(frames))} is {first.shape[1]}x{first.shape[0]}: all '
                f'frames of a clip must have one size'
            )
        frames[path] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _each_its_own(frames, paths)


def open_video(path: str, clip: str = '') -> decord.VideoReader:
    """Open a video whose ``len()`` is its number of frames.

    Raises:
        MERDataError: The file is missing or is not a video.
    """
    if not os.path.isfile(path):
        raise MERDataError(
            f'{path}: clip {clip}, field video: video not found; check data_root'
        )
    try:
        # One thread: loader workers already share out the cores.
        return decord.VideoReader(path, num_threads=1)
    except (RuntimeError, decord.DECORDError) as error:
        raise MERDataError(
            f'{path}: clip {clip}, field video: video cannot be opened; restore it'
        ) from error


def read_video(
    path: str, indices: Sequence[int] | np.ndarray, clip: str = ''
) -> list[np.ndarray]:
    """Read frames of a video by index.

    Args:
        path: The video file.
        indices: 0-based indices, in order; one that repeats is read once.
        clip: Name of the clip, for messages.

    Returns:
        Arrays (H, W, 3) uint8, RGB.

    Raises:
        MERDataError: The video cannot be opened, or lacks or cannot decode a
            frame that is asked for.
    """
    reader = open_video(path, clip)
    wanted, places = np.unique(np.asarray(indices, np.int64), return_inverse=True)
    if wanted[0] < 0 or wanted[-1] >= len(reader):
        raise MERDataError(
            f'{path}: clip {clip}: frames {wanted[0]}..{wanted[-1]} asked for, but the '
            f'video holds frames 0..{len(reader) - 1}'
        )
    try:
        frames = reader.get_batch(wanted.tolist()).asnumpy()
    except (RuntimeError, decord.DECORDError) as error:
        raise MERDataError(
            f'{path}: clip {clip}: frames cannot be decoded; restore the file'
        ) from error
    return _each_its_own(frames, places)


def _each_its_own(images: Any, places: Iterable[Any]) -> list[np.ndarray]:
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
