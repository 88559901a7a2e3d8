"""Reading a workbook in a process of its own, which may take so much and no more.

A workbook is an archive: a few kilobytes can be gigabytes of cells, or a thousand cells
of one long text. The reader has no bounds of its own, and ends the process where memory
does. This file is both sides: run as a script it reads a workbook from standard input
and writes its sheets as JSON, and needs nothing of this package.
"""

import datetime
import io
import json
import resource
import subprocess
import sys
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


def read_workbook(content: bytes) -> list[tuple[str, list[list[Any]]]]:
    """Read all sheets of a workbook.

    Args:
        content: An .xlsx, .xls or .ods file.

    Returns:
        Name and rows of each sheet. Cells are texts, numbers, truth values or dates.

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
        (name, [[_decode(cell) for cell in row] for row in rows])
        for name, rows in answer['sheets']
    ]


def _decode(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    ((kind, value),) = cell.items()
    if kind == 'timedelta':
        return datetime.timedelta(seconds=value)
    return _DATES[kind].fromisoformat(value)


def _encode(cell: Any) -> Any:
    if isinstance(cell, datetime.timedelta):
        return {'timedelta': cell.total_seconds()}
    return {type(cell).__name__: cell.isoformat()}


def _read(content: bytes) -> dict[str, Any]:
    import python_calamine

    sheets, cells, letters = [], 0, 0
    try:
        workbook = python_calamine.load_workbook(io.BytesIO(content))
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            cells += sum(map(len, rows))
            letters += sum(len(c) for row in rows for c in row if isinstance(c, str))
            if cells > MOST_CELLS or letters > MOST_TEXT:
                return {'error': 'too many cells, or too much text in them'}
            sheets.append((name, rows))
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
