"""How picture files store the brightness of a pixel, and how it becomes a byte.

A camera of 12 bits writes 0..4095 into files of 16 bits; what such a file says of
itself is the 16. All frames of a clip are scaled by one **white**, the value of the
brightest pixel that can be stored: what the files declare, else the full scale of the
shallowest camera (8, 10, 12, 14 or 16 bits) whose values hold those of the whole clip.
A scale of each frame's own would make the light flicker, and that is motion.
"""

import io
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import TiffImagePlugin

#: Full scale of the cameras that there are, from 8 to 16 bits.
WHITES = (255, 1023, 4095, 16383, 65535)
# Above white by less than half a step of grey: what resizing leaves.
_ROUNDING = 1 / 512
_PPM = re.compile(rb'P([2356])(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)'
                  rb'(?:\s+|#[^\n]*\n)+(\d+)\s')  # fmt: skip
_REDUCED, _WIDTH = 254, 256
_BITS, _PHOTOMETRIC, _COUNT = 258, 262, 277
_FORMAT, _LARGEST = 339, 341
_FORMATS = {2: 'signed integers', 3: 'floating-point numbers', 4: 'unknown samples'}


class SampleError(ValueError):
    """Samples that are not read; the text says which, and what to do."""


@dataclass(frozen=True)
class Samples:
    """How a picture file stores its samples.

    Attributes:
        kind: ``'bytes'`` for what decoders bring to 0..255 themselves, ``'integers'``
            or ``'floats'`` for what needs a white.
        white: White as the file declares it; None where it does not.
        least: White is this or more, since the file says so of its camera.
        inverted: Whether zero is white.
        grey: Whether the decoder has to be asked for the samples as they are stored,
            and gives one channel.
    """

    kind: str = 'bytes'
    white: int | None = None
    least: int = WHITES[0]
    inverted: bool = False
    grey: bool = False


def png_samples(payload: bytes) -> Samples:
    """Read a PNG file's header: its bit depth, and the chunk ``sBIT`` of its camera."""
    if payload[24:25] != b'\x10':
        return Samples()
    least, place = WHITES[0], 8
    while place + 12 <= len(payload):
        size = int.from_bytes(payload[place : place + 4], 'big')
        kind = payload[place + 4 : place + 8]
        if kind == b'sBIT':
            bits = max(payload[place + 8 : place + 8 + min(size, 3)], default=0)
            least = white_above((1 << min(bits, 16)) - 1)
        if kind in (b'IDAT', b'PLTE', b'IEND'):
            break
        place += 12 + size
    return Samples('integers', least=least)


def ppm_samples(payload: bytes) -> Samples:
    """Read the largest value from the header of a PPM or PGM file."""
    match = _PPM.match(payload[:4096])
    white = int(match[4]) if match else WHITES[0]
    # OpenCV scales small values where they are written as text, and only there.
    scaled = white == WHITES[0] or (white < WHITES[0] and match[1] in b'23')  # type: ignore[index]
    if scaled:
        return Samples()
    if not 1 <= white <= WHITES[-1]:
        raise SampleError(f'says that {white} is white; 1 to {WHITES[-1]} are read')
    return Samples('integers', white=white)


def _tiff_tags(payload: bytes) -> dict[int, int]:
    """Read the tags of a TIFF file that say how its first picture is stored."""
    big = payload[2:3] == b'+' or payload[3:4] == b'+'
    file = io.BytesIO(payload)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if big else 8))
        file.seek(directory.next)
        directory.load(file)
        if directory.next:
            second = TiffImagePlugin.ImageFileDirectory_v2(payload[: 16 if big else 8])
            file.seek(directory.next)
            second.load(file)
            # A smaller copy of the first picture is no other picture.
            if _WIDTH in second and not second.get(_REDUCED, 0) & 1:
                raise SampleError(
                    'holds more than one picture, and a frame is one: save each of '
                    'them as a file of its own'
                )
    tags = {}
    for tag in (_BITS, _PHOTOMETRIC, _COUNT, _FORMAT, _LARGEST):
        value = directory.get(tag)
        if isinstance(value, tuple):
            value = max(value, default=None)
        if isinstance(value, int | float):
            tags[tag] = int(value)
    return tags


