"""Parse the cells of a spreadsheet as names and numbers."""

import datetime
import re
import unicodedata
from typing import Any

from ....utils.text import quote
from ...annotation_rules import MAX_FPS, MAX_NUMBER, MAX_TEXT
from .workbook import UnreadableCell

# Placeholders for a value that is not known.
_PLACEHOLDERS = frozenset(
    {'', '/', '-', '--', '–', '—', '\\', 'n/a', 'na', 'nan', 'none', 'null', '?'}
)
_SPLIT_AUS = re.compile(r'[+,;、]')
_DECIMAL = re.compile(r'[0-9]+(\.[0-9]*)?')
# Errors that spreadsheet programs show, and write into .csv files.
_ERROR = re.compile(
    r'#(NULL|DIV/0|VALUE|REF|NAME|NUM|N/A|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY'
    r'|UNKNOWN|GETTING_DATA)[!?]?|Err:[0-9]+|#+',
    re.IGNORECASE,
)
# A float has no more exact digits; spreadsheet programs turn the others into zeros.
_MAX_EXACT = 10**15
_AS_TEXT = 'type it again as text'


class CellError(ValueError):
    """A cell that cannot be parsed; the text is the reason."""


def text(value: Any) -> str:
    """Return a cell as normalized text; whole floats lose their decimal point.

    Raises:
        CellError: The cell is an error or a formula without a value; a date, into which
            a spreadsheet program has turned a name such as ``1-2``; a boolean; a
            number with more digits than a spreadsheet keeps; or the text is too long.

    >>> text(4.0), text(' EP02_01f '), text(None), text('１２')
    ('4', 'EP02_01f', '', '12')
    """
    if value is None:
        return ''
    if isinstance(value, UnreadableCell):
        raise CellError(value.reason)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        raise CellError(f'is the date or time {value}: {_AS_TEXT}')
    if isinstance(value, bool):
        raise CellError(f'is the boolean {str(value).upper()}: {_AS_TEXT}')
    if isinstance(value, int | float) and abs(value) >= _MAX_EXACT:
        raise CellError(f'is {value:g}, more digits than a cell stores: {_AS_TEXT}')
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise CellError(f'is longer than {MAX_TEXT} characters: {quote(value)}')
    found = normalize(str(value))
    if _ERROR.fullmatch(found):
        raise CellError(f'is the error {found}: type the value')
    if len(found) > 1 and found.startswith('='):
        raise CellError(f'is the formula {quote(found)}: type the value')
    return found


def normalize(value: str) -> str:
    r"""Normalize a text or a file name: NFKC, no hidden characters, single spaces.

    >>> normalize('a\u200b  \uff11')
    'a 1'
    """
    return ' '.join(
        ''.join(
            c
            for c in unicodedata.normalize('NFKC', value)
            # A control character that separates lines separates words, too.
            if c.isspace() or unicodedata.category(c) not in ('Cc', 'Cf')
        ).split()
    )


def text_or_empty(value: Any) -> str:
    """Return a cell as text, or an empty text if it cannot be parsed."""
    try:
        return text(value)
    except CellError:
        return ''


def name(value: Any) -> str:
    """Return a cell that must hold a name.

    Raises:
        CellError: It is empty, or a number with a fraction: it may have been typed as
            ``1.5`` or ``1.50``.
    """
    found = text(value)
    if not found or found in ('/', '-'):
        raise CellError('is empty')
    if isinstance(value, float) and not value.is_integer():
        raise CellError(f'is the number {found}, not a name: {_AS_TEXT}')
    return found


def identity(value: Any) -> str:
    """Return the name of a subject; a whole number loses the fraction of a float.

    >>> identity('1.0'), identity('001'), identity('p1.0')
    ('1', '001', 'p1.0')
    """
    found = name(value)
    return re.sub(r'(?<=[0-9])\.0+', '', found) if _DECIMAL.fullmatch(found) else found


def _number(value: Any, what: str) -> str | None:
    """Return the digits of a number; None for a placeholder."""
    found = text(value)
    if found.casefold() in _PLACEHOLDERS:
        return None
    # NFKC turns superscript and circled digits into digits, but 4\u00b2 is not 42; and
    # an invisible character such as a soft hyphen may separate two numbers.
    written = ''.join(c for c in str(value) if unicodedata.category(c) != 'Cc')
    odd = {unicodedata.category(c) for c in written.strip('\ufeff\u200b\u200e\u200f ')}
    if not _DECIMAL.fullmatch(found) or odd & {'No', 'Cf'}:
        raise CellError(f'is {quote(found)}, not {what}: type digits only')
    return found


def frame(value: Any) -> int | None:
    """Return a frame number, or None for a placeholder.

    Raises:
        CellError: It is neither.

    >>> frame('46'), frame(46.0), frame('/'), frame('')
    (46, 46, None, None)
    """
    found = _number(value, 'a frame number')
    if found is None:
        return None
    whole, _, fraction = found.partition('.')
    # In many countries 1.000 means one thousand.
    if fraction.strip('0') or len(fraction) == 3:
        raise CellError(f'is {quote(found)}, not a frame number: type a whole number')
    number = int(whole[:20])
    if number > MAX_NUMBER:
        raise CellError(f'is {quote(found)}, too large for a frame number')
    return number


def apex(value: Any) -> int | None:
    """Return the frame of an apex; None for a placeholder or -1.

    >>> apex(50.0), apex('-1.0'), apex('/')
    (50, None, None)
    """
    return None if re.fullmatch(r'-1(\.0*)?', text(value)) else frame(value)


def rate(value: Any) -> float | None:
    """Return a frame rate in Hz, or None for a placeholder.

    Raises:
        CellError: It is neither.

    >>> rate('29.97'), rate('29,97'), rate(200.0), rate('/')
    (29.97, 29.97, 200.0, None)
    """
    # A comma before one or two digits cannot be a thousands separator.
    if isinstance(value, str) and re.fullmatch(r'\s*[0-9]+,[0-9]{1,2}\s*', value):
        value = value.replace(',', '.')
    found = _number(value, 'a frame rate in Hz')
    if found is None:
        return None
    number = float(found)
    if not 0 < number <= MAX_FPS:
        raise CellError(f'is {quote(found)}, not a frame rate in Hz')
    return number


def action_units(value: Any) -> tuple[str, ...]:
    """Split action units at commas and plus signs outside of parentheses.

    >>> action_units('(R6 or R12)+R15'), action_units('4，L10'), action_units(12.0)
    (('(R6 or R12)', 'R15'), ('4', 'L10'), ('12',))
    """
    found = text(value)
    if found.casefold() in _PLACEHOLDERS:
        return ()
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(found):
        depth += (letter == '(') - (letter == ')')
        if depth <= 0 and _SPLIT_AUS.match(letter):
            parts.append(found[start:index])
            start = index + 1
    parts.append(found[start:])
    return tuple(part.strip() for part in parts if part.strip())


def subject_number(value: Any) -> int:
    """Return the only number in the name of a subject, whatever its spelling.

    Raises:
        CellError: There is none or more than one.

    >>> [subject_number(name) for name in ('sub01', '1.0', 's1')]
    [1, 1, 1]
    """
    match = re.fullmatch(r'[A-Za-z ._]*([0-9]{1,9})|([0-9]{1,9})\.0*', text(value))
    if match is None:
        raise CellError(f'is {quote(text(value))}, not a subject with one number')
    return int(match[1] or match[2])
