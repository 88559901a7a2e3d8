"""The value of ``key=value`` on a command line.

Values mean what they mean to mmengine, whose own reader also takes all blanks out of
them: a folder ``/x/moved data`` would become another one. Here a blank is a part of
the text, and quotes keep a comma from making a list.
"""

import re
from typing import Any

_QUOTES = ("'", '"')
_BRACKETS = {'(': ')', '[': ']'}
_WORDS = {'true': True, 'false': False}


def parse_value(text: str) -> Any:
    r"""Read a value.

    Args:
        text: A number, ``True``, ``False`` or ``None``; a list as ``a,b`` or ``[a,b]``,
            a tuple as ``(a,b)``, also one in another; or else a text, in quotes if it
            holds a comma.

    Returns:
        The value.

    Raises:
        ValueError: A list or a tuple whose brackets do not match.

    Example:
        >>> parse_value('/x/moved data'), parse_value('[(1, 0.5), a b, None]')
        ('/x/moved data', [(1, 0.5), 'a b', None])
        >>> parse_value("'/x/a, b'"), parse_value("'a, b',c")
        ('/x/a, b', ['a, b', 'c'])
        >>> parse_value('006'), parse_value('6_1_2')  # a subject and a clip
        ('006', '6_1_2')
    """
    text = text.strip()
    if text[:1] in _QUOTES and _end_of_quote(text, 0) == len(text):
        inner = text[1:-1]
        # As shells that do not know quotes, or scripts, hand a list over.
        return parse_value(inner) if _is_bracketed(inner.strip()) else _scalar(inner)
    if _is_bracketed(text):
        values = [parse_value(part) for part in _parts(text[1:-1])]
        return tuple(values) if text[0] == '(' else values
    parts = _parts(text)
    if parts == [text] or not parts:
        return _scalar(text)
    return [parse_value(part) for part in parts]


def _scalar(text: str) -> Any:
    plain = text.strip()
    if plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    if plain == 'None':
        return None
    # Numbers have no zeros before them, names of subjects and clips do; and 006_1_2,
    # which Python would read as 612, has no groups of thousands.
    if re.fullmatch(r'[+-]?0\d+', plain):
        return text
    if '_' in plain and not re.fullmatch(r'[+-]?[1-9]\d{0,2}(_\d{3})+', plain):
        return text
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text


def _is_bracketed(text: str) -> bool:
    """Whether one pair of brackets is around all of a text."""
    if text[:1] not in _BRACKETS or text[-1:] != _BRACKETS[text[0]]:
        return False
    try:
        return len(_parts(text[1:-1], commas=False)) <= 1
    except ValueError:
        return False


def _parts(text: str, commas: bool = True) -> list[str]:
    """Split a text at its commas, but not in brackets or quotes.

    Args:
        text: The text; a comma at its end is none.
        commas: Split; else only see that brackets match.

    Raises:
        ValueError: There is a comma to split at, and brackets do not match.
    """
    parts, start, place, open_brackets, wrong = [], 0, 0, [], False
    fresh = True  # here a quote begins a text
    while place < len(text):
        letter = text[place]
        end = _end_of_quote(text, place) if fresh and letter in _QUOTES else None
        if end is not None:
            place, fresh = end, False
            continue
        if letter in _BRACKETS:
            open_brackets.append(_BRACKETS[letter])
        elif letter in _BRACKETS.values():
            wrong = wrong or not open_brackets or open_brackets.pop() != letter
        elif letter == ',' and not open_brackets and commas:
            parts.append(text[start:place])
            start = place + 1
        fresh = letter in '([,' or (fresh and letter.isspace())
        place += 1
    if start < len(text):
        parts.append(text[start:])
    if (wrong or open_brackets) and (not commas or ',' in text):
        raise ValueError(
            f'the brackets do not match in {text}: put a text with a comma in quotes'
        )
    return parts


def _end_of_quote(text: str, start: int) -> int | None:
    """Find where a quoted text ends, which a comma, a bracket or nothing follows."""
    place = text.find(text[start], start + 1)
    while place >= 0:
        rest = text[place + 1 :].lstrip()
        if not rest or rest[0] in ',)]':
            return len(text) - len(rest) if not rest else place + 1
        place = text.find(text[start], place + 1)
    return None
