"""Cells of a spreadsheet: what people have typed, as names and numbers."""

import datetime
import re
import unicodedata
from typing import Any

from ...utils import quote
from ..rules import MAX_NUMBER, MAX_TEXT

# What stands where a value is not known.
_NOT_GIVEN = frozenset(
    {'', '/', '-', '--', '\\', 'n/a', 'na', 'nan', 'none', 'null', '?'}
)
_SPLIT_AUS = re.compile(r'[+,;、]')


class CellError(ValueError):
    """A cell cannot be what its column holds; the text says why."""


def text(value: Any) -> str:
    """Return a cell as text: whole floats without the point, full width made plain.

    Raises:
        CellError: The cell is a date: a spreadsheet program has turned a name such as
            ``1-2`` into one, and what stood there is lost. Or it is too long.

    >>> text(4.0), text(' EP02_01f '), text(None), text('１２')
    ('4', 'EP02_01f', '', '12')
    """
    if value is None:
        return ''
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        raise CellError(f'is the date {value}, not a name: type it again as text')
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise CellError(f'is longer than {MAX_TEXT} characters: {quote(value)}')
    plain = unicodedata.normalize('NFKC', str(value))
    return ' '.join(
        ''.join(
            c
            for c in plain
            if unicodedata.category(c) not in ('Cc', 'Cf') or c in '\t\n'
        ).split()
    )


def text_or_nothing(value: Any) -> str:
    """Return a cell as text, empty where it cannot be; its row says so elsewhere."""
    try:
        return text(value)
    except CellError:
        return ''


def name(value: Any) -> str:
    """Return a cell that must hold a name.

    Raises:
        CellError: It is empty.
    """
    found = text(value)
    if not found or found in ('/', '-'):
        raise CellError('is empty')
    return found


def frame(value: Any) -> int | None:
    """Return a frame number, or None where the cell says that there is none.

    Raises:
        CellError: It is neither.

    >>> frame('46'), frame(46.0), frame('/'), frame('')
    (46, 46, None, None)
    """
    plain = text(value)
    if plain.casefold() in _NOT_GIVEN:
        return None
    if not re.fullmatch(r'[0-9]+(\.0*)?', plain):
        raise CellError(f'is {quote(plain)}, not a frame number')
    number = int(plain.partition('.')[0][:20])
    if number > MAX_NUMBER:
        raise CellError(f'is {quote(plain)}, which no frame is numbered')
    return number


def action_units(value: Any) -> tuple[str, ...]:
    """Split action units at their commas and plus signs, outside of brackets.

    >>> action_units('(R6 or R12)+R15'), action_units('4，L10'), action_units(12.0)
    (('(R6 or R12)', 'R15'), ('4', 'L10'), ('12',))
    """
    plain = text(value)
    if plain.casefold() in _NOT_GIVEN:
        return ()
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(plain):
        depth += (letter == '(') - (letter == ')')
        if depth <= 0 and _SPLIT_AUS.match(letter):
            parts.append(plain[start:place])
            start = place + 1
    parts.append(plain[start:])
    return tuple(part.strip() for part in parts if part.strip())


def one_number(value: Any) -> int:
    """Return the only number in a name, as subjects are spelled in many ways.

    Raises:
        CellError: There is none or more than one.

    >>> one_number('sub01'), one_number(1.0), one_number('s1')
    (1, 1, 1)
    """
    match = re.fullmatch(r'[A-Za-z ._]*([0-9]{1,9})', text(value))
    if match is None:
        raise CellError(f'is {quote(text(value))}, not a subject with one number')
    return int(match[1])
