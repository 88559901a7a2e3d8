"""Much out of little: streams of zeros that unpack to gigabytes."""

import struct
import zlib
from pathlib import Path

_BLOCK = 1 << 22


def deflated_zeros(size: int) -> bytes:
    """Raw deflate data of ``size`` zero bytes, a thousandth as long."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(bytes(_BLOCK))
    packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same bytes mean the same again, wherever they stand.
    block = packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    whole, rest = divmod(size, _BLOCK)
    tail = packer.compress(bytes(rest)) + packer.flush(zlib.Z_FINISH)
    return block * whole + tail


def zlib_zeros(size: int) -> bytes:
    """The same as a zlib stream, its checksum right."""
    checksum = (size % 65521) << 16 | 1
    return b'\x78\xda' + deflated_zeros(size) + struct.pack('>I', checksum)


def crc_of(start: bytes, zeros: int) -> int:
    """CRC-32 of some bytes and many zeros after them."""
    found = zlib.crc32(start)
    while zeros:
        step = min(zeros, 1 << 24)
        found = zlib.crc32(memoryview(_ZEROS)[:step], found)
        zeros -= step
    return found


_ZEROS = bytes(1 << 24)


def write_zip(path: Path, members: dict[str, tuple[bytes, int]]) -> None:
    """Write a zip archive whose members are bytes with zeros behind them.

    Args:
        path: The archive.
        members: Bytes and number of zeros, by name.
    """
    body, index = b'', b''
    for name, (start, zeros) in members.items():
        size = len(start) + zeros
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
        data += deflated_zeros(zeros)
        crc = crc_of(start, zeros)
        encoded = name.encode()
        fields = struct.pack('<HHHHHIIIHH', 20, 0, 8, 0, 0, crc, len(data), size,
                             len(encoded), 0)  # fmt: skip
        index += b'PK\x01\x02\x14\x00' + fields + struct.pack(
            '<HHHII', 0, 0, 0, 0, len(body)
        ) + encoded  # fmt: skip
        body += b'PK\x03\x04' + fields + encoded + data
    end = struct.pack('<HHHHIIH', 0, 0, len(members), len(members), len(index),
                      len(body), 0)  # fmt: skip
    path.write_bytes(body + index + b'PK\x05\x06' + end)
