"""Find the table of a release: the file, the sheet, and the header in it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ....utils.errors import MERDataError
from ....utils.text import quote
from ..disk.scan import is_system_folder
from .files import is_spreadsheet, read_sheets
from .grid import Columns, Grid, Row, score_rows
from .kinds import kind_in_name, read_kinds

__all__ = ['Columns', 'Row', 'Table', 'find_table', 'read_table']


@dataclass(frozen=True)
class Table:
    """A table in a spreadsheet file.

    Attributes:
        path: The file.
        sheet: Name of the sheet; for a CSV file its encoding, if that is unusual.
        rows: The rows below the header without empty ones. A cell ``kind`` is
            ``'micro'`` or ``'macro'`` if a column of the sheet tells it.
        skipped: Other sheets or files that have the columns but are named as of
            macro-expressions.
    """

    path: Path
    sheet: str
    rows: tuple[Row, ...]
    skipped: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """File and sheet, for a report."""
        name = self.path.name
        return f'{name}, sheet {self.sheet}' if self.sheet else name


def read_table(
    path: Path,
    needed: Columns,
    optional: Columns | None = None,
    sheet: str | None = None,
) -> Table:
    """Find the table with the needed columns in any sheet and row of a file.

    Args:
        path: The file.
        needed: Accepted headings by field. Case, spaces and punctuation of a heading
            are ignored.
        optional: The same for columns that may be missing. Defaults to None.
        sheet: Sheet to take if there is one of this name. Defaults to None.

    Raises:
        MERDataError: The file cannot be read, no sheet or more than one has these
            columns, or a heading occurs twice.
    """
    sheets = read_sheets(path, lambda rows: score_rows(rows, needed))
    named = [one for one in sheets if sheet and one.name.casefold() == sheet.casefold()]
    fields = {**needed, **(optional or {})}
    found = []
    reasons = []
    for one in named or sheets:
        grid = Grid(one)
        header = grid.find_header(needed)
        if header is None:
            which = quote(one.name) if one.name else 'the table'
            reasons.append(f'{which} lacks {grid.missing_columns(needed)}')
            continue
        source = f'{path}, sheet {one.name}' if one.name else str(path)
        columns = grid.find_columns(header, fields, source)
        rows = tuple(grid.read_rows(header, fields, columns))
        if kinds := read_kinds(grid.rows, header, columns.values()):
            rows = tuple(
                replace(row, cells={**row.cells, 'kind': kinds[row.number]})
                for row in rows
            )
        found.append(Table(path, one.name, rows))
    if len(found) > 1:
        found = _skip_macro(found, [table.sheet for table in found])
    if len(found) > 1:
        raise MERDataError(
            f'the sheets {", ".join(quote(one.sheet) for one in found)} all have the '
            f'columns',
            path=path,
            hint='remove all but one of them from a copy',
        )
    if not found:
        wanted = ', '.join(repr(names[0]) for names in needed.values())
        raise MERDataError(
            f'no sheet has a header with the columns {wanted}',
            path=path,
            hint='; '.join(reasons) or 'the file is empty',
        )
    return found[0]


def find_table(
    root: Path,
    needed: Columns,
    optional: Columns | None = None,
    sheet: str | None = None,
) -> Table:
    """Find the one spreadsheet of a release that has the needed columns.

    The folder of the release and two levels below are searched; the folder above only
    if there is none.

    Raises:
        MERDataError: There is none, or more than one; the message lists them.
    """
    found: list[Table] = []
    reasons = []
    for paths in (list_spreadsheets(root), _spreadsheets_above(root)):
        for path in paths:
            try:
                found.append(read_table(path, needed, optional, sheet))
            except MERDataError as error:
                reasons.append(f'\n  {error}')
        if found:
            break
    if len(found) > 1:
        found = _skip_macro(found, [table.path.name for table in found])
    if len(found) == 1:
        return found[0]
    if found:
        names = ''.join(f'\n  {table.path}' for table in found)
        raise MERDataError(
            f'{len(found)} spreadsheets fit',
            path=root,
            hint=f'choose one with --sheet{names}',
        )
    raise MERDataError(
        'no spreadsheet of this release found',
        path=root,
        hint=f'put it into the folder or name it with --sheet{"".join(reasons)}',
    )


def _skip_macro(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """Skip tables that are named as of macro-expressions, if one table is left."""
    macro = [kind_in_name(name) == 'macro' for name in names]
    if macro.count(False) != 1:
        return list(tables)
    table = tables[macro.index(False)]
    skipped = tuple(name for name, one in zip(names, macro, strict=True) if one)
    return [replace(table, skipped=(*table.skipped, *skipped))]


def list_spreadsheets(root: Path) -> list[Path]:
    """List the spreadsheets in a folder and two levels below."""
    found = []
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        kept = sorted(name for name in folders if not is_system_folder(name))
        folders[:] = kept if depth < 2 else []
        found += [Path(folder) / name for name in sorted(files)]
    return list(filter(is_spreadsheet, found))


def _spreadsheets_above(root: Path) -> list[Path]:
    try:
        return sorted(filter(is_spreadsheet, root.resolve().parent.iterdir()))
    except OSError:
        return []  # the folder above need not be readable
