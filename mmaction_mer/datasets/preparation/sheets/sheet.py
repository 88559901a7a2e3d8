"""Tables of a release: the sheet and its header are found, whatever stands around.

Reading the file is left to ``sheet_files.py``. Here it is decided which of its sheets
is meant, in which row the header stands, and what merged cells say.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ....utils.text import quote
from ..disk.walk import is_system_folder
from .kinds import kind_of_name, read_kinds
from .sheet_files import is_spreadsheet, read_sheets
from .workbook import Sheet

# Headers stand below a title and some notes, not below a page of them.
_SEARCHED_ROWS = 100

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        number: Its number as a spreadsheet program shows it, from 1.
        cells: Value by field; every field of the table is there, None where empty.
        merged: Last row of a merged cell that begins in this row, by field.
        problem: Why the row cannot be read at all; empty where it can.
    """

    number: int
    cells: Mapping[str, Any]
    merged: Mapping[str, int] = field(default_factory=dict)
    problem: str = ''


@dataclass(frozen=True)
class Table:
    """A table that was found in a file.

    Attributes:
        path: The file.
        sheet: Name of the sheet; of a CSV file how it was read, if in an unusual way.
        rows: Its rows below the header; blank ones are left out. A cell ``kind`` says
            ``'micro'`` or ``'macro'`` where a column of the sheet does.
        passed: Other sheets or files that have the columns and are named as of
            macro-expressions.
    """

    path: Path
    sheet: str
    rows: tuple[Row, ...]
    passed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """File and sheet, for a report."""
        name = self.path.name
        return f'{name}, sheet {self.sheet}' if self.sheet else name


def read_table(
    path: Path,
    needed: Columns,
    besides: Columns | None = None,
    sheet: str | None = None,
) -> Table:
    """Find the table with the columns asked for, in any sheet and row of a file.

    Args:
        path: The file.
        needed: Accepted headings by field; letters' case, blanks and signs in a
            heading do not count.
        besides: The same for columns that may be missing.
        sheet: Sheet to take if there is one of this name.

    Returns:
        The table.

    Raises:
        MERDataError: The file cannot be read, no sheet has these columns, several
            have, or a heading stands there twice.
    """
    sheets = read_sheets(path, lambda rows: _fit(rows, needed))
    named = [one for one in sheets if sheet and one.name.casefold() == sheet.casefold()]
    found = []
    reasons = []
    for one in named or sheets:
        name = one.name
        merged = _Merged(one)
        header = _find_header(merged, needed)
        if header is None:
            which = quote(name) if name else 'the table'
            reasons.append(f'{which} lacks {_lacking(merged.rows, needed)}')
            continue
        fields = {**needed, **(besides or {})}
        where = f'{path}, sheet {name}' if name else str(path)
        places = _places(merged.rows[header], fields, f'{where}, row {header + 1}')
        rows = tuple(_rows(one, merged, header, fields, places))
        if kinds := read_kinds(merged.rows, header, places.values()):
            rows = tuple(
                replace(row, cells={**row.cells, 'kind': kinds[row.number]})
                for row in rows
            )
        found.append(Table(path, name, rows))
    if len(found) > 1:
        found = _without_macro(found, [table.sheet for table in found])
    if len(found) > 1:
        raise MERDataError(
            f'{path}: sheets {", ".join(quote(one.sheet) for one in found)} all have '
            f'the columns: remove all but one of them from a copy'
        )
    if not found:
        wanted = ', '.join(repr(names[0]) for names in needed.values())
        raise MERDataError(
            f'{path}: no sheet has a header with the columns {wanted}: '
            f'{"; ".join(reasons) or "the file is empty"}'
        )
    return found[0]


def find_tables(
    root: Path,
    needed: Columns,
    besides: Columns | None = None,
    sheet: str | None = None,
) -> Table:
    """Find the one spreadsheet of a release that has the columns asked for.

    Looked for in the release's folder and two levels down; and only if there is none,
    in the folder above it.

    Raises:
        MERDataError: There is none, or more than one; the message lists them.
    """
    found: list[Table] = []
    reasons = []
    for paths in (spreadsheets(root), beside(root)):
        for path in paths:
            try:
                found.append(read_table(path, needed, besides, sheet))
            except MERDataError as error:
                reasons.append(f'  {error}')
        if found:
            break
    if len(found) > 1:
        found = _without_macro(found, [table.path.name for table in found])
    if len(found) == 1:
        return found[0]
    if found:
        names = '\n'.join(f'  {table.path}' for table in found)
        raise MERDataError(
            f'{root}: {len(found)} spreadsheets fit: say which is meant with --sheet\n'
            f'{names}'
        )
    raise MERDataError(
        '\n'.join(
            [
                f'{root}: no spreadsheet of this release here: put it into the folder '
                f'or name it with --sheet',
                *reasons,
            ]
        )
    )


