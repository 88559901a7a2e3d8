"""Images that are bombs, or formats that open other files."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from .bulk import deflated_zeros, zlib_zeros
from .case import Corpus

#: Names of all images: readers detect the format from the content.
NAME = 'frame.png'


def write(corpus: Corpus) -> None:
    """Write the family."""

    def new(what: str, plants: str) -> Path:
        return corpus.new(f'pictures/{what}', NAME, 'picture', plants)

    for side, bits, color in ((20_000, 8, 2), (60_000, 1, 0), (32_000, 8, 0)):
        path = new(f'png-{side}', 'memory')
        path.write_bytes(png(side, side, bits, color))
    new('png-wide', 'memory').write_bytes(png(1_000_000, 600, 8, 2))
    new('png-declared', 'memory').write_bytes(
        png(2**31 - 1, 2**31 - 1, 16, 6, zlib.compress(b'\0' * 100))
    )
    text = b'c\0\0' + zlib_zeros(2 * 10**9)
    new('png-text-unpacks', 'memory').write_bytes(
        png(64, 64, 8, 2, before=png_chunk(b'zTXt', text))
    )
    profile = b'c\0\0' + zlib_zeros(2 * 10**9)
    new('png-profile-unpacks', 'memory').write_bytes(
        png(64, 64, 8, 2, before=png_chunk(b'iCCP', profile))
    )
    new('apng-many-frames', 'time').write_bytes(_apng(64, 3000))
    new('apng-giant-frame', 'memory').write_bytes(_apng(16_000, 3))
    new('tiff-deflate', 'memory').write_bytes(tiff(40_000, 30_000, deflate=True))
    new('tiff-declared', 'memory').write_bytes(tiff(2**31, 2**31, deflate=False))
    new('tiff-ring', 'time').write_bytes(tiff(64, 64, deflate=False, ring=True))
    new('bmp-declared', 'memory').write_bytes(bmp(30_000, 30_000))
    new('bmp-negative', 'memory').write_bytes(bmp(-(2**31), -(2**31)))
    new('pnm-declared', 'memory').write_bytes(b'P6 30000 30000 255\n' + bytes(100))
    new('pnm-bits', 'memory').write_bytes(b'P4 32767 32767\n' + bytes(1000))
    new('pfm', 'memory').write_bytes(b'PF\n20000 20000\n-1.0\n' + bytes(100))
    new('pam', 'memory').write_bytes(
        b'P7\nWIDTH 30000\nHEIGHT 30000\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\n'
        b'ENDHDR\n' + bytes(100)
    )
    new('radiance', 'memory').write_bytes(
        b'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20000 +X 20000\n' + bytes(100)
    )
    new('sun-raster', 'memory').write_bytes(
        struct.pack('>8I', 0x59A66A95, 30_000, 30_000, 24, 0, 2, 0, 0) + bytes(100)
    )
    new('jpeg-declared', 'memory').write_bytes(jpeg(65_500, 65_500))
    new('jpeg-2000', 'memory').write_bytes(_jpeg2000(30_000))
    new('webp-giant', 'memory').write_bytes(webp())
    new('gif-giant', 'memory').write_bytes(gif(30_000, 30_000, 2))
    new('gif-many-frames', 'time').write_bytes(gif(64, 64, 30_000))
    new('exr', 'memory').write_bytes(_exr(100_000))
    new('avif', 'memory').write_bytes(
        b'\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf' + b'\0\0\0\x08mdat' * 3
    )
    secret = corpus.secret('pictures/svg')
    called = corpus.url('pictures/svg')
    new('svg', 'another file').write_text(
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://{secret}">]>'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
        f'<image href="file://{secret}"/><image href="{called}"/>'
        f'<script>planted</script><text>&x;</text></svg>'
    )
    marker = corpus.marker('pictures/eps')
    new('eps', 'a call').write_text(
        f'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n'
        f'mark /OutputFile (%pipe%touch {marker}) currentdevice putdeviceprops\n'
        f'showpage\n%%EOF\n'
    )
    marker = corpus.marker('pictures/mvg')
    new('mvg', 'a call').write_text(
        f'push graphic-context\nviewbox 0 0 64 64\n'
        f"image over 0,0 0,0 '|touch {marker}'\n"
        f'fill \'url({corpus.url("pictures/mvg")}"|touch "{marker})\'\n'
        f'pop graphic-context\n'
    )
    new('psd', 'memory').write_bytes(
        b'8BPS\0\1' + bytes(6) + struct.pack('>HIIHH', 3, 30_000, 30_000, 8, 3)
        + bytes(100)
    )  # fmt: skip
    new('icns', 'memory').write_bytes(
        b'icns'
        + struct.pack('>I', 2**31 - 1)
        + b'ic10'
        + struct.pack('>I', 16)
        + bytes(8)
    )
    new('ico', 'memory').write_bytes(b'\0\0\1\0\1\0' + bytes(8) + b'\xff' * 8)
    new('fits', 'memory').write_bytes(
        b''.join(line.ljust(80).encode() for line in (
            'SIMPLE  =                    T', 'BITPIX  =                    8',
            'NAXIS   =                    2', 'NAXIS1  =                30000',
            'NAXIS2  =                30000', 'END'))
    )  # fmt: skip
    whole = cv2.imencode('.jpg', _noise())[1].tobytes()
    half = len(whole) // 2
    new('jpeg-zeroed', 'other pixels').write_bytes(whole[:half] + bytes(half))
    new('jpeg-cut', 'other pixels').write_bytes(whole[:half])
    new('one-byte', 'damage').write_bytes(b'\x89')
    new('empty', 'damage').write_bytes(b'')


def _noise(side: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))


def png(
    width: int,
    height: int,
    bits: int,
    color: int,
    data: bytes | None = None,
    before: bytes = b'',
) -> bytes:
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    if data is None:
        data = zlib_zeros(height * (1 + (width * bits * samples + 7) // 8))
    head = struct.pack('>IIBBBBB', width, height, bits, color, 0, 0, 0)
    parts = [
        png_chunk(b'IHDR', head),
        before,
        png_chunk(b'IDAT', data),
        png_chunk(b'IEND', b''),
    ]
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def _apng(side: int, count: int) -> bytes:
    rows = zlib_zeros(side * (1 + side * 3))
    head = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    parts = [png_chunk(b'IHDR', head), png_chunk(b'acTL', struct.pack('>II', count, 0))]
    number = 0
    for frame in range(count):
        control = struct.pack('>IIIIIHHBB', number, side, side, 0, 0, 1, 50, 0, 0)
        parts.append(png_chunk(b'fcTL', control))
        number += 1
        if frame == 0:
            parts.append(png_chunk(b'IDAT', rows))
        else:
            parts.append(png_chunk(b'fdAT', struct.pack('>I', number) + rows))
            number += 1
    return b'\x89PNG\r\n\x1a\n' + b''.join([*parts, png_chunk(b'IEND', b'')])


def tiff(width: int, height: int, deflate: bool, ring: bool = False) -> bytes:
    data = b'\x78\xda' + deflated_zeros(width * height) if deflate else bytes(64)
    fields = [
        (256, 4, width % 2**32), (257, 4, height % 2**32), (258, 3, 8),
        (259, 3, 8 if deflate else 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
        (278, 4, height % 2**32), (279, 4, len(data)),
    ]  # fmt: skip
    at = 8 + len(data) + len(data) % 2
    told = struct.pack('<H', len(fields)) + b''.join(
        struct.pack('<HHII', tag, kind, 1, value) for tag, kind, value in fields
    )
    # The next directory: none, or this one again.
    told += struct.pack('<I', at if ring else 0)
    return b'II*\0' + struct.pack('<I', at) + data + b'\0' * (len(data) % 2) + told


def bmp(width: int, height: int) -> bytes:
    told = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 1, 1, 0, 0)
    return b'BM' + struct.pack('<IHHI', 2**31 - 1, 0, 0, 54) + told + bytes(100)


def jpeg(width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode('.jpg', _noise())[1].tobytes())
    place = data.index(b'\xff\xc0') + 5
    data[place : place + 4] = struct.pack('>HH', height, width)
    return bytes(data)


def _jpeg2000(side: int) -> bytes:
    size = struct.pack('>HIIIIIIIIH', 0, side, side, 0, 0, side, side, 0, 0, 3)
    size += bytes([7, 1, 1]) * 3
    head = b'\xff\x4f\xff\x51' + struct.pack('>H', len(size) + 2) + size
    return (
        head + b'\xff\x52\x00\x0c\x00\x00\x00\x01\x01\x05\x04\x04\x00\x01' + bytes(99)
    )


def webp() -> bytes:
    # Lossless, of one color each 16,383 pixels wide and high: as a header alone.
    data = bytearray(
        cv2.imencode('.webp', _noise(), [cv2.IMWRITE_WEBP_QUALITY, 101])[1]
    )
    place = data.index(b'VP8L') + 9
    old = int.from_bytes(data[place : place + 4], 'little')
    most = (1 << 14) - 1
    new = (old >> 28 << 28) | (most - 1) << 14 | (most - 1)
    data[place : place + 4] = new.to_bytes(4, 'little')
    return bytes(data)


def gif(width: int, height: int, count: int) -> bytes:
    """A GIF of one grey, whose frames are a few bytes each."""
    head = b'GIF89a' + struct.pack('<HHBBB', width, height, 0x80, 0, 0)
    palette = bytes(3) + b'\x80' * 3
    # Frames of one pixel; the rest stays what it was.
    frame = (
        b'!\xf9\x04\x04\x02\0\0\0' + b',' + struct.pack('<HHHHB', 0, 0, 1, 1, 0)
        + b'\x02\x02\x44\x01\0'
    )  # fmt: skip
    return head + palette + frame * count + b';'


def _exr(side: int) -> bytes:
    def told(name: str, kind: str, data: bytes) -> bytes:
        return f'{name}\0{kind}\0'.encode() + struct.pack('<I', len(data)) + data

    window = struct.pack('<4i', 0, 0, side - 1, side - 1)
    channel = b'R\0' + struct.pack('<IIII', 1, 0, 1, 1) + b'\0'
    return (
        b'\x76\x2f\x31\x01\x02\0\0\0'
        + told('channels', 'chlist', channel)
        + told('compression', 'compression', b'\0')
        + told('dataWindow', 'box2i', window)
        + told('displayWindow', 'box2i', window)
        + told('lineOrder', 'lineOrder', b'\0')
        + told('pixelAspectRatio', 'float', struct.pack('<f', 1))
        + told('screenWindowCenter', 'v2f', bytes(8))
        + told('screenWindowWidth', 'float', struct.pack('<f', 1))
        + b'\0'
        + bytes(100)
    )
