"""Read a workbook in a subprocess with limited memory and time.

A workbook is an archive: a few kilobytes can expand to gigabytes of cells, or to a
thousand cells of one long text. The reader has no limits, and ends its process when it
runs out of memory. This file is both sides: run as a script it reads a workbook from
standard input and writes its sheets as JSON, and it needs nothing of this package but
``unreadable_cells``.
"""

import datetime
import importlib.util
import io
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Bytes of memory, cells of a workbook, and characters in them. Tables of this field
#: have some ten thousand cells.
MAX_MEMORY, MAX_CELLS, MAX_TEXT = 3 << 28, 5_000_000, 1 << 26
#: Seconds of CPU time, which do not depend on the load, and of wall-clock time.
CPU_SECONDS, TIMEOUT = 5, 300
_DATES = {
    one.__name__: one for one in (datetime.datetime, datetime.date, datetime.time)
}


class WorkbookError(ValueError):
    """A workbook that cannot be read; the text is the reason."""


@dataclass(frozen=True)
class UnreadableCell:
    """A cell whose content is not a value.

    Attributes:
        reason: What the cell holds, and how to fix it.
    """

    reason: str

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file.

    Attributes:
        name: Name of the sheet.
        rows: The cells from the first row and column on: strings, numbers, booleans,
            dates, :class:`UnreadableCell`; an empty one is ``''`` or missing.
        merged: First row and column, last row and column of merged cells, from 0.
        text: Whether the file is a text file with delimiters.
    """

    name: str
    rows: list[list[Any]]
    merged: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    text: bool = False


def read_workbook(content: bytes) -> list[Sheet]:
    """Read all sheets of a workbook.

    Args:
        content: An .xlsx, .xls or .ods file.

    Raises:
        WorkbookError: It cannot be read within the limits of this file.
    """
    try:
        # -P: modules beside this file may have the name of a module of a library.
        done = subprocess.run(
            [sys.executable, '-P', __file__],
            input=content,
            capture_output=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkbookError(f'not read within {TIMEOUT} seconds') from error
    if done.returncode:
        raise WorkbookError(
            f'reading it takes more than {MAX_MEMORY >> 20} MiB of memory or '
            f'{CPU_SECONDS} seconds of CPU time, or ends the reader'
        )
    answer = json.loads(done.stdout)
    if 'error' in answer:
        raise WorkbookError(answer['error'])
    return [
        Sheet(
            name,
            [[_decode(cell) for cell in row] for row in rows],
            tuple((tuple(first), tuple(last)) for first, last in merged),
        )
        for name, rows, merged in answer['sheets']
    ]


def _decode(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    ((kind, value),) = cell.items()
    if kind == 'timedelta':
        return datetime.timedelta(seconds=value)
    if kind == 'unreadable':
        return UnreadableCell(value)
    return _DATES[kind].fromisoformat(value)


def _encode(cell: Any) -> Any:
    if isinstance(cell, datetime.timedelta):
        return {'timedelta': cell.total_seconds()}
    return {type(cell).__name__: cell.isoformat()}


def _load_unreadable_cells() -> Any:
    """Import the package beside this file, whose folder is not on ``sys.path``."""
    folder = Path(__file__).with_name('unreadable_cells')
    spec = importlib.util.spec_from_file_location(
        folder.name,
        folder / '__init__.py',
        submodule_search_locations=[str(folder)],
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = module
    spec.loader.exec_module(module)
    return module


def _read(content: bytes) -> dict[str, Any]:
    import python_calamine

    sheets, cells, letters = [], 0, 0
    try:
        workbook = python_calamine.load_workbook(io.BytesIO(content))
        unreadable_cells = _load_unreadable_cells()
        marked = unreadable_cells.find_marks(content)
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            rows = sheet.to_python(skip_empty_area=False)
            marks = marked.get(name, unreadable_cells.Marks())
            for (row, column), reason in marks.unreadable.items():
                if row + 1 - len(rows) > MAX_CELLS:
                    return {'error': 'too many rows'}
                rows += [[] for _ in range(row + 1 - len(rows))]
                rows[row] += [''] * (column + 1 - len(rows[row]))
                rows[row][column] = {'unreadable': reason}
            cells += sum(map(len, rows))
            letters += sum(len(c) for row in rows for c in row if isinstance(c, str))
            if cells > MAX_CELLS or letters > MAX_TEXT:
                return {'error': 'too many cells, or too much text in them'}
            sheets.append((name, rows, sheet.merged_cell_ranges or marks.merged))
    # The errors of calamine have no common base class, a broken file raises any of
    # them, and a panic in its Rust code is not an Exception.
    except BaseException as error:
        return {'error': str(error)[:200] or type(error).__name__}
    return {'sheets': sheets}


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(_read(sys.stdin.buffer.read()), default=_encode))