def _without_macro(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """Pass over tables that are named as of macro-expressions, if one is left."""
    macro = [kind_of_name(name) == 'macro' for name in names]
    if macro.count(False) != 1:
        return list(tables)
    table = tables[macro.index(False)]
    passed = tuple(name for name, one in zip(names, macro, strict=True) if one)
    return [replace(table, passed=(*table.passed, *passed))]


def spreadsheets(root: Path) -> list[Path]:
    """List the spreadsheets in a folder and two levels down."""
    found = []
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        kept = sorted(name for name in folders if not is_system_folder(name))
        folders[:] = kept if depth < 2 else []
        found += [Path(folder) / name for name in sorted(files)]
    return list(filter(is_spreadsheet, found))


def beside(root: Path) -> list[Path]:
    """List the spreadsheets in the folder above."""
    try:
        found = sorted(path for path in root.resolve().parent.iterdir())
    except OSError:
        return []  # the folder above is a courtesy
    return list(filter(is_spreadsheet, found))


def heading(value: Any) -> str:
    """Reduce a heading to what counts in it.

    >>> heading(' Onset Frame '), heading('OnsetFrame'), heading(None)
    ('onsetframe', 'onsetframe', '')
    """
    text = unicodedata.normalize('NFKC', '' if value is None else str(value))
    return re.sub(r'[^0-9a-z]+', '', text.casefold())


def _fit(rows: list[list[Any]], needed: Columns) -> tuple[int, int]:
    """How many of the columns the best row has, and how many cells."""
    return max(
        (
            (len(needed) - len(_missing(cells, needed)), len(cells))
            for cells in rows[:_SEARCHED_ROWS]
        ),
        default=(0, 0),
    )


class _Merged:
    """A sheet whose merged cells are filled down.

    Attributes:
        rows: Its cells. What is merged over several columns fills the first of them.
        ends: Last row of a merged cell, by its own row and column, from 0.
        begin: First row of the merged cell that fills a place.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.rows = [list(cells) for cells in sheet.rows]
        self.ends: dict[tuple[int, int], int] = {}
        self.begin: dict[tuple[int, int], int] = {}
        for (first, column), (last, _) in sheet.merged:
            last = min(last, len(self.rows) - 1)
            if first >= last or len(self.rows[first]) <= column:
                continue
            value = self.rows[first][column]
            self.ends[first, column] = last
            for number in range(first + 1, last + 1):
                cells = self.rows[number]
                cells += [''] * (column + 1 - len(cells))
                cells[column] = value
                self.begin[number, column] = first


def _missing(cells: Sequence[Any], needed: Columns) -> list[str]:
    """Name the columns that a row of headings does not have."""
    held = set(map(heading, cells))
    return [
        names[0]
        for names in needed.values()
        if held.isdisjoint(heading(name) for name in names)
    ]


def _find_header(merged: _Merged, needed: Columns) -> int | None:
    fits = [not _missing(cells, needed) for cells in merged.rows[:_SEARCHED_ROWS]]
    if True not in fits:
        return None
    header = fits.index(True)
    # Headings merged over two rows stand beside others that the second one has alone.
    below = {row for row, _ in merged.begin}
    while header + 1 in below and fits[header + 1 : header + 2] == [True]:
        header += 1
    return header


def _lacking(rows: list[list[Any]], needed: Columns) -> str:
    """Name what the row that fits best lacks."""
    best = min(
        (_missing(cells, needed) for cells in rows[:_SEARCHED_ROWS]),
        key=len,
        default=[names[0] for names in needed.values()],
    )
    return ', '.join(map(repr, best))


def _places(cells: Sequence[Any], fields: Columns, where: str) -> dict[str, int]:
    """Find the column of each field; the first accepted heading wins."""
    headings = [heading(cell) for cell in cells]
    places = {}
    for what, names in fields.items():
        for name in map(heading, names):
            if headings.count(name) > 1:
                raise MERDataError(
                    f'{where}: the heading {quote(cells[headings.index(name)])} stands '
                    f'there {headings.count(name)} times: rename all but one'
                )
            if name in headings:
                places[what] = headings.index(name)
                break
    return places


def _rows(
    sheet: Sheet,
    merged: _Merged,
    header: int,
    fields: Columns,
    places: Mapping[str, int],
) -> Iterator[Row]:
    width = len(merged.rows[header])
    for number, cells in enumerate(merged.rows[header + 1 :], header + 1):
        values: dict[str, Any] = dict.fromkeys(fields)
        own = False
        for what, column in places.items():
            begin = merged.begin.get((number, column))
            # A heading over two rows is no value of the second one.
            if column < len(cells) and (begin is None or begin > header):
                values[what] = cells[column]
                own |= begin is None and not _blank(cells[column])
        # People leave blanks in empty rows, and merge cells over them.
        if not own:
            continue
        ends = {
            what: merged.ends[number, column] + 1
            for what, column in places.items()
            if (number, column) in merged.ends and not _blank(values[what])
        }
        problem = ''
        if sheet.text and not all(map(_blank, cells[width:])):
            problem = (
                f'has {len(cells)} cells, and the header {width}: put the cell that '
                f'holds a comma (or what else parts them) into quotation marks'
            )
        yield Row(number + 1, values, ends, problem)


def _blank(value: Any) -> bool:
    return value is None or not str(value).strip()
