"""The layout of a sheet: merged cells, the header, the rows below it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....utils.errors import MERDataError
from ....utils.text import quote
from ...annotation_rules import MAX_NAME
from . import cells
from .workbook import Sheet

# A header is below a title and some notes, not below a page of them.
_SEARCHED_ROWS = 100

#: Accepted headings by field.
Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        number: Number of the row as a spreadsheet program shows it, from 1.
        cells: Value by field; every field of the table is present, None if empty.
        merged: Last row of a merged cell that begins in this row, by field.
        problem: Why the row cannot be read at all; empty if it can.
    """

    number: int
    cells: Mapping[str, Any]
    merged: Mapping[str, int] = field(default_factory=dict)
    problem: str = ''

    @property
    def title(self) -> str:
        """Subject and clip for messages, before the cells are parsed."""
        names = (
            cells.text_or_empty(self.cells.get(one)) for one in ('subject', 'clip')
        )
        return '/'.join(name[:MAX_NAME] or '?' for name in names)


class Grid:
    """The cells of a sheet, with merged cells filled down.

    Args:
        sheet: The sheet as it is in the file.

    Attributes:
        rows: The cells. A cell merged over several columns fills the first of them.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.rows = [list(row) for row in sheet.rows]
        self._is_text = sheet.text
        # Last row of a merged cell, and its first row by each cell that it fills.
        self._last: dict[tuple[int, int], int] = {}
        self._first: dict[tuple[int, int], int] = {}
        for (first, column), (last, _) in sheet.merged:
            last = min(last, len(self.rows) - 1)
            if first >= last or len(self.rows[first]) <= column:
                continue
            value = self.rows[first][column]
            self._last[first, column] = last
            for number in range(first + 1, last + 1):
                row = self.rows[number]
                row += [''] * (column + 1 - len(row))
                row[column] = value
                self._first[number, column] = first

    def find_header(self, needed: Columns) -> int | None:
        """Return the index of the first row with all needed headings."""
        fits = [not _missing(row, needed) for row in self.rows[:_SEARCHED_ROWS]]
        if True not in fits:
            return None
        header = fits.index(True)
        # A header of two rows: some headings are merged over both, others are in the
        # second one only.
        below = {row for row, _ in self._first}
        while header + 1 in below and fits[header + 1 : header + 2] == [True]:
            header += 1
        return header

    def missing_columns(self, needed: Columns) -> str:
        """Name the headings that the best row lacks."""
        best = min(
            (_missing(row, needed) for row in self.rows[:_SEARCHED_ROWS]),
            key=len,
            default=[names[0] for names in needed.values()],
        )
        return ', '.join(map(repr, best))

    def find_columns(self, header: int, fields: Columns, source: str) -> dict[str, int]:
        """Find the column of each field; the first accepted heading wins.

        Raises:
            MERDataError: A heading occurs twice.
        """
        titles = self.rows[header]
        headings = list(map(normalize_heading, titles))
        columns = {}
        for what, names in fields.items():
            for name in map(normalize_heading, names):
                if headings.count(name) > 1:
                    title = quote(titles[headings.index(name)])
                    raise MERDataError(
                        f'the heading {title} occurs {headings.count(name)} times in '
                        f'row {header + 1}',
                        path=source,
                        field=what,
                        hint='rename all but one',
                    )
                if name in headings:
                    columns[what] = headings.index(name)
                    break
        return columns

    def read_rows(
        self, header: int, fields: Columns, columns: Mapping[str, int]
    ) -> Iterator[Row]:
        """Yield the rows below the header that are not empty."""
        width = len(self.rows[header])
        for number, row in enumerate(self.rows[header + 1 :], header + 1):
            values: dict[str, Any] = dict.fromkeys(fields)
            filled = False
            for what, column in columns.items():
                first = self._first.get((number, column))
                # A heading merged over two rows is not a value of the second one.
                if column < len(row) and (first is None or first > header):
                    values[what] = row[column]
                    filled |= first is None and not _is_blank(row[column])
            # Empty rows may hold spaces, and merged cells may cover them.
            if not filled:
                continue
            merged = {
                what: self._last[number, column] + 1
                for what, column in columns.items()
                if (number, column) in self._last and not _is_blank(values[what])
            }
            problem = ''
            if self._is_text and not all(map(_is_blank, row[width:])):
                problem = (
                    f'has {len(row)} cells, but the header has {width}: put the cell '
                    f'that contains the delimiter into quotation marks'
                )
            yield Row(number + 1, values, merged, problem)


def score_rows(rows: list[list[Any]], needed: Columns) -> tuple[int, int]:
    """Return how many needed columns the best row has, and how many cells."""
    return max(
        (
            (len(needed) - len(_missing(row, needed)), len(row))
            for row in rows[:_SEARCHED_ROWS]
        ),
        default=(0, 0),
    )


def normalize_heading(value: Any) -> str:
    """Reduce a heading to its ASCII letters and digits.

    >>> [normalize_heading(value) for value in (' Onset Frame ', 'OnsetFrame', None)]
    ['onsetframe', 'onsetframe', '']
    """
    text = unicodedata.normalize('NFKC', '' if value is None else str(value))
    return re.sub(r'[^0-9a-z]+', '', text.casefold())


def _missing(row: Sequence[Any], needed: Columns) -> list[str]:
    """Name the columns that a row of headings lacks."""
    held = set(map(normalize_heading, row))
    return [
        names[0]
        for names in needed.values()
        if held.isdisjoint(normalize_heading(name) for name in names)
    ]


def _is_blank(value: Any) -> bool:
    return value is None or not str(value).strip()