def tiff_samples(payload: bytes) -> Samples:
    """Read from a TIFF file's tags how it stores its samples.

    Raises:
        SampleError: They are of a kind that is not read.
        Exception: Of any kind, where the header is made to deceive.
    """
    tags = _tiff_tags(payload)
    bits, stored = tags.get(_BITS, 1), tags.get(_FORMAT, 1)
    inverted = tags.get(_PHOTOMETRIC) == 0
    channels = tags.get(_COUNT, 1)
    floats = stored == 3 and bits == 32 and channels == 1
    palette = tags.get(_PHOTOMETRIC) == 3
    if not floats and (stored != 1 or bits not in (1, 8, 12, 16, 4 * palette)):
        what = _FORMATS.get(stored, 'integers')
        raise SampleError(
            f'stores {what} of {bits} bits in {channels} channel(s), which are not '
            f'read: save it with 8 or 16 bits without a sign, or in grey as 32-bit '
            f'floats from 0 to 1'
        )
    if bits == 16 and channels == 2:
        raise SampleError(
            'stores grey and transparency of 16 bits, which are not read: save it '
            'without transparency'
        )
    if floats:
        return Samples('floats', white=1, inverted=inverted, grey=True)
    if bits == 12:
        # OpenCV puts them into the upper bits of 16.
        return Samples('integers', white=WHITES[-1], inverted=inverted)
    if bits == 16:
        largest = tags.get(_LARGEST, 0)
        least = white_above(largest) if 0 < largest < WHITES[-1] else WHITES[0]
        return Samples('integers', least=least, inverted=inverted)
    return Samples()


def white_above(value: int) -> int:
    """Return the full scale of the shallowest camera that gives such a value.

    >>> white_above(200), white_above(3760), white_above(65535)
    (255, 4095, 65535)
    """
    return next(white for white in WHITES if value <= white or white == WHITES[-1])


def white_of(samples: np.ndarray, stored: Samples) -> int:
    """Return the white of one picture, as far as it can be told.

    Args:
        samples: (H, W, 3) as decoded.
        stored: How its file stores them.
    """
    if stored.white is not None:
        return stored.white
    return max(stored.least, white_above(int(samples.max(initial=0))))


def common_white(whites: Iterable[int]) -> int:
    """Return the one white of a clip from those of its pictures.

    Where they differ, what some program has written is no full scale but each
    picture's own maximum.

    >>> common_white([1000, 1000]), common_white([1000, 900]), common_white([])
    (1000, 1023, 255)
    """
    found = {*whites}
    return found.pop() if len(found) == 1 else white_above(max(found, default=0))


def to_bytes(samples: np.ndarray, stored: Samples, white: int) -> np.ndarray:
    """Bring samples to 0..255.

    Args:
        samples: (H, W, 3) uint8, uint16 or float32.
        stored: How their file stores them.
        white: The white of the clip.

    Returns:
        (H, W, 3) uint8. Of integers with 8 bits or more the upper eight, as all
        decoders take them.

    Raises:
        SampleError: Floats that do not lie between 0 and 1.

    >>> grey = np.uint16([0, 2048, 4095])
    >>> to_bytes(grey, Samples('integers'), 4095).tolist()
    [0, 128, 255]
    """
    if stored.kind == 'bytes':
        return samples
    if stored.kind == 'floats':
        low, high = float(samples.min()), float(samples.max())
        if not -_ROUNDING <= low <= high <= 1 + _ROUNDING:  # also where they are NaN
            raise SampleError(
                f'stores floats from {low:g} to {high:g}; 0 for black to 1 for white '
                f'are read: scale all frames of the clip by one number'
            )
        grey = np.rint(samples.clip(0, 1) * 255).astype(np.uint8)
    elif white in WHITES:
        shift = WHITES.index(white) * 2
        grey = np.minimum(samples >> shift, 255).astype(np.uint8)
    else:
        scaled = np.rint(samples * np.float32(255 / white))
        grey = np.minimum(scaled, 255).astype(np.uint8)
    return 255 - grey if stored.inverted else grey
