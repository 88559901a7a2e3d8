"""The marks of one sheet, and how the parts of a zipped workbook are parsed."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

Cell = tuple[int, int]

NO_VALUE = (
    'holds a formula whose value is not stored: open the file in a spreadsheet program '
    'and save it there, or type the value'
)


@dataclass
class Marks:
    """Cells of a sheet that need attention; rows and columns count from 0.

    Attributes:
        unreadable: The reason why a cell cannot be read, by row and column.
        merged: First row and column and last row and column of merged cells; filled
            for .ods only, since the library reports those of the other formats.
    """

    unreadable: dict[Cell, str] = field(default_factory=dict)
    merged: list[tuple[Cell, Cell]] = field(default_factory=list)


def error_reason(value: str) -> str:
    """Return the reason for a cell that holds a spreadsheet error."""
    return f'is the error {value or "of a formula"}: type the value'


def parse_xml(
    archive: zipfile.ZipFile,
    part: str,
    begin: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse a part of an archive; element names come without namespace prefix."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, held: begin(name.split(':')[-1], held)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.split(':')[-1])
    if text is not None:
        parser.CharacterDataHandler = text
    with archive.open(part) as file:
        parser.ParseFile(file)


def contains(archive: zipfile.ZipFile, part: str, pattern: bytes) -> bool:
    """Check whether a part matches a pattern of fewer than 100 bytes."""
    tail = b''
    with archive.open(part) as file:
        while block := file.read(1 << 20):
            if re.search(pattern, tail + block):
                return True
            tail = block[-100:]
    return False
