"""Parsing of the values of ``key=value`` options on a command line.

The syntax is that of ``DictAction`` of mmengine, with two differences: spaces are kept,
which mmengine removes, so that ``/x/moved data`` stays that folder; and a quoted text
may contain commas.
"""

import re
from typing import Any

_QUOTES = ("'", '"')
_BRACKETS = {'(': ')', '[': ']'}
_WORDS = {'true': True, 'false': False}


def parse_value(text: str) -> Any:
    r"""Parse a value.

    Args:
        text: A number, ``True``, ``False`` or ``None``; a list ``a,b`` or ``[a,b]`` or
            a tuple ``(a,b)``, possibly nested; or any other text, in quotes if it
            contains a comma.

    Returns:
        The value.

    Raises:
        ValueError: The brackets of a list or a tuple do not match.

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
        # A quoted list, as passed by scripts and by shells that keep the quotes.
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
    # Leading zeros mean a name of a subject or a clip, not a number. Underscores are
    # allowed between thousands only: int() would parse the clip 6_1_2 as 612.
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
    """Return whether one pair of brackets encloses the whole text."""
    if text[:1] not in _BRACKETS or text[-1:] != _BRACKETS[text[0]]:
        return False
    try:
        return len(_parts(text[1:-1], commas=False)) <= 1
    except ValueError:
        return False


def _parts(text: str, commas: bool = True) -> list[str]:
    """Split a text at commas outside of brackets and quotes.

    Args:
        text: The text; a trailing comma is ignored.
        commas: Whether to split; else only check that the brackets match. Defaults to
            True.

    Raises:
        ValueError: The text contains a comma and its brackets do not match.
    """
    parts, start, place, open_brackets, wrong = [], 0, 0, [], False
    fresh = True  # whether a quote here starts a quoted text
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
            f'the brackets do not match in {text}: quote a text that contains a comma'
        )
    return parts


def _end_of_quote(text: str, start: int) -> int | None:
    """Find the end of a quoted text, which precedes a comma, a bracket or the end."""
    place = text.find(text[start], start + 1)
    while place >= 0:
        rest = text[place + 1 :].lstrip()
        if not rest or rest[0] in ',)]':
            return len(text) - len(rest) if not rest else place + 1
        place = text.find(text[start], place + 1)
    return None
