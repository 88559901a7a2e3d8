"""Reading one picture file of which nothing is known: its size first, then its pixels.

A file says how large its picture is before it has to be decoded, so that nobody can ask
for memory without end; and what is damaged is refused, as far as it can be told.
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

#: Pixels of the longer side, and of a whole picture (8K video has 33 million): twice
#: the sides of any camera that films faces.
MAX_SIDE = 8192
MAX_PIXELS = 1 << 25
#: Bytes of a file: such a picture without compression, with 16 bits per channel.
MAX_FILE = 1 << 28
#: Bytes that the frames of one clip may take: 77 of a camera with 1920x1200 pixels, or
#: 16 of 4K. Models see 16 small ones.
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
# Bytes that the header of a file that is no TIFF has, at most.
_HEADER = 1 << 20
_DEFLATE = (8, 32946)
# Files that were found sound, by device, inode, size and time of change: an epoch
# reads them again.
_sound: set[tuple[int, ...]] = set()
_MOST_KNOWN = 1_000_000
_lock = threading.Lock()


class PictureError(ValueError):
    """A picture that cannot be read; the text says why and does not name the file."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, before it is known what is white.

    Attributes:
        samples: (H, W, 3) RGB: uint8, or uint16 or float32 of more than 8 bits.
        stored: How its file stores them.
    """

    samples: np.ndarray
    stored: Samples

    def white(self) -> int:
        """Return its white, as far as it can be told from this picture alone."""
        return white_of(self.samples, self.stored)

    def as_bytes(self, white: int) -> np.ndarray:
        """Bring it to (H, W, 3) uint8 by the white of its clip.

        Raises:
            PictureError: See :func:`~.samples.to_bytes`.
        """
        try:
            return to_bytes(self.samples, self.stored, white)
        except SampleError as error:
            raise PictureError(str(error)) from error


def read_picture(path: str | Path) -> Picture:
    """Read a picture file.

    Args:
        path: A JPEG, PNG, BMP, TIFF, WebP, PPM or PGM file, whatever its name says.

    Returns:
        The picture; a grey one has three equal channels.

    Raises:
        PictureError: It is none of these, is damaged or too large, or stores its
            pixels in a way that is not read.
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        payload = file.read(MAX_FILE + 1)
    key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    picture = unpack(payload, sound=key in _sound)
    with _lock:
        if len(_sound) < _MOST_KNOWN:
            _sound.add(key)
    return picture


def decode(payload: bytes, sound: bool = False) -> np.ndarray:
    """Decode the content of a picture file that is a clip of its own.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        PictureError: See :func:`read_picture`.
    """
    picture = unpack(payload, sound)
    return picture.as_bytes(picture.white())


def unpack(payload: bytes, sound: bool = False) -> Picture:
    """Decode the content of a picture file.

    Args:
        payload: The file.
        sound: Whether it is known to be free of damage.

    Returns:
        The picture.

    Raises:
        PictureError: See :func:`read_picture`.
    """
    if len(payload) > MAX_FILE:
        raise PictureError(f'has more than the {MAX_FILE:,} bytes of any picture')
    kind = _kind(payload)
    stored = _stored_as(payload, kind)
    width, height = _size(payload, kind)
    if not width or not height:
        raise PictureError('not a whole image')
    if max(width, height) > MAX_SIDE:
        raise PictureError(
            f'says that it has {width}x{height} pixels; up to {MAX_SIDE} each way are '
            f'read'
        )
    if width * height > MAX_PIXELS:
        raise PictureError(
            f'says that it has {width}x{height} pixels; up to {MAX_PIXELS:,} are read'
        )
    if not sound and (damage := _damage(payload, kind)):
        raise PictureError(f'not a whole image ({damage})')
    way = cv2.IMREAD_COLOR
    if stored.kind != 'bytes':
        way = cv2.IMREAD_UNCHANGED if stored.grey else way | cv2.IMREAD_ANYDEPTH
    try:
        # Not cv2.imread: it cannot open every file name on every system.
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), way)
        if image is None or {*image.shape[:2]} != {height, width}:
            raise PictureError('not a whole image')
        change = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        return Picture(cv2.cvtColor(image, change), stored)
    except cv2.error as error:
        raise PictureError(f'not a whole image ({error.err})') from error


def read_header(path: str | Path) -> Samples:
    """Read how a picture file stores its pixels, and decode none.

    Raises:
        PictureError: It is no picture file, or stores them in a way that is not read.
        OSError: See :func:`read_picture`.
    """
    with open_regular(path) as file:
        payload = file.read(_HEADER)
        if (kind := _kind(payload)) == 'TIFF':
            payload += file.read(MAX_FILE)  # its header may stand at the end
    return _stored_as(payload, kind)


def _stored_as(payload: bytes, kind: str) -> Samples:
    readers = {'PNG': png_samples, 'PPM': ppm_samples, 'TIFF': tiff_samples}
    try:
        return readers[kind](payload) if kind in readers else Samples()
    except SampleError as error:
        raise PictureError(str(error)) from error
    except Exception as error:
        # A header made to deceive makes Pillow raise errors of any kind.
        raise PictureError(f'not a whole image ({_said(error)})') from error


def _kind(payload: bytes) -> str:
    if payload[:4] == b'RIFF' and payload[8:12] == b'WEBP':
        return 'WEBP'
    for beginning, kind in _BEGINNINGS.items():
        if payload.startswith(beginning):
            return kind
    raise PictureError('not a whole image (no JPEG, PNG, BMP, TIFF, WebP or PPM file)')


def _size(payload: bytes, kind: str) -> tuple[int, int]:
    """Width and height as the file's header says them."""
    if kind == 'JPEG':
        frames = jpeg_damage.split(payload).frames
        if (bits := max((frame[0] for _, frame in frames if frame), default=8)) > 8:
            raise PictureError(f'is a JPEG file of {bits} bits; save it with 8')
        sizes = [
            (int.from_bytes(frame[3:5], 'big'), int.from_bytes(frame[1:3], 'big'))
            for _, frame in frames
        ]
        return max(sizes, default=(0, 0), key=max)
    if kind == 'PNG':
        return int.from_bytes(payload[16:20], 'big'), int.from_bytes(
            payload[20:24], 'big'
        )
    try:
        with _open(payload, kind) as picture:
            return picture.size
    except Image.DecompressionBombError as error:
        raise PictureError(f'says that it has more than {MAX_PIXELS:,} pixels') from (
            error
        )
    except Exception as error:
        # A header made to deceive makes Pillow raise errors of any kind.
        raise PictureError(f'not a whole image ({_said(error)})') from error


def _open(payload: bytes, kind: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return Image.open(io.BytesIO(payload), formats=[kind])


def _damage(payload: bytes, kind: str) -> str | None:
    """Say what is wrong with a file that OpenCV might decode to other pixels.

    PNG files have checksums, which it compares. BMP and WebP files have nothing that
    could be compared, only their lengths, which are.
    """
    if kind == 'JPEG':
        return jpeg_damage.find_damage(payload)
    if kind != 'TIFF':
        return None
    try:
        with _open(payload, kind) as picture:
            tags = dict(picture.tag_v2)  # type: ignore[attr-defined]
            picture.load()
        if tags.get(259) in _DEFLATE:
            for start, size in zip(tags[273], tags[279], strict=True):
                _ = zlib.decompress(payload[start : start + size])
    except Exception as error:
        return _said(error)
    return None


def _said(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'[:120]
