"""Read one untrusted image file: first its size, then its pixels.

The size in the header is checked before the image is decoded, so that a file cannot
exhaust the memory. Damaged files are rejected as far as damage can be detected.
"""

import io
import os
import threading
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...utils.files import open_regular
from . import jpeg_damage
from .bit_depth import (
    SampleError,
    Samples,
    png_samples,
    ppm_samples,
    tiff_samples,
    to_bytes,
    white_of,
)

#: Maximum pixels of the longer side and of the image (8K video has 33 million): twice
#: the size of any camera that records faces.
MAX_SIDE = 8192
MAX_PIXELS = 1 << 25
#: Maximum bytes of a file: such an image without compression, with 16 bits per channel.
MAX_FILE = 1 << 28
#: Maximum bytes of the frames of one clip: 77 frames of 1920x1200 pixels, or 16 of 4K.
#: Models get 16 small ones.
MAX_CLIP = 1 << 29

_BEGINNINGS = {
    b'\xff\xd8\xff': 'JPEG',
    b'\x89PNG\r\n\x1a\n': 'PNG',
    b'BM': 'BMP',
    b'II*\0': 'TIFF',
    b'MM\0*': 'TIFF',
    b'II+\0': 'TIFF',
    b'MM\0+': 'TIFF',
    b'P2': 'PPM',
    b'P3': 'PPM',
    b'P5': 'PPM',
    b'P6': 'PPM',
}
# Maximum bytes of the header of a file other than TIFF.
_HEADER = 1 << 20
_DEFLATE = (8, 32946)
# Files without damage, by device, inode, size and modification time: every epoch reads
# them again.
_undamaged: set[tuple[int, ...]] = set()
_MAX_KNOWN = 1_000_000
_lock = threading.Lock()


class ImageReadError(ValueError):
    """An image that cannot be read; the message does not name the file."""


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A decoded image, before its white level is known.

    Attributes:
        samples: (H, W, 3) RGB: uint8, or uint16 or float32 of more than 8 bits.
        stored: Sample format of its file.
    """

    samples: np.ndarray
    stored: Samples

    def white(self) -> int:
        """Return its white level, as far as it can be known from this image."""
        return white_of(self.samples, self.stored)

    def as_bytes(self, white: int) -> np.ndarray:
        """Scale it to (H, W, 3) uint8 by the white level of its clip.

        Raises:
            ImageReadError: See :func:`~.bit_depth.to_bytes`.
        """
        try:
            return to_bytes(self.samples, self.stored, white)
        except SampleError as error:
            raise ImageReadError(str(error)) from error


def read_image(path: str | Path) -> DecodedImage:
    """Read an image file.

    Args:
        path: A JPEG, PNG, BMP, TIFF, WebP, PPM or PGM file, whatever its suffix is.

    Returns:
        The image; a gray one has three equal channels.

    Raises:
        ImageReadError: It is none of these, is damaged or too large, or its sample
            format is not supported.
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        payload = file.read(MAX_FILE + 1)
    key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    image = decode_image(payload, undamaged=key in _undamaged)
    with _lock:
        if len(_undamaged) < _MAX_KNOWN:
            _undamaged.add(key)
    return image


def decode(payload: bytes) -> np.ndarray:
    """Decode the content of an image file with its own white level.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ImageReadError: See :func:`read_image`.
    """
    image = decode_image(payload)
    return image.as_bytes(image.white())


