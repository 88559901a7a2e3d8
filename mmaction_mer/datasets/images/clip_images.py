"""Reading the pictures of one clip, all of them by one white.

See :mod:`.samples`: what is white in pictures of more than 8 bits is a fact of the
clip. It is looked for once, in all of its pictures, when the first one of more than 8
bits is read, and is kept for as long as the files stay as they are.
"""

import hashlib
import os
import threading
from collections.abc import Sequence

import numpy as np

from .bit_depth import WHITES, common_white
from .image_file import PictureError, read_header, read_picture

# White, and whether all files say it, by the state of a clip's files.
_known: dict[str, tuple[int, bool]] = {}
_MOST_KNOWN = 100_000
# Raised when the same pictures of more than 8 bits give other bytes.
_SCALED = 2
_lock = threading.Lock()


class ClipPictures:
    """The pictures of a clip, read one by one.

    Args:
        files: All pictures of the clip, also those that are not read: whoever reads
            some of them sees them as whoever reads all.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files
        self._white: tuple[int, bool] | None = None

    def read(self, path: str) -> np.ndarray:
        """Read one of them, (H, W, 3) uint8 RGB.

        Raises:
            PictureError: See :func:`.pictures.read_picture`.
            OSError: Alike.
        """
        picture = read_picture(path)
        deep = picture.stored.kind == 'integers'
        return picture.as_bytes(self._find()[0] if deep else WHITES[0])

    def note(self) -> str | None:
        """Say by what scale they are read; None where they have 8 bits."""
        kind = _kind(self.files)
        if kind == 'bytes':
            return None
        if kind == 'floats':
            return 'the pictures store floats, of which 1 is read as white'
        white, declared = self._find()
        bits = f' ({white.bit_length()} bits)' if white in WHITES else ''
        how = (
            'as the files say'
            if declared
            else f'by the brightest pixel of all {len(self.files)}, since the files do '
            f'not say it'
        )
        return f'the pictures store numbers, of which {white}{bits} is white, {how}'

    def _find(self) -> tuple[int, bool]:
        """White of the clip, and whether its files say it."""
        if self._white is None:
            key = _state(self.files)
            with _lock:
                found = _known.get(key)
            if found is None:
                found = _measure(self.files)
                with _lock:
                    if len(_known) < _MOST_KNOWN:
                        _known[key] = found
            self._white = found
        return self._white


def deciding(files: Sequence[str], among: Sequence[str]) -> list[str]:
    """Name the files that decide what the pictures of a clip look like.

    Args:
        files: Those that are read.
        among: All of the clip.

    Returns:
        ``files``; where the first of them needs to know what is white, the others too.
    """
    deep = _kind(files) == 'integers'
    return [*dict.fromkeys([*files, *among])] if deep else [*files]


def scale_state(files: Sequence[str]) -> list[int]:
    """Give what a fingerprint of pictures has to hold besides their files.

    Returns:
        A number that is raised when pictures of more than 8 bits come out otherwise
        than before; empty for all others, which stay as they are.
    """
    return [_SCALED] if _kind(files) == 'integers' else []


def _kind(files: Sequence[str]) -> str:
    """How the first picture that is one stores its pixels, see :class:`.Samples`."""
    for path in files:
        try:
            return read_header(path).kind
        except (PictureError, OSError):
            continue  # refused when it is read
    return 'bytes'


def _measure(files: Sequence[str]) -> tuple[int, bool]:
    whites, declared = [], True
    for path in files:
        try:
            stored = read_header(path)
            if stored.kind != 'integers':
                continue
            white = stored.white or read_picture(path).white()
        except (PictureError, OSError):
            continue  # refused when it is read
        whites.append(white)
        said = stored.white or stored.least
        declared = declared and WHITES[0] != said == white
        if white == WHITES[-1]:
            break  # no other can be whiter
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
