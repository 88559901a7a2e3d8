"""Spreadsheet files: recognize, open and bound them.

The content is read by ``workbook.py`` (.xls, .xlsx, .ods) and ``delimited.py`` (text).
"""

import difflib
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ....utils.files import read_regular
from .delimited import read_delimited
from .unreadable_cells.xlsx import column_index
from .workbook import MAX_CELLS, Sheet, WorkbookError, read_workbook

ENDINGS = ('.xlsx', '.xls', '.xlsm', '.ods', '.csv', '.tsv')
_TEXT_ENDINGS = ('.csv', '.tsv', '.txt')
# Bytes of a file.
_MAX_BYTES = 1 << 26
# Bytes of all parts of a workbook: forty thousand clips have some twenty million.
_MAX_UNPACKED = 1 << 27
# First bytes of workbooks: a zip archive, or a compound file.
_WORKBOOKS = (b'PK\x03\x04', b'\xd0\xcf\x11\xe0')


def is_spreadsheet(path: Path) -> bool:
    """Check by its name whether a file is a spreadsheet."""
    # Programs create locks such as ~$sheet.xlsx, and macOS ._sheet.xlsx.
    if path.name.startswith(('~$', '.')):
        return False
    return path.suffix.lower() in ENDINGS and path.is_file()


def read_sheets(path: Path, score: Callable[[list[list[Any]]], Any]) -> list[Sheet]:
    """Read all sheets of a file.

    Args:
        path: The file.
        score: Rates how well the rows of a text fit (see :func:`.read_delimited`).

    Raises:
        MERDataError: The file does not exist, or cannot be read.
    """
    try:
        content = read_regular(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise MERDataError(
            'spreadsheet not found', path=path, hint=_similar_files(path)
        ) from error
    except OSError as error:
        raise MERDataError(f'cannot be read: {error.strerror}', path=path) from error
    if path.suffix.lower() in _TEXT_ENDINGS:
        return [read_delimited(path, content, score)]
    if not content.startswith(_WORKBOOKS):
        problem, hint = _diagnose(content)
        raise MERDataError(f'not a workbook but {problem}', path=path, hint=hint)
    _check_size(path, content)
    try:
        return read_workbook(content)
    except WorkbookError as error:
        raise MERDataError(
            f'the workbook cannot be read: {error}', path=path, hint='save it again'
        ) from error


def _similar_files(path: Path) -> str | None:
    """Name the spreadsheets that may be meant by one that does not exist."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f'there is no folder {path.parent} either'
    names = [one.name for one in sorted(folder.iterdir()) if is_spreadsheet(one)]
    near = difflib.get_close_matches(path.name, names, 3, 0.3) or names[:3]
    return f'{folder} has {", ".join(near)}' if near else None


def _diagnose(content: bytes) -> tuple[str, str]:
    """Return what a file is that is not a workbook, and what to do about it."""
    start = content[:1000].lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if not content:
        return 'an empty file', 'copy it again'
    if start.startswith((b'<!doctype html', b'<html', b'<table', b'<?xml', b'<meta')):
        return (
            'a page of HTML or XML',
            'open it in a spreadsheet program and save it as .xlsx',
        )
    if content.startswith(b'%PDF'):
        return 'a PDF file', 'save the table as .csv or .xlsx'
    if b'\0' not in content[:1000]:
        return 'text', 'if it is a table, give it a name that ends in .csv'
    return 'a broken file', 'save it again as .xlsx'


def _check_size(path: Path, content: bytes) -> None:
    """Reject a workbook that is too large, and name the last cell if that is why."""
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
        return  # another format, or broken: the reader reports it
    if unpacked > _MAX_UNPACKED:
        raise MERDataError(
            f'unpacks to {unpacked / 1e6:,.0f} MB',
            path=path,
            hint='delete everything but the table, or save it as .csv',
        )
    for head in heads:
        last = re.search(rb'<dimension ref="(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)"', head)
        if last and (column_index(last[1].decode()) + 1) * int(last[2]) > MAX_CELLS:
            raise MERDataError(
                f'a sheet extends to cell {(last[1] + last[2]).decode()}',
                path=path,
                hint='delete the empty rows and columns behind the table, or save it '
                'as .csv',
            )
