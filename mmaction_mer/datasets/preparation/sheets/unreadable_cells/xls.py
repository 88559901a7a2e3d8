"""Unreadable cells of .xls files: BIFF records in a compound file ([MS-XLS])."""

import struct
from collections.abc import Iterator

from .marks import NO_VALUE, Marks, error_reason

_ERRORS = {
    0x00: '#NULL!',
    0x07: '#DIV/0!',
    0x0F: '#VALUE!',
    0x17: '#REF!',
    0x1D: '#NAME?',
    0x24: '#NUM!',
    0x2A: '#N/A',
}
_BEGIN, _END, _SHEET, _BOOL_OR_ERROR = (9, 0x209, 0x409, 0x809), 0x0A, 0x85, 0x205
_FORMULA = (0x0006, 0x0206, 0x0406)


def read_xls(content: bytes) -> dict[str, Marks]:
    """Find the marks of all sheets of an .xls file."""
    stream = _workbook_stream(content)
    found = {}
    for kind, data in _records(stream, 0):
        if kind != _SHEET:
            continue
        start, _, letters, flags = struct.unpack_from('<IHBB', data)
        wide = flags & 1
        raw = data[8 : 8 + letters * (1 + wide)]
        marks = found[raw.decode('utf-16-le' if wide else 'latin-1')] = Marks()
        for what, cell in _records(stream, start):
            at = struct.unpack_from('<HH', cell) if len(cell) > 3 else (0, 0)
            if what == _BOOL_OR_ERROR and cell[7]:
                marks.unreadable[at] = error_reason(_ERRORS.get(cell[6], ''))
            # The value of a formula is not a number if these bytes are set.
            elif what in _FORMULA and cell[12:14] == b'\xff\xff':
                if cell[6] == 2:
                    marks.unreadable[at] = error_reason(_ERRORS.get(cell[8], ''))
                elif cell[6] == 3:
                    marks.unreadable[at] = NO_VALUE
    return found


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and data of the records of one sheet, without those of its charts."""
    depth = 0
    while start + 4 <= len(stream):
        kind, length = struct.unpack_from('<HH', stream, start)
        if kind in _BEGIN:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[start + 4 : start + 4 + length]
        start += 4 + length


def _workbook_stream(content: bytes) -> bytes:
    """Extract the stream of records from the compound file ([MS-CFB])."""
    size = 1 << struct.unpack_from('<H', content, 30)[0]
    count, start = struct.unpack_from('<II', content, 44)
    limit, small, _, more = struct.unpack_from('<IIII', content, 56)

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    def numbers(data: bytes) -> tuple[int, ...]:
        return struct.unpack(f'<{len(data) // 4}I', data[: len(data) // 4 * 4])

    listed = list(numbers(content[76:512]))
    while more < 0xFFFFFFF0 and len(listed) < count + size:
        *part, more = numbers(sector(more))
        listed += part
    table = [one for number in listed[:count] for one in numbers(sector(number))]

    def chain(first: int, of: list[int]) -> Iterator[int]:
        for _ in of:
            if first >= len(of):
                return
            yield first
            first = of[first]

    def read(first: int) -> bytes:
        return b''.join(map(sector, chain(first, table)))

    folder = read(start)
    entries = {}
    for offset in range(0, len(folder) - 127, 128):
        entry = folder[offset : offset + 128]
        letters = struct.unpack_from('<H', entry, 64)[0]
        name = entry[: max(letters - 2, 0)].decode('utf-16-le', 'replace')
        entries[name.casefold()] = struct.unpack_from('<II', entry, 116)
    first, length = entries.get('workbook') or entries['book']
    if length >= limit:
        return read(first)[:length]
    # A stream that is shorter than the limit is stored in small sectors.
    whole = read(entries['root entry'][0])
    pieces = chain(first, list(numbers(read(small))))
    return b''.join(whole[64 * one : 64 * one + 64] for one in pieces)[:length]
