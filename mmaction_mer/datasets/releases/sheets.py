"""Tables of a release: the sheet and its header are found, whatever stands around.

Reading is left to ``workbook.py`` (.xls, .xlsx, .ods) and the csv module. Here it is
decided which of a workbook's sheets is meant and in which row its header stands.
"""

import csv
import functools
import io
import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...utils import quote, read_regular
from ..annotation import MERDataError
from .kinds import kind_of_name, read_kinds
from .walk import is_system_folder
from .workbook import MOST_CELLS, WorkbookError, read_workbook

ENDINGS = ('.xlsx', '.xls', '.xlsm', '.ods', '.csv')
# Headers stand below a title and some notes, not below a page of them.
_SEARCHED_ROWS = 100
# Bytes of a file.
_MOST_BYTES = 1 << 26
# Bytes of all parts of a workbook: forty thousand clips have some twenty million.
_MOST_UNPACKED = 1 << 27
# How workbooks begin: an archive, or Microsoft's older container.
_WORKBOOKS = (b'PK\x03\x04', b'\xd0\xcf\x11\xe0')

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        number: Its number as a spreadsheet program shows it, from 1.
        cells: Value by field; every field of the table is there, None where empty.
    """

    number: int
    cells: Mapping[str, Any]


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
    grids = list(_grids(path))
    named = [one for one in grids if sheet and one[0].casefold() == sheet.casefold()]
    found = []
    reasons = []
    for name, grid in named or grids:
        header = _find_header(grid, needed)
        if header is None:
            which = quote(name) if name else 'the table'
            reasons.append(f'{which} lacks {_lacking(grid, needed)}')
            continue
        fields = {**needed, **(besides or {})}
        where = f'{path}, sheet {name}' if name else str(path)
        places = _places(grid[header], fields, f'{where}, row {header + 1}')
        rows = tuple(_rows(grid, header, fields, places))
        if kinds := read_kinds(grid, header, places.values()):
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
    return list(filter(_is_spreadsheet, found))


def beside(root: Path) -> list[Path]:
    """List the spreadsheets in the folder above."""
    try:
        found = sorted(path for path in root.resolve().parent.iterdir())
    except OSError:
        return []  # the folder above is a courtesy
    return list(filter(_is_spreadsheet, found))


def _is_spreadsheet(path: Path) -> bool:
    # Programs leave locks such as ~$sheet.xlsx, and macOS leaves ._sheet.xlsx.
    if path.name.startswith(('~$', '.')):
        return False
    return path.suffix.lower() in ENDINGS and path.is_file()


def heading(value: Any) -> str:
    """Reduce a heading to what counts in it.

    >>> heading(' Onset Frame '), heading('OnsetFrame'), heading(None)
    ('onsetframe', 'onsetframe', '')
    """
    text = unicodedata.normalize('NFKC', '' if value is None else str(value))
    return re.sub(r'[^0-9a-z]+', '', text.casefold())


def _grids(path: Path) -> Iterator[tuple[str, list[list[Any]]]]:
    """Read all sheets of a file as rows of values, from the first row on."""
    try:
        content = read_regular(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise MERDataError(f'{path}: there is no such spreadsheet') from error
    except OSError as error:
        raise MERDataError(f'{path}: cannot be read: {error.strerror}') from error
    if path.suffix.lower() == '.csv':
        yield _read_csv(path, content)
        return
    _refuse_giants(path, content)
    try:
        if not content.startswith(_WORKBOOKS):
            raise WorkbookError('it begins as no workbook does')
        yield from read_workbook(content)
    except WorkbookError as error:
        raise MERDataError(
            f'{path}: this spreadsheet cannot be read: {error}; save it again'
        ) from error


def _refuse_giants(path: Path, content: bytes) -> None:
    """Refuse a workbook that says of a stray cell far out, by the cell's name."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            heads = [
                archive.open(name).read(4096)
                for name in archive.namelist()
                if re.fullmatch(r'xl/worksheets/[^/]+\.xml', name)
            ]
    except (
        OSError,
        EOFError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
    ):
        return  # not of this kind, or broken: the reader says so
    if unpacked > _MOST_UNPACKED:
        raise MERDataError(
            f'{path}: unpacks to {unpacked / 1e6:,.0f} MB: delete what is not the '
            f'table, or save it as .csv'
        )
    for head in heads:
        last = re.search(rb'<dimension ref="(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)"', head)
        if last is None:
            continue
        columns = functools.reduce(lambda n, letter: 26 * n + letter - 64, last[1], 0)
        if columns * int(last[2]) > MOST_CELLS:
            cell = (last[1] + last[2]).decode()
            raise MERDataError(
                f'{path}: a sheet reaches to cell {cell}: delete the empty rows and '
                f'columns behind the table, or save it as .csv'
            )


def _read_csv(path: Path, data: bytes) -> tuple[str, list[list[Any]]]:
    """Read a CSV file; its "sheet" says how, where that is not the usual way."""
    if sum(map(data.count, (b',', b';', b'\t', b'\n', b'\r'))) > MOST_CELLS:
        raise MERDataError(f'{path}: has more than {MOST_CELLS:,} cells')
    for encoding, name in (('utf-8-sig', ''), ('gb18030', 'read as GB 18030')):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            grids = [
                list(csv.reader(io.StringIO(text, newline=''), delimiter=sign))
                # Where a comma is the decimal sign, semicolons part the columns.
                for sign in ',;\t'
            ]
        except csv.Error as error:
            raise MERDataError(f'{path}: not a CSV file: {error}') from error
        return name, max(grids, key=lambda grid: len(grid[0]) if grid else 0)
    raise MERDataError(f'{path}: not text in UTF-8 or GB 18030: save it as UTF-8')


def _find_header(grid: list[list[Any]], needed: Columns) -> int | None:
    for number, cells in enumerate(grid[:_SEARCHED_ROWS]):
        held = {heading(cell) for cell in cells}
        if all(held & {heading(name) for name in names} for names in needed.values()):
            return number
    return None


def _lacking(grid: list[list[Any]], needed: Columns) -> str:
    """Name what the row that fits best lacks."""
    best = min(
        (
            [
                names[0]
                for names in needed.values()
                if not {heading(name) for name in names} & set(map(heading, cells))
            ]
            for cells in grid[:_SEARCHED_ROWS]
        ),
        key=len,
        default=[names[0] for names in needed.values()],
    )
    return ', '.join(map(repr, best))


def _places(cells: Sequence[Any], fields: Columns, where: str) -> dict[str, int]:
    """Find the column of each field; the first accepted heading wins."""
    headings = [heading(cell) for cell in cells]
    places = {}
    for field, names in fields.items():
        for name in map(heading, names):
            if headings.count(name) > 1:
                raise MERDataError(
                    f'{where}: the heading {quote(cells[headings.index(name)])} stands '
                    f'there {headings.count(name)} times: rename all but one'
                )
            if name in headings:
                places[field] = headings.index(name)
                break
    return places


def _rows(
    grid: list[list[Any]], header: int, fields: Columns, places: Mapping[str, int]
) -> Iterator[Row]:
    for number, cells in enumerate(grid[header + 1 :], header + 2):
        values = {
            field: cells[places[field]]
            if field in places and places[field] < len(cells)
            else None
            for field in fields
        }
        # People leave blanks in empty rows.
        if any(str(value).strip() for value in values.values() if value is not None):
            yield Row(number, values)
