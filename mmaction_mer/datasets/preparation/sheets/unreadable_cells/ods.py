"""Unreadable and merged cells of .ods files."""

import re
import zipfile

from .marks import NO_VALUE, Marks, contains, error_reason, parse_xml

_CELLS = ('table-cell', 'covered-table-cell')
# A formula or an error is not repeated over more columns.
_MAX_REPEATED = 1000


def read_ods(archive: zipfile.ZipFile) -> dict[str, Marks]:
    """Find the marks of all sheets of an .ods file."""
    found: dict[str, Marks] = {}
    if not contains(archive, 'content.xml', rb':formula=|-spanned=|value-type=.error'):
        return found
    marks = Marks()
    row = column = rows = columns = 0
    cell: dict[str, str] = {}
    written = ''
    annotations = 0

    def begin(name: str, held: dict[str, str]) -> None:
        nonlocal marks, row, column, rows, columns, cell, written, annotations
        if name == 'table':
            marks = found.setdefault(held.get('table:name', ''), Marks())
            row = column = 0
        elif name == 'table-row':
            rows, column = int(held.get('table:number-rows-repeated', 1)), 0
        elif name in _CELLS:
            cell, written = held, ''
            columns = int(held.get('table:number-columns-repeated', 1))
            height = int(held.get('table:number-rows-spanned', 1))
            width = int(held.get('table:number-columns-spanned', 1))
            if height > 1 or width > 1:
                last = row + height - 1, column + width - 1
                marks.merged.append(((row, column), last))
        elif name == 'annotation':
            annotations += 1

    def text(data: str) -> None:
        nonlocal written
        if not annotations:
            written += data

    def end(name: str) -> None:
        nonlocal row, column, annotations
        if name == 'table-row':
            row += rows
        elif name in _CELLS:
            if reason := _unreadable_reason(cell, written.strip()):
                for index in range(column, column + min(columns, _MAX_REPEATED)):
                    marks.unreadable[row, index] = reason
            column += columns
        elif name == 'annotation':
            annotations -= 1

    parse_xml(archive, 'content.xml', begin, end, text)
    return found


def _unreadable_reason(cell: dict[str, str], written: str) -> str:
    """Return why a cell cannot be read; empty if it can."""
    failed = cell.get('calcext:value-type') == 'error'
    formula = 'table:formula' in cell
    if failed or (formula and re.fullmatch(r'#[A-Z/0]+[!?]?|Err:[0-9]+', written)):
        return error_reason(written)
    return NO_VALUE if formula and 'office:value-type' not in cell else ''
