"""Detect damage in JPEG files, of which decoders at most warn.

A JPEG file has no checksum, and almost any bits are valid codes: a damaged part is
decoded to something, and the rest is assigned to the wrong blocks. So the blocks are
counted. The image is decoded once more, at an eighth of its size and with a header that
declares additional rows. Their blocks must be empty, since libjpeg leaves blocks empty
when the data have ended: other values there mean too much data, and empty blocks before
mean too little. Damage that keeps the number of blocks is not detected this way; libav,
which rejects blocks with too many coefficients, detects some of it.
"""

import io
import math
import re
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from PIL import Image

SOI, EOI = b'\xff\xd8', b'\xff\xd9'
_SOF, _SOF_PROGRESSIVE = (0xC0, 0xC1), 0xC2
_DHT, _DQT, _DRI, _SOS, _ADOBE = 0xC4, 0xDB, 0xDD, 0xDA, 0xEE
# Markers that begin a frame: all of C0..CF but DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END_OF_SCAN = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
_RESTART = re.compile(rb'\xff[\xd0-\xd7]')
# Value of a block without coefficients, as libjpeg decodes it.
_EMPTY = 128
# Bits after the end of the data; if blocks are missing, they are decoded to noise.
_PROBE = bytes(range(7, 247)) * 8
# More zero bytes than a block of any image has.
_ZEROS = 64
# Maximum of a JPEG header, and above which Pillow warns.
_MAX_SIDE, _MAX_PIXELS = 65_500, 80_000_000


@dataclass
class Jpeg:
    """The parts of a JPEG file.

    Attributes:
        segments: Marker and payload of the tables that decoding the first scan needs.
        frames: Marker and payload of each frame header; a valid file has one.
        scans: Header and entropy-coded data of each scan.
        ended: Whether the file has an end marker.
    """

    segments: list[tuple[int, bytes]] = field(default_factory=list)
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    scans: list[tuple[bytes, bytes]] = field(default_factory=list)
    ended: bool = False


def split(data: bytes) -> Jpeg:
    r"""Split a JPEG file into its parts, as far as it is valid.

    >>> split(b'\xff\xd8\xff\xd9').ended
    True
    """
    found, place = Jpeg(), 2
    while (place := data.find(b'\xff', place)) >= 0:
        while data[place + 1 : place + 2] == b'\xff':
            place += 1  # fill bytes before a marker
        marker = data[place + 1] if place + 1 < len(data) else 0
        if marker == EOI[1]:
            found.ended = True
            break
        if marker in (0, 1) or 0xD0 <= marker <= 0xD8:
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], 'big')
        payload = data[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)
        if marker in _FRAMES:
            found.frames.append((marker, payload))
        if marker == _SOS:
            end = _END_OF_SCAN.search(data, place)
            stop = end.start() if end else len(data)
            found.scans.append((payload, data[place:stop]))
            place = stop
        elif marker in (_DHT, _DQT, _DRI, _ADOBE) and len(found.scans) == 0:
            found.segments.append((marker, payload))
    return found


def find_damage(data: bytes) -> str | None:
    """Describe the damage of a JPEG file.

    Args:
        data: The file, from its first marker.

    Returns:
        A few words; None for an undamaged file, and for kinds of JPEG that are not
        checked (arithmetic coding, lossless, hierarchical).
    """
    jpeg = split(data)
    if not jpeg.ended or not jpeg.scans:
        return 'the data end too early'
    if len(jpeg.frames) != 1:
        return 'not one frame header'
    marker, header = jpeg.frames[0]
    if marker not in (*_SOF, _SOF_PROGRESSIVE) or header[:1] != b'\x08':
        return None
    try:
        return (
            _zeros(jpeg, marker, header)
            or _miscount(jpeg, marker, header)
            or _invalid_codes(data)
        )
    except (IndexError, ValueError, OverflowError, SyntaxError, OSError):
        return 'invalid headers or data'


def _zeros(jpeg: Jpeg, marker: int, header: bytes) -> str | None:
    """Detect runs of zeros, which a disk returns for lost sectors.

    Zeros repeat the shortest code. If it means "no more coefficients", they are a flat
    image; otherwise blocks in which all coefficients are -1, which do not occur.
    """
    scan, entropy = jpeg.scans[0]
    if marker == _SOF_PROGRESSIVE or bytes(_ZEROS) not in entropy:
        return None
    table = 0x10 | (scan[2] & 15)  # AC table of the first component
    first = None
    for kind, payload in jpeg.segments:
        while kind == _DHT and payload:
            size = 17 + sum(payload[1:17])
            first = payload[17] if payload[0] == table else first
            payload = payload[size:]
    return None if first in (None, 0) else f'{_ZEROS} zeros in a row'


