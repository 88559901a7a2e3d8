"""Reading a workbook in a process of its own, which may take so much and no more.

A workbook is an archive: a few kilobytes can be gigabytes of cells, or a thousand cells
of one long text. The reader has no bounds of its own, and ends the process where memory
does. This file is both sides: run as a script it reads a workbook from standard input
and writes its sheets as JSON, and needs nothing of this package but ``marks.py``.
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
MEMORY, MOST_CELLS, MOST_TEXT = 3 << 28, 5_000_000, 1 << 26
#: Seconds of a processor, which do not depend on what else is done, and of the clock.
WORK, PATIENCE = 5, 300
_DATES = {
    one.__name__: one for one in (datetime.datetime, datetime.date, datetime.time)
}


class WorkbookError(ValueError):
    """A workbook that cannot be read; the text says why."""


@dataclass(frozen=True)
class Unreadable:
    """A cell in which something stands that is no value.

    Attributes:
        reason: What stands there, and what to do about it.
    """

    reason: str

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file.

    Attributes:
        name: Its name.
        rows: Its cells from the first row and column on: texts, numbers, truth values,
            dates, :class:`Unreadable`; an empty one is ``''`` or not there.
        merged: First row and column, last row and column of merged cells, from 0.
        text: Whether it is a text file, in which signs part the cells.
    """

    name: str
    rows: list[list[Any]]
    merged: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    text: bool = False


def read_workbook(content: bytes) -> list[Sheet]:
    """Read all sheets of a workbook.

    Args:
        content: An .xlsx, .xls or .ods file.

    Returns:
        Its sheets.

    Raises:
        WorkbookError: It cannot be read within the bounds of this file.
    """
    try:
        # -P: beside this file lie others whose names a library may mean otherwise.
        done = subprocess.run(
            [sys.executable, '-P', __file__],
            input=content,
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkbookError(f'not read within {PATIENCE} seconds') from error
    if done.returncode:
        raise WorkbookError(
            f'it takes more than {MEMORY >> 20} MiB of memory or {WORK} seconds of '
            f'work, or is broken in a way that its reader cannot bear'
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
        return Unreadable(value)
    return _DATES[kind].fromisoformat(value)


def _encode(cell: Any) -> Any:
    if isinstance(cell, datetime.timedelta):
        return {'timedelta': cell.total_seconds()}
    return {type(cell).__name__: cell.isoformat()}


def _marks() -> Any:
    """Load the file beside this one, whose folder is not searched for modules."""
    path = Path(__file__).with_name('marks.py')
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _read(content: bytes) -> dict[str, Any]:
    import python_calamine

    sheets, cells, letters = [], 0, 0
    try:
        workbook = python_calamine.load_workbook(io.BytesIO(content))
        marks = _marks()
        marked = marks.find_marks(content)
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            rows = sheet.to_python(skip_empty_area=False)
            held = marked.get(name, marks.Marks())
            for (row, column), reason in held.unreadable.items():
                if row + 1 - len(rows) > MOST_CELLS:
                    return {'error': 'too many rows'}
                rows += [[] for _ in range(row + 1 - len(rows))]
                rows[row] += [''] * (column + 1 - len(rows[row]))
                rows[row][column] = {'unreadable': reason}
            cells += sum(map(len, rows))
            letters += sum(len(c) for row in rows for c in row if isinstance(c, str))
            if cells > MOST_CELLS or letters > MOST_TEXT:
                return {'error': 'too many cells, or too much text in them'}
            sheets.append((name, rows, sheet.merged_cell_ranges or held.merged))
    # calamine's errors have no common parent, and a broken file raises any; a panic
    # of its own is no Exception.
    except BaseException as error:
        return {'error': str(error)[:200] or type(error).__name__}
    return {'sheets': sheets}


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (WORK, WORK))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(_read(sys.stdin.buffer.read()), default=_encode))
