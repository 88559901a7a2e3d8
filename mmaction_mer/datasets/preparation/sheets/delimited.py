"""Tables in text files: detect the encoding and the delimiter."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from .workbook import MAX_CELLS, Sheet

# Semicolons separate columns where a comma is the decimal separator.
_DELIMITERS = ',;\t|'
# First line with which some spreadsheet programs declare the delimiter.
_DECLARATION = re.compile(r'"?sep=([^\r\n"])"?\r?\n?')
# Form of a number in which such a program keeps leading zeros.
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')


def read_delimited(
    path: Path, data: bytes, score: Callable[[list[list[Any]]], Any]
) -> Sheet:
    """Read a text file with the delimiter that fits best.

    Args:
        path: Name of the file, for messages.
        data: Content of the file.
        score: Rates how well rows fit what is looked for; values are compared.

    Returns:
        The rows; the name of the sheet is the encoding if that is not UTF-8.

    Raises:
        MERDataError: The file is not text, has too many cells or unbalanced quotes.
    """
    if sum(data.count(sign.encode()) for sign in _DELIMITERS + '\n\r') > MAX_CELLS:
        raise MERDataError(f'has more than {MAX_CELLS:,} cells', path=path)
    text, name = _decode(path, data)
    declared = _DECLARATION.match(text)
    if declared is not None:
        text = text[declared.end() :]
    best: tuple[Any, bool, list[list[str]]] | None = None
    reasons = []
    for delimiter in declared[1] if declared else _DELIMITERS:
        rows, reason = _split_rows(text, delimiter)
        reasons += [reason] if reason else []
        # With a wrong delimiter, the quotation marks of the file look wrong, too.
        found = score(rows), not reason, rows
        if best is None or found[:2] > best[:2]:
            best = found
    assert best is not None
    _, complete, rows = best
    if not complete:
        raise MERDataError(
            f'not a CSV file: {"; ".join(dict.fromkeys(reasons))}',
            path=path,
            hint='check for a missing or surplus quotation mark',
        )
    return Sheet(name, rows, text=True)


def _split_rows(text: str, delimiter: str) -> tuple[list[list[str]], str]:
    """Return the readable rows, and why the next one is not readable."""
    rows = []
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            kept = map(_KEPT_AS_TEXT.fullmatch, row)
            rows.append([k[1] if k else x for k, x in zip(kept, row, strict=True)])
    except csv.Error as error:
        return rows, f'row {len(rows) + 1}: {error}'
    return rows, ''


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    """Return the text, and a note about its encoding."""
    encodings = [('utf-8-sig', ''), ('gb18030', 'read as GB 18030')]
    if data.startswith((b'\xff\xfe', b'\xfe\xff')):
        encodings = [('utf-16', 'read as UTF-16')]
    elif b'\0' in data:
        # In UTF-16 every second byte of ASCII text is zero.
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
        'not text in UTF-8, UTF-16 or GB 18030', path=path, hint='save it as UTF-8'
    )