def _miscount(jpeg: Jpeg, marker: int, header: bytes) -> str | None:
    """Compare the number of blocks in the first scan with the size of the image."""
    scan, entropy = jpeg.scans[0]
    parts = header[5]
    if scan[0] != parts or parts not in (1, 3):
        return None
    factors = [byte for byte in header[7 : 6 + 3 * parts : 3]]
    across, down = (max(one >> 4 for one in factors), max(one & 15 for one in factors))
    if parts == 1:  # sampling factors have no effect
        across = down = 1
    height, width = (int.from_bytes(header[n : n + 2], 'big') for n in (1, 3))
    columns, rows = -(-width // (8 * across)), -(-height // (8 * down))
    interval = int.from_bytes(dict(jpeg.segments).get(_DRI, b'')[:2], 'big')
    pieces = [piece.rstrip(b'\xff') for piece in _RESTART.split(entropy)]
    marks = [mark[1] - 0xD0 for mark in _RESTART.findall(entropy)]
    if interval == 0 and marks:
        return 'unexpected restart markers'
    if interval and marks != [n % 8 for n in range(-(-columns * rows // interval) - 1)]:
        return 'restart markers are missing or out of order'
    # One row of blocks per restart interval, so that extra data of each one show.
    wide = columns if interval == 0 else interval + 2
    high = rows + 2 if interval == 0 else len(pieces)
    sides = wide * 8 * across, high * 8 * down
    if max(sides) > _MAX_SIDE or math.prod(sides) > _MAX_PIXELS:
        return None
    last = columns * rows - interval * (len(pieces) - 1)
    size = b''.join(side.to_bytes(2, 'big') for side in reversed(sides))
    frame = marker, header[:1] + size + header[5:]

    def blocks(probe: bytes) -> np.ndarray:
        """Return the mean of each block, (high, wide, down, across) uint8."""
        small = _decode_small(jpeg, frame, [one + probe for one in pieces], interval)
        return small.reshape(high, down, wide, across).swapaxes(1, 2)

    seen = blocks(b'').reshape(high * wide, -1)
    flat = (seen == _EMPTY).all(1)
    # Per interval: first block, the one after its last block, and the next row.
    begins = wide * np.arange(len(pieces))
    ends = begins + interval
    ends[-1] = begins[-1] + last
    stops = np.append(begins[1:], len(flat))
    beyond = np.zeros(len(flat), bool)
    for end, stop in zip(ends, stops, strict=True):
        # The first block after the end may decode the padding bits of the last byte.
        beyond[end + 1 : stop] = True
    if not flat[beyond].all():
        return 'data of more blocks than the image has'
    if flat[ends].any():
        # An empty block: either the padding bits encode it, or data are missing.
        beyond[ends] = True
        probed = blocks(_PROBE).reshape(seen.shape)
        if (probed != seen)[~beyond].any():
            return 'data of fewer blocks than the image has'
    return None


def _decode_small(
    jpeg: Jpeg, frame: tuple[int, bytes], pieces: list[bytes], interval: int
) -> np.ndarray:
    """Decode the first scan in gray at an eighth of the size in ``frame``."""
    segments = [one for one in jpeg.segments if one[0] != _DRI]
    if interval:
        segments.append((_DRI, (interval + 2).to_bytes(2, 'big')))
    head = [*segments, frame, (_SOS, jpeg.scans[0][0])]
    parts = [SOI]
    for marker, payload in head:
        parts += [bytes([255, marker]), (len(payload) + 2).to_bytes(2, 'big'), payload]
    for number, piece in enumerate(pieces):
        parts += [bytes([255, 0xD0 + (number - 1) % 8])] * (number > 0) + [piece]
    if frame[0] == _SOF_PROGRESSIVE:
        # libjpeg would interpolate coefficients without a scan from the neighbors.
        parts += [b'\xff\xc4\0\x14\x10\1' + bytes(16)]
        for name in frame[1][6::3]:
            parts += [b'\xff\xda\0\x08\1', bytes([name]), b'\0\x01\x3f\0']
    with Image.open(io.BytesIO(b''.join([*parts, EOI])), formats=['JPEG']) as image:
        image.draft('L', (1, 1))
        return np.asarray(image.convert('L'))


def _invalid_codes(data: bytes) -> str | None:
    context: Any = av.CodecContext.create('mjpeg', 'r')
    context.thread_count = 1
    context.options = {'err_detect': 'explode', 'skip_idct': 'all'}
    try:
        context.decode(av.Packet(data))
        context.decode(None)
    except av.error.InvalidDataError:
        return 'invalid codes'
    except (av.error.FFmpegError, NotImplementedError, ValueError):
        return None  # not supported by libav
    return None
