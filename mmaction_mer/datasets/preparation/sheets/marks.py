"""What python-calamine does not tell about a workbook: errors, formulas, merged cells.

It gives an error, and a formula whose value was never stored, as an empty cell, as if
the cell were not given. They are found here in the file itself. This file is loaded by
the process of ``workbook.py`` and needs nothing of this package.
"""

import io
import posixpath
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

Place = tuple[int, int]

NO_VALUE = (
    'holds a formula whose value is not stored: open the file in a spreadsheet program '
    'and save it there, or type the value'
)
_ERRORS = {
    0x00: '#NULL!',
    0x07: '#DIV/0!',
    0x0F: '#VALUE!',
    0x17: '#REF!',
    0x1D: '#NAME?',
    0x24: '#NUM!',
    0x2A: '#N/A',
}


@dataclass
class Marks:
    """What is marked in a sheet.

    Attributes:
        unreadable: Why a cell cannot be read, by row and column from 0.
        merged: First row and column and last row and column of merged cells; filled
            for .ods alone, as the library gives those of the others.
    """

    unreadable: dict[Place, str] = field(default_factory=dict)
    merged: list[tuple[Place, Place]] = field(default_factory=list)


def find_marks(content: bytes) -> dict[str, Marks]:
    """Find them in all sheets of a workbook.

    Args:
        content: An .xlsx, .xls or .ods file that the library can read.

    Returns:
        Marks by the sheet's name; sheets without any may be missing.

    Raises:
        ValueError, KeyError, struct.error, expat.ExpatError: The file is broken in a
            way that the library bears.
    """
    if not content.startswith(b'PK'):
        return _of_records(_stream(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if 'content.xml' in archive.namelist():
            return _of_document(archive)
        return _of_archive(archive)


def _error(value: str) -> str:
    return f'is the error {value}: type the value'


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    begin: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    letters: Callable[[str], None] | None = None,
) -> None:
    """Go through a part; elements are named without the prefix of their namespace."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, held: begin(name.split(':')[-1], held)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.split(':')[-1])
    if letters is not None:
        parser.CharacterDataHandler = letters
    with archive.open(part) as file:
        parser.ParseFile(file)


def _holds(archive: zipfile.ZipFile, part: str, pattern: bytes) -> bool:
    """Whether a part holds a pattern of fewer than 100 bytes."""
    tail = b''
    with archive.open(part) as file:
        while block := file.read(1 << 20):
            if re.search(pattern, tail + block):
                return True
            tail = block[-100:]
    return False


def _of_archive(archive: zipfile.ZipFile) -> dict[str, Marks]:
    """Read the sheets of an .xlsx file."""
    sheets: dict[str, str] = {}
    targets: dict[str, str] = {}
    anew = False

    def book(name: str, held: dict[str, str]) -> None:
        nonlocal anew
        if name == 'sheet':
            number = next(v for k, v in held.items() if k.split(':')[-1] == 'id')
            sheets[held['name']] = number
        elif name == 'calcPr':
            anew = held.get('fullCalcOnLoad') in ('1', 'true')

    def relation(name: str, held: dict[str, str]) -> None:
        if name == 'Relationship':
            path = posixpath.join('xl', held['Target'])
            targets[held['Id']] = posixpath.normpath(path).lstrip('/')

    parts = {name.lower(): name for name in archive.namelist()}
    if 'xl/workbook.xml' not in parts:
        raise ValueError('it is no .xlsx inside, but perhaps .xlsb: save it as .xlsx')
    _parse(archive, parts['xl/workbook.xml'], book)
    _parse(archive, parts['xl/_rels/workbook.xml.rels'], relation)
    found = {}
    for name, number in sheets.items():
        part = parts.get(targets.get(number, '').lower(), '')
        pattern = rb'<(\w+:)?f[\s/>]|\st=["\']e["\']'
        if part.endswith('.xml') and _holds(archive, part, pattern):
            found[name] = _of_sheet(archive, part, anew)
    return found


def _of_sheet(archive: zipfile.ZipFile, part: str, anew: bool) -> Marks:
    """Read one sheet.

    Args:
        archive: The file.
        part: Name of the sheet's part.
        anew: Whether the workbook wants its formulas computed when it is opened; a
            program that cannot compute writes 0 for each.
    """
    marks = Marks()
    row = column = -1
    cell: dict[str, Any] = {}
    inside = False

    def begin(name: str, held: dict[str, str]) -> None:
        nonlocal row, column, cell, inside
        if name == 'row':
            row, column = int(held['r']) - 1 if 'r' in held else row + 1, -1
        elif name == 'c':
            column += 1
            if match := re.fullmatch(r'([A-Z]{1,4})([0-9]{1,9})', held.get('r', '')):
                row, column = int(match[2]) - 1, _column(match[1])
            cell = {'type': held.get('t', 'n'), 'formula': False, 'value': None}
        elif name == 'f':
            cell['formula'] = True
        elif name == 'v':
            cell['value'], inside = '', True

    def letters(data: str) -> None:
        if inside:
            cell['value'] += data

    def end(name: str) -> None:
        nonlocal inside
        if name == 'v':
            inside = False
        elif name == 'c':
            kind, value = cell['type'], cell['value']
            # A formula may give an empty text; that is a value.
            none = not value and not (kind == 'str' and value is not None)
            if kind == 'e':
                marks.unreadable[row, column] = _error(value or 'of a formula')
            elif cell['formula'] and (none or (anew and value == '0')):
                marks.unreadable[row, column] = NO_VALUE

    _parse(archive, part, begin, end, letters)
    return marks


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _of_document(archive: zipfile.ZipFile) -> dict[str, Marks]:
    """Read the sheets of an .ods file."""
    found: dict[str, Marks] = {}
    if not _holds(archive, 'content.xml', rb':formula=|-spanned=|value-type=.error'):
        return found
    marks = Marks()
    row = column = rows = columns = 0
    cell: dict[str, str] = {}
    written = ''
    remarks = 0

    def begin(name: str, held: dict[str, str]) -> None:
        nonlocal marks, row, column, rows, columns, cell, written, remarks
        if name == 'table':
            marks = found.setdefault(held.get('table:name', ''), Marks())
            row = column = 0
        elif name == 'table-row':
            rows, column = int(held.get('table:number-rows-repeated', 1)), 0
        elif name in ('table-cell', 'covered-table-cell'):
            cell, written = held, ''
            columns = int(held.get('table:number-columns-repeated', 1))
            down = int(held.get('table:number-rows-spanned', 1))
            along = int(held.get('table:number-columns-spanned', 1))
            if down > 1 or along > 1:
                last = row + down - 1, column + along - 1
                marks.merged.append(((row, column), last))
        elif name == 'annotation':
            remarks += 1

    def letters(data: str) -> None:
        nonlocal written
        if not remarks:
            written += data

    def end(name: str) -> None:
        nonlocal row, column, remarks
        if name == 'table-row':
            row += rows
        elif name in ('table-cell', 'covered-table-cell'):
            reason = _document_cell(cell, written.strip())
            # Nobody repeats a formula or an error a thousand times.
            for place in range(column, column + min(columns, 1000) if reason else 0):
                marks.unreadable[row, place] = reason
            column += columns
        elif name == 'annotation':
            remarks -= 1

    _parse(archive, 'content.xml', begin, end, letters)
    return found


def _document_cell(cell: dict[str, str], written: str) -> str:
    """Say why a cell cannot be read; empty where it can."""
    failed = cell.get('calcext:value-type') == 'error'
    formula = 'table:formula' in cell
    if failed or (formula and re.fullmatch(r'#[A-Z/0]+[!?]?|Err:[0-9]+', written)):
        return _error(written or 'of a formula')
    return NO_VALUE if formula and 'office:value-type' not in cell else ''


def _stream(content: bytes) -> bytes:
    """Take the stream of records out of the container of an .xls file."""
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
    table = [one for place in listed[:count] for one in numbers(sector(place))]

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
    for place in range(0, len(folder) - 127, 128):
        entry = folder[place : place + 128]
        letters = struct.unpack_from('<H', entry, 64)[0]
        name = entry[: max(letters - 2, 0)].decode('utf-16-le', 'replace')
        entries[name.casefold()] = struct.unpack_from('<II', entry, 116)
    first, length = entries.get('workbook') or entries['book']
    if length >= limit:
        return read(first)[:length]
    whole = read(entries['root entry'][0])
    pieces = chain(first, list(numbers(read(small))))
    return b''.join(whole[64 * place : 64 * place + 64] for place in pieces)[:length]


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Go through the records of one sheet, those of its charts left out."""
    depth = 0
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from('<HH', stream, place)
        if kind in (0x0009, 0x0209, 0x0409, 0x0809):
            depth += 1
        elif kind == 0x000A:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[place + 4 : place + 4 + length]
        place += 4 + length


def _of_records(stream: bytes) -> dict[str, Marks]:
    """Read the sheets of an .xls file."""
    found = {}
    for kind, data in _records(stream, 0):
        if kind != 0x0085:
            continue
        place, _, letters, flags = struct.unpack_from('<IHBB', data)
        wide = flags & 1
        raw = data[8 : 8 + letters * (1 + wide)]
        marks = found[raw.decode('utf-16-le' if wide else 'latin-1')] = Marks()
        for what, cell in _records(stream, place):
            if what == 0x0205 and cell[7]:
                at = struct.unpack_from('<HH', cell)
                marks.unreadable[at] = _error(_ERRORS.get(cell[6], 'of a formula'))
            elif what in (0x0006, 0x0206, 0x0406) and cell[12:14] == b'\xff\xff':
                at = struct.unpack_from('<HH', cell)
                if cell[6] == 2:
                    marks.unreadable[at] = _error(_ERRORS.get(cell[8], 'of a formula'))
                elif cell[6] == 3:
                    marks.unreadable[at] = NO_VALUE
    return found
