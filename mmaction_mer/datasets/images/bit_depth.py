"""Bit depth of image files, and scaling of their samples to 8 bits.

A camera of 12 bits writes 0..4095 into files of 16 bits, whose headers say 16 bits. All
frames of a clip are scaled by one **white level**, the sample value of white: the one
that the files declare, else the full scale of the lowest bit depth (8, 10, 12, 14 or
16) that covers all samples of the clip. Separate levels per frame would make the
brightness flicker, which the motion stream would magnify.
"""

import io
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import TiffImagePlugin

#: Full scale of cameras with 8, 10, 12, 14 and 16 bits.
WHITES = (255, 1023, 4095, 16383, 65535)
# Resizing may leave values above white, by less than half a gray level.
_ROUNDING = 1 / 512
_PPM = re.compile(rb'P([2356])(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)'
                  rb'(?:\s+|#[^\n]*\n)+(\d+)\s')  # fmt: skip
_REDUCED, _WIDTH = 254, 256
_BITS, _PHOTOMETRIC, _COUNT = 258, 262, 277
_FORMAT, _LARGEST = 339, 341
_FORMATS = {2: 'signed integers', 3: 'floating-point numbers', 4: 'unknown samples'}


class SampleError(ValueError):
    """Samples of a kind that is not supported."""


@dataclass(frozen=True)
class Samples:
    """The sample format of an image file.

    Attributes:
        kind: ``'bytes'`` if decoders return 0..255, ``'integers'`` or ``'floats'`` if
            the samples have to be scaled by a white level.
        white: White level that the file declares; None if it does not.
        least: Lower bound of the white level, by the bit depth of the camera in the
            file.
        inverted: Whether zero is white.
        gray: Whether the decoder has to return the samples as stored, in one channel.
    """

    kind: str = 'bytes'
    white: int | None = None
    least: int = WHITES[0]
    inverted: bool = False
    gray: bool = False


def png_samples(payload: bytes) -> Samples:
    """Read the sample format of a PNG file from its bit depth and chunk ``sBIT``."""
    if payload[24:25] != b'\x10':
        return Samples()
    least, offset = WHITES[0], 8
    while offset + 12 <= len(payload):
        size = int.from_bytes(payload[offset : offset + 4], 'big')
        kind = payload[offset + 4 : offset + 8]
        if kind == b'sBIT':
            bits = max(payload[offset + 8 : offset + 8 + min(size, 3)], default=0)
            least = white_above((1 << min(bits, 16)) - 1)
        if kind in (b'IDAT', b'PLTE', b'IEND'):
            break
        offset += 12 + size
    return Samples('integers', least=least)


def ppm_samples(payload: bytes) -> Samples:
    """Read the sample format of a PPM or PGM file, by the maximum in its header."""
    match = _PPM.match(payload[:4096])
    white = int(match[4]) if match else WHITES[0]
    # OpenCV scales small maxima only in files whose samples are written as text.
    scaled = white == WHITES[0] or (white < WHITES[0] and match[1] in b'23')  # type: ignore[index]
    if scaled:
        return Samples()
    if not 1 <= white <= WHITES[-1]:
        raise SampleError(f'declares {white} as maximum, not 1 to {WHITES[-1]}')
    return Samples('integers', white=white)


def _tiff_tags(payload: bytes) -> dict[int, int]:
    """Read the tags of a TIFF file that describe the samples of its first image."""
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
            # A thumbnail of the first image is not a second image.
            if _WIDTH in second and not second.get(_REDUCED, 0) & 1:
                raise SampleError(
                    'contains more than one image; save each of them as a separate file'
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
    """Read the sample format of a TIFF file from its tags.

    Raises:
        SampleError: The format is not supported.
        Exception: Of any type, if the header is malformed.
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
            f'stores {what} of {bits} bits in {channels} channel(s), which is not '
            f'supported; save it with 8 or 16 unsigned bits, or in gray as 32-bit '
            f'floats from 0 to 1'
        )
    if bits == 16 and channels == 2:
        raise SampleError(
            'stores gray and transparency of 16 bits, which is not supported; save it '
            'without transparency'
        )
    if floats:
        return Samples('floats', white=1, inverted=inverted, gray=True)
    if bits == 12:
        # OpenCV returns them in the upper bits of 16.
        return Samples('integers', white=WHITES[-1], inverted=inverted)
    if bits == 16:
        largest = tags.get(_LARGEST, 0)
        least = white_above(largest) if 0 < largest < WHITES[-1] else WHITES[0]
        return Samples('integers', least=least, inverted=inverted)
    return Samples()


def white_above(value: int) -> int:
    """Return the full scale of the lowest bit depth that covers a value.

    >>> white_above(200), white_above(3760), white_above(65535)
    (255, 4095, 65535)
    """
    return next(white for white in WHITES if value <= white or white == WHITES[-1])


def white_of(samples: np.ndarray, stored: Samples) -> int:
    """Return the white level of one image, as far as it can be known from it.

    Args:
        samples: (H, W, 3) as decoded.
        stored: Sample format of its file.
    """
    if stored.white is not None:
        return stored.white
    return max(stored.least, white_above(int(samples.max(initial=0))))


def common_white(whites: Iterable[int]) -> int:
    """Return the white level of a clip from those of its images.

    If they differ, the files declare the maximum of each image, not a full scale.

    >>> common_white([1000, 1000]), common_white([1000, 900]), common_white([])
    (1000, 1023, 255)
    """
    found = {*whites}
    return found.pop() if len(found) == 1 else white_above(max(found, default=0))


def to_bytes(samples: np.ndarray, stored: Samples, white: int) -> np.ndarray:
    """Scale samples to 0..255.

    Args:
        samples: (H, W, 3) uint8, uint16 or float32.
        stored: Sample format of their file.
        white: White level of the clip.

    Returns:
        (H, W, 3) uint8. Of integers, the upper eight bits, as in all decoders.

    Raises:
        SampleError: Floats are outside of 0..1.

    >>> gray = np.uint16([0, 2048, 4095])
    >>> to_bytes(gray, Samples('integers'), 4095).tolist()
    [0, 128, 255]
    """
    if stored.kind == 'bytes':
        return samples
    if stored.kind == 'floats':
        low, high = float(samples.min()), float(samples.max())
        if not -_ROUNDING <= low <= high <= 1 + _ROUNDING:  # also where they are NaN
            raise SampleError(
                f'stores floats from {low:g} to {high:g}, not from 0 for black to 1 '
                f'for white; scale all frames of the clip by one number'
            )
        gray = np.rint(samples.clip(0, 1) * 255).astype(np.uint8)
    elif white in WHITES:
        shift = WHITES.index(white) * 2
        gray = np.minimum(samples >> shift, 255).astype(np.uint8)
    else:
        scaled = np.rint(samples * np.float32(255 / white))
        gray = np.minimum(scaled, 255).astype(np.uint8)
    return 255 - gray if stored.inverted else gray
