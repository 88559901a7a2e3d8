"""Unreadable cells of .xlsx files."""

import posixpath
import re
import zipfile
from functools import reduce
from typing import Any

from .marks import NO_VALUE, Marks, contains, error_reason, parse_xml


def read_xlsx(archive: zipfile.ZipFile) -> dict[str, Marks]:
    """Find the marks of all sheets of an .xlsx file."""
    sheets: dict[str, str] = {}
    targets: dict[str, str] = {}
    recompute = False

    def read_workbook(name: str, held: dict[str, str]) -> None:
        nonlocal recompute
        if name == 'sheet':
            number = next(v for k, v in held.items() if k.split(':')[-1] == 'id')
            sheets[held['name']] = number
        elif name == 'calcPr':
            recompute = held.get('fullCalcOnLoad') in ('1', 'true')

    def read_relation(name: str, held: dict[str, str]) -> None:
        if name == 'Relationship':
            path = posixpath.join('xl', held['Target'])
            targets[held['Id']] = posixpath.normpath(path).lstrip('/')

    parts = {name.lower(): name for name in archive.namelist()}
    if 'xl/workbook.xml' not in parts:
        raise ValueError(
            'the archive is not an .xlsx workbook, perhaps it is .xlsb: save it as '
            '.xlsx'
        )
    parse_xml(archive, parts['xl/workbook.xml'], read_workbook)
    parse_xml(archive, parts['xl/_rels/workbook.xml.rels'], read_relation)
    found = {}
    for name, number in sheets.items():
        part = parts.get(targets.get(number, '').lower(), '')
        pattern = rb'<(\w+:)?f[\s/>]|\st=["\']e["\']'
        if part.endswith('.xml') and contains(archive, part, pattern):
            found[name] = _read_sheet(archive, part, recompute)
    return found


def _read_sheet(archive: zipfile.ZipFile, part: str, recompute: bool) -> Marks:
    """Find the marks of one sheet.

    Args:
        archive: The file.
        part: Name of the part that holds the sheet.
        recompute: Whether the workbook asks to recompute its formulas when it is
            opened; a program that cannot compute stores 0 for each.
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
                row, column = int(match[2]) - 1, column_index(match[1])
            cell = {'type': held.get('t', 'n'), 'formula': False, 'value': None}
        elif name == 'f':
            cell['formula'] = True
        elif name == 'v':
            cell['value'], inside = '', True

    def text(data: str) -> None:
        if inside:
            cell['value'] += data

    def end(name: str) -> None:
        nonlocal inside
        if name == 'v':
            inside = False
        elif name == 'c':
            kind, value = cell['type'], cell['value']
            # An empty text is a value of a formula, too.
            empty = not value and not (kind == 'str' and value is not None)
            if kind == 'e':
                marks.unreadable[row, column] = error_reason(value)
            elif cell['formula'] and (empty or (recompute and value == '0')):
                marks.unreadable[row, column] = NO_VALUE

    parse_xml(archive, part, begin, end, text)
    return marks


def column_index(letters: str) -> int:
    """Return the index of a column from its letters.

    >>> column_index('A'), column_index('XFD')
    (0, 16383)
    """
    return reduce(lambda number, one: 26 * number + ord(one) - 64, letters, 0) - 1
