"""Text from files that nobody trusts, made fit for messages."""

import reprlib
from typing import Any

#: How much of a foreign value a message quotes, in characters.
QUOTE_LENGTH = 200


def quote(value: Any) -> str:
    """Return the ``repr`` of a value from a file, shortened for a message.

    Args:
        value: Plain data: a string, a number, or lists and dictionaries of these. An
            object of another class is named by its type only, since its ``repr`` is
            code that may follow anything the file has put into it.

    Returns:
        At most 200 characters, whatever the size and the depth of the value.

    >>> quote('sub01'), quote(['a', 1])
    ("'sub01'", "['a', 1]")
    >>> len(quote('x' * 10**6)), quote(object())
    (200, '<object>')
    """
    text = _REPR.repr(value)
    return text if len(text) <= QUOTE_LENGTH else text[: QUOTE_LENGTH - 3] + '...'


def shown(name: str) -> str:
    r"""Return a name from a file as a message shows it.

    Args:
        name: Any text.

    Returns:
        The name itself; quoted and shortened where it is long, or holds characters
        that a terminal would act upon.

    >>> shown('sub01'), shown('\x1b[31m')
    ('sub01', "'\\x1b[31m'")
    """
    return name if name.isprintable() and len(name) < QUOTE_LENGTH else quote(name)


def printable(text: str, limit: int) -> str:
    r"""Make a message printable: escape control characters, and shorten it.

    Args:
        text: The message; line breaks and tabs stay.
        limit: Its most characters.

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


class _PlainRepr(reprlib.Repr):
    """``reprlib``'s bounded forms of plain data, and of other objects the type."""

    def repr1(self, x: Any, level: int) -> str:
        if x is None or isinstance(x, bool | float | complex):
            return repr(x)
        if type(x) in (int, str, bytes, list, tuple, dict, set, frozenset):
            return super().repr1(x, level)
        return f'<{type(x).__name__}>'

    def repr_int(self, x: int, level: int) -> str:
        # Above a few thousand digits Python refuses the conversion altogether.
        return repr(x) if x.bit_length() < 400 else f'<int of {x.bit_length()} bits>'

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxstring])


_REPR = _PlainRepr()
_REPR.maxstring = QUOTE_LENGTH
_REPR.maxlevel = 3
