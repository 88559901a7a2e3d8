"""Write spreadsheets, and break them on purpose."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import python_calamine
import xlwt

from .truth import Row

Cells = list[list[Any]]
Columns = Sequence[tuple[str, Callable[[Row], Any] | None]]


def tabulate(rows: Sequence[Row], columns: Columns, above: Cells | None = None):
    """Lay out rows as a sheet, and set the line and cells of each.

    A blank row is in the middle, and blank rows at the end, one of which has a cell
    with a space.

    Args:
        rows: Their ``line`` and ``cells`` are set.
        columns: Title, and a function for the cell of a row; None is a blank column.
        above: Rows above the header.
    """
    titles = [title for title, _ in columns]
    lines = [*(above or []), titles]
    for index, row in enumerate(rows):
        if index == len(rows) // 2:
            lines.append([])
        values = [None if cell is None else cell(row) for _, cell in columns]
        lines.append(values)
        row.line = len(lines)
        row.cells = dict(zip(titles, values, strict=True))
    return [*lines, [], ['', ' '], []]


def write_workbook(path: Path, sheets: dict[str, Cells]) -> Path:
    """Write .xlsx, .xls or (one sheet) .csv; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.csv':
        (lines,) = sheets.values()
        write_csv(path, lines)
    elif path.suffix == '.xls':
        book = xlwt.Workbook()
        for name, lines in sheets.items():
            sheet = book.add_sheet(name)
            for y, line in enumerate(lines):
                for x, value in enumerate(line):
                    if value not in (None, ''):
                        sheet.write(y, x, value)
        book.save(str(path))
    else:
        book = openpyxl.Workbook(write_only=True)
        for name, lines in sheets.items():
            sheet = book.create_sheet(name)
            for line in lines:
                sheet.append([None if value == '' else value for value in line])
        book.save(path)
    return path


def write_csv(
    path: Path, lines: Cells, delimiter: str = ',', encoding: str = 'utf-8'
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='', encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return path


def read_workbook(path: Path) -> dict[str, Cells]:
    """Read all sheets, rows and columns from A1 on."""
    if path.suffix == '.csv':
        with path.open(newline='', encoding='utf-8') as file:
            return {'': list(csv.reader(file))}
    book = python_calamine.CalamineWorkbook.from_path(str(path))
    return {
        name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        for name in book.sheet_names
    }


def edit_sheet(
    path: Path, change: Callable[[Cells], None], sheet: str | None = None
) -> None:
    """Rewrite a spreadsheet after ``change`` has edited a sheet's cells in place.

    Args:
        path: The file.
        change: Called with the rows of cells, as lists; line 1 is at index 0.
        sheet: Name of the sheet. Defaults to the first.
    """
    sheets = read_workbook(path)
    change(sheets[next(iter(sheets)) if sheet is None else sheet])
    write_workbook(path, sheets)


def break_cell(
    path: Path, row: int, column: str | int, value: Any, sheet: str | None = None
) -> None:
    """Write ``value`` into one cell.

    Args:
        path: The spreadsheet.
        row: Counted from 1, as ``Row.line``.
        column: The title in the header, or the position counted from 0.
        value: The value; None empties the cell.
        sheet: Name of the sheet. Defaults to the first.
    """

    def change(lines: Cells) -> None:
        place = column
        if isinstance(place, str):
            place = next(line.index(place) for line in lines if place in line)
        lines[row - 1] += [None] * (place + 1 - len(lines[row - 1]))
        lines[row - 1][place] = value

    edit_sheet(path, change, sheet)


def au_cell(row: Row) -> int | str:
    """Return the action units; a single one is a number, as in spreadsheet programs."""
    return int(row.au) if row.au.isdigit() else row.au


AUS = ('4', '4+7', '12', '1+2', 'L12', '4+L10', 'R14+17', '6+12', '5+R2', '14')
