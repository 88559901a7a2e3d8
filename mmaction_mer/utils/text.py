"""Formatting of untrusted text and of errors for messages."""

import reprlib
from typing import Any

#: Maximum length of a quoted value from a file, in characters.
QUOTE_LENGTH = 200


def quote(value: Any) -> str:
    """Return the ``repr`` of a value from a file, shortened for a message.

    Args:
        value: Plain data: a string, a number, or lists and dictionaries of these. An
            object of another class is represented by its type only, since its
            ``repr`` is code that may depend on attributes set by the file.

    Returns:
        At most 200 characters, for values of any size and depth.

    >>> quote('sub01'), quote(['a', 1])
    ("'sub01'", "['a', 1]")
    >>> len(quote('x' * 10**6)), quote(object())
    (200, '<object>')
    """
    text = _REPR.repr(value)
    return text if len(text) <= QUOTE_LENGTH else text[: QUOTE_LENGTH - 3] + '...'


def printable_name(name: str) -> str:
    r"""Return a name from a file, safe to print in a message.

    Args:
        name: Any text.

    Returns:
        The name itself; quoted and shortened if it is long or contains control
        characters, which a terminal would interpret.

    >>> printable_name('sub01'), printable_name('\x1b[31m')
    ('sub01', "'\\x1b[31m'")
    """
    return name if name.isprintable() and len(name) < QUOTE_LENGTH else quote(name)


def printable(text: str, limit: int) -> str:
    r"""Escape the control characters of a message and shorten it.

    Args:
        text: The message; line breaks and tabs are kept.
        limit: Maximum number of characters.

    >>> printable('clip \x1b[31m:\n  bad', 100)
    'clip \\x1b[31m:\n  bad'
    >>> len(printable('\x1b' * 300, 200)), len(printable('a' * 300, 200))
    (200, 200)
    """
    escaped = ''.join(
        one if one.isprintable() or one in '\n\t' else repr(one)[1:-1]
        for one in text[:limit]
    )
    if len(text) > limit or len(escaped) > limit:
        return escaped[: max(0, limit - 3)] + '...'[:limit]
    return escaped


def first_line(error: BaseException, limit: int = QUOTE_LENGTH) -> str:
    r"""Return the first line of the message of an error, printable and shortened.

    Args:
        error: The error.
        limit: Maximum number of characters. Defaults to 200.

    Returns:
        The line, or the name of the class of an error without a message.

    >>> first_line(ValueError('no such key\n  in file a')), first_line(KeyError())
    ('no such key', 'KeyError')
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(' '.join(lines[0].split()), limit)


class _PlainRepr(reprlib.Repr):
    """Bounded representation of plain data; only the type of other objects."""

    def repr1(self, x: Any, level: int) -> str:
        if x is None or isinstance(x, bool | float | complex):
            return repr(x)
        if type(x) in (int, str, bytes, list, tuple, dict, set, frozenset):
            return super().repr1(x, level)
        return f'<{type(x).__name__}>'

    def repr_int(self, x: int, level: int) -> str:
        # Python does not convert integers of more than a few thousand digits.
        return repr(x) if x.bit_length() < 400 else f'<int of {x.bit_length()} bits>'

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxstring])


_REPR = _PlainRepr()
_REPR.maxstring = QUOTE_LENGTH
_REPR.maxlevel = 3
