"""Tables in text files: how they are encoded, and which sign parts their cells."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from .workbook import MOST_CELLS, Sheet

# Where a comma is the decimal sign, semicolons part the columns.
_SIGNS = ',;\t|'
# What some spreadsheet programs write and obey.
_HINT = re.compile(r'"?sep=([^\r\n"])"?\r?\n?')
# How a number is written so that such a program keeps its zeros.
_KEPT = re.compile(r'="([^"]*)"')


def read_delimited(
    path: Path, data: bytes, fit: Callable[[list[list[Any]]], Any]
) -> Sheet:
    """Read a text file with the sign that fits best.

    Args:
        path: Its name, for messages.
        data: Its content.
        fit: Says how well rows fit what is looked for, by a value that can be compared.

    Returns:
        Its rows; the "sheet" is called by how it was read, where that is not the usual
        way.

    Raises:
        MERDataError: It is no such text.
    """
    if sum(data.count(sign.encode()) for sign in _SIGNS + '\n\r') > MOST_CELLS:
        raise MERDataError(f'{path}: has more than {MOST_CELLS:,} cells')
    text, name = _decode(path, data)
    hint = _HINT.match(text)
    if hint is not None:
        text = text[hint.end() :]
    best: tuple[Any, bool, list[list[str]]] | None = None
    reasons = []
    for sign in hint[1] if hint else _SIGNS:
        rows, reason = _rows(text, sign)
        reasons += [reason] if reason else []
        # Where the sign is not that of the file, its quotation marks seem wrong.
        found = fit(rows), not reason, rows
        if best is None or found[:2] > best[:2]:
            best = found
    assert best is not None
    _, whole, rows = best
    if not whole:
        raise MERDataError(
            f'{path}: not a CSV file: {"; ".join(dict.fromkeys(reasons))}: is a '
            f'quotation mark missing or too many?'
        )
    return Sheet(name, rows, text=True)


def _rows(text: str, sign: str) -> tuple[list[list[str]], str]:
    """Return the rows that can be read, and why no more can; empty if all are."""
    rows = []
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=sign, strict=True)
    try:
        for row in reader:
            kept = map(_KEPT.fullmatch, row)
            rows.append([k[1] if k else x for k, x in zip(kept, row, strict=True)])
    except csv.Error as error:
        return rows, f'row {len(rows) + 1}: {error}'
    return rows, ''


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text, and how it was read."""
    encodings = [('utf-8-sig', ''), ('gb18030', 'read as GB 18030')]
    if data.startswith((b'\xff\xfe', b'\xfe\xff')):
        encodings = [('utf-16', 'read as UTF-16')]
    elif b'\0' in data:
        # Every second byte of plain letters is zero.
        even, odd = data[0::2].count(0), data[1::2].count(0)
        if max(even, odd) * 4 > len(data):
            wide = 'utf-16-be' if even > odd else 'utf-16-le'
            encodings = [(wide, 'read as UTF-16')]
    for encoding, name in encodings:
        try:
            return data.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise MERDataError(
        f'{path}: not text in UTF-8, UTF-16 or GB 18030: save it as UTF-8'
    )
