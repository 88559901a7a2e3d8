"""Read the images of one clip with one white level, see :mod:`.bit_depth`.

The level depends on all images of the clip. It is determined when the first image of
more than 8 bits is read, and cached as long as the files do not change.
"""

import hashlib
import os
import threading
from collections.abc import Sequence

import numpy as np

from .bit_depth import WHITES, common_white
from .image_file import ImageReadError, read_header, read_image

# White level and whether all files declare it, by the state of the files of a clip.
_known: dict[str, tuple[int, bool]] = {}
_MAX_KNOWN = 100_000
# Version of the scaling of images of more than 8 bits.
_SCALING_VERSION = 2
_lock = threading.Lock()


class ClipImages:
    """The images of a clip, read one by one.

    Args:
        files: All images of the clip, also those that are not read, so that the
            white level does not depend on which ones are.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files
        self._white: tuple[int, bool] | None = None

    def read(self, path: str) -> np.ndarray:
        """Read one of them, (H, W, 3) uint8 RGB.

        Raises:
            ImageReadError: See :func:`.image_file.read_image`.
            OSError: See :func:`.image_file.read_image`.
        """
        image = read_image(path)
        deep = image.stored.kind == 'integers'
        return image.as_bytes(self._find()[0] if deep else WHITES[0])

    def note(self) -> str | None:
        """Describe how they are scaled; None for 8 bits."""
        kind = _kind(self.files)
        if kind == 'bytes':
            return None
        if kind == 'floats':
            return 'the images store floats, in which 1 is white'
        white, declared = self._find()
        bits = f' ({white.bit_length()} bits)' if white in WHITES else ''
        how = (
            'as the files declare'
            if declared
            else f'by the brightest pixel of all {len(self.files)} images, since the '
            f'files do not declare it'
        )
        return f'the images store integers, in which {white}{bits} is white, {how}'

    def _find(self) -> tuple[int, bool]:
        """Return the white level of the clip, and whether its files declare it."""
        if self._white is None:
            key = _state(self.files)
            with _lock:
                found = _known.get(key)
            if found is None:
                found = _measure(self.files)
                with _lock:
                    if len(_known) < _MAX_KNOWN:
                        _known[key] = found
            self._white = found
        return self._white


def files_of_white_level(files: Sequence[str], among: Sequence[str]) -> list[str]:
    """List the files that determine the pixels of some images of a clip.

    Args:
        files: The images.
        among: All images of the clip.

    Returns:
        ``files``; if they have more than 8 bits, the other images of the clip too.
    """
    deep = _kind(files) == 'integers'
    return [*dict.fromkeys([*files, *among])] if deep else [*files]


def scaling_version(files: Sequence[str]) -> list[int]:
    """Return the part of a fingerprint that changes when images are scaled otherwise.

    Returns:
        A version number for images of more than 8 bits; empty for all others.
    """
    return [_SCALING_VERSION] if _kind(files) == 'integers' else []


def _kind(files: Sequence[str]) -> str:
    """Return the kind of :class:`.Samples` of the first readable image."""
    for path in files:
        try:
            return read_header(path).kind
        except (ImageReadError, OSError):
            continue  # reading it raises the error
    return 'bytes'


def _measure(files: Sequence[str]) -> tuple[int, bool]:
    whites, declared = [], True
    for path in files:
        try:
            stored = read_header(path)
            if stored.kind != 'integers':
                continue
            white = stored.white or read_image(path).white()
        except (ImageReadError, OSError):
            continue  # reading it raises the error
        whites.append(white)
        by_file = stored.white or stored.least
        declared = declared and WHITES[0] != by_file == white
        if white == WHITES[-1]:
            break  # the highest level
    return common_white(whites), declared


def _state(files: Sequence[str]) -> str:
    facts = []
    for path in files:
        try:
            found = os.stat(path)
        except OSError:
            facts.append((path, 0, 0))
        else:
            facts.append((path, found.st_size, found.st_mtime_ns))
    return hashlib.blake2b(repr(facts).encode(errors='replace')).hexdigest()
