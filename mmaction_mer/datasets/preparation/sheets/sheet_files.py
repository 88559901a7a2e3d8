"""Files of tables: which they are, how they are opened, what cannot be one.

Reading is left to ``workbook.py`` (.xls, .xlsx, .ods) and ``delimited.py`` (text).
"""

import difflib
import functools
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
from .workbook import MOST_CELLS, Sheet, WorkbookError, read_workbook

ENDINGS = ('.xlsx', '.xls', '.xlsm', '.ods', '.csv', '.tsv')
_TEXTS = ('.csv', '.tsv', '.txt')
# Bytes of a file.
_MOST_BYTES = 1 << 26
# Bytes of all parts of a workbook: forty thousand clips have some twenty million.
_MOST_UNPACKED = 1 << 27
# How workbooks begin: an archive, or Microsoft's older container.
_WORKBOOKS = (b'PK\x03\x04', b'\xd0\xcf\x11\xe0')


def is_spreadsheet(path: Path) -> bool:
    """Whether a file is a table by its name."""
    # Programs leave locks such as ~$sheet.xlsx, and macOS leaves ._sheet.xlsx.
    if path.name.startswith(('~$', '.')):
        return False
    return path.suffix.lower() in ENDINGS and path.is_file()


def read_sheets(path: Path, fit: Callable[[list[list[Any]]], Any]) -> list[Sheet]:
    """Read all sheets of a file.

    Args:
        path: The file.
        fit: Says how well the rows of a text fit (see :func:`.read_delimited`).

    Raises:
        MERDataError: It is not there, or cannot be read.
    """
    try:
        content = read_regular(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise MERDataError(f'{path}: there is no such spreadsheet{_near(path)}') from (
            error
        )
    except OSError as error:
        raise MERDataError(f'{path}: cannot be read: {error.strerror}') from error
    if path.suffix.lower() in _TEXTS:
        return [read_delimited(path, content, fit)]
    if not content.startswith(_WORKBOOKS):
        raise MERDataError(f'{path}: is no workbook, {_what_else(content)}')
    _refuse_giants(path, content)
    try:
        return read_workbook(content)
    except WorkbookError as error:
        raise MERDataError(
            f'{path}: this spreadsheet cannot be read: {error}; save it again'
        ) from error


def _near(path: Path) -> str:
    """Name the spreadsheets that may be meant by one that is not there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f', and no folder {path.parent}'
    names = [one.name for one in sorted(folder.iterdir()) if is_spreadsheet(one)]
    near = difflib.get_close_matches(path.name, names, 3, 0.3) or names[:3]
    return f'; in {folder} are: {", ".join(near)}' if near else ''


def _what_else(content: bytes) -> str:
    """Say what a file is that is no workbook, and what to do about it."""
    start = content[:1000].lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if not content:
        return 'but empty: copy it again'
    if start.startswith((b'<!doctype html', b'<html', b'<table', b'<?xml', b'<meta')):
        return 'but a page that some programs show as one: save it there as .xlsx'
    if content.startswith(b'%PDF'):
        return 'but a PDF: save the table as .csv or .xlsx'
    if b'\0' not in content[:1000]:
        return 'but text: if it is a table, give it a name that ends in .csv'
    return 'or a broken one: save it again as .xlsx'


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