def decode_image(payload: bytes, undamaged: bool = False) -> DecodedImage:
    """Decode the content of an image file.

    Args:
        payload: The content of the file.
        undamaged: Whether to skip the search for damage. Defaults to False.

    Returns:
        The image.

    Raises:
        ImageReadError: See :func:`read_image`.
    """
    if len(payload) > MAX_FILE:
        raise ImageReadError(f'is larger than {MAX_FILE:,} bytes')
    kind = _kind(payload)
    stored = _stored_as(payload, kind)
    width, height = _size(payload, kind)
    if not width or not height:
        raise ImageReadError('damaged image')
    if max(width, height) > MAX_SIDE:
        raise ImageReadError(
            f'has {width}x{height} pixels, more than {MAX_SIDE} on a side'
        )
    if width * height > MAX_PIXELS:
        raise ImageReadError(
            f'has {width}x{height} pixels, more than {MAX_PIXELS:,} in total'
        )
    if not undamaged and (damage := _damage(payload, kind)):
        raise ImageReadError(f'damaged image ({damage})')
    flags = cv2.IMREAD_COLOR
    if stored.kind != 'bytes':
        flags = cv2.IMREAD_UNCHANGED if stored.gray else flags | cv2.IMREAD_ANYDEPTH
    try:
        # cv2.imread cannot open every file name on every system.
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), flags)
        if image is None or {*image.shape[:2]} != {height, width}:
            raise ImageReadError('damaged image')
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        return DecodedImage(cv2.cvtColor(image, code), stored)
    except cv2.error as error:
        raise ImageReadError(f'damaged image ({error.err})') from error


def read_header(path: str | Path) -> Samples:
    """Read the sample format of an image file, without decoding it.

    Raises:
        ImageReadError: It is not an image file, or its format is not supported.
        OSError: See :func:`read_image`.
    """
    with open_regular(path) as file:
        payload = file.read(_HEADER)
        if (kind := _kind(payload)) == 'TIFF':
            payload += file.read(MAX_FILE)  # its header may be at the end
    return _stored_as(payload, kind)


def _stored_as(payload: bytes, kind: str) -> Samples:
    readers = {'PNG': png_samples, 'PPM': ppm_samples, 'TIFF': tiff_samples}
    try:
        return readers[kind](payload) if kind in readers else Samples()
    except SampleError as error:
        raise ImageReadError(str(error)) from error
    except Exception as error:
        # Pillow raises errors of any type for malformed headers.
        raise ImageReadError(f'damaged image ({_short(error)})') from error


def _kind(payload: bytes) -> str:
    if payload[:4] == b'RIFF' and payload[8:12] == b'WEBP':
        return 'WEBP'
    for beginning, kind in _BEGINNINGS.items():
        if payload.startswith(beginning):
            return kind
    raise ImageReadError('not a JPEG, PNG, BMP, TIFF, WebP or PPM file')


def _size(payload: bytes, kind: str) -> tuple[int, int]:
    """Return width and height from the header."""
    if kind == 'JPEG':
        frames = jpeg_damage.split(payload).frames
        if (bits := max((frame[0] for _, frame in frames if frame), default=8)) > 8:
            raise ImageReadError(
                f'is a JPEG file of {bits} bits, which is not supported; save it with 8'
            )
        sizes = [
            (int.from_bytes(frame[3:5], 'big'), int.from_bytes(frame[1:3], 'big'))
            for _, frame in frames
        ]
        return max(sizes, default=(0, 0), key=max)
    if kind == 'PNG':
        width, height = payload[16:20], payload[20:24]
        return int.from_bytes(width, 'big'), int.from_bytes(height, 'big')
    try:
        with _open(payload, kind) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise ImageReadError(f'has more than {MAX_PIXELS:,} pixels') from error
    except Exception as error:
        # Pillow raises errors of any type for malformed headers.
        raise ImageReadError(f'damaged image ({_short(error)})') from error


def _open(payload: bytes, kind: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return Image.open(io.BytesIO(payload), formats=[kind])


def _damage(payload: bytes, kind: str) -> str | None:
    """Describe damage of a file that OpenCV might decode without an error.

    OpenCV checks the checksums of PNG files and the lengths of BMP and WebP files,
    which have nothing else to check.
    """
    if kind == 'JPEG':
        return jpeg_damage.find_damage(payload)
    if kind != 'TIFF':
        return None
    try:
        with _open(payload, kind) as image:
            tags = dict(image.tag_v2)  # type: ignore[attr-defined]
            image.load()
        if tags.get(259) in _DEFLATE:
            for start, size in zip(tags[273], tags[279], strict=True):
                _ = zlib.decompress(payload[start : start + size])
    except Exception as error:
        return _short(error)
    return None


def _short(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'[:120]
