"""What a browser asks the page to do, as JSON, and which of it is none of that."""

import json
import re
from collections.abc import Collection
from typing import Any

from .bodies import RefusedError

#: Bytes of a call: the page's own have less than two thousand.
MOST = 64 << 10
#: Lists and dictionaries within one another.
_DEPTH = 16
_NAME = re.compile(r'[A-Za-z0-9_-]{1,64}')


def read_call(path: str, body: bytes, handlers: Collection[int]) -> dict:
    """Read a call.

    Args:
        path: Its address.
        body: What was sent.
        handlers: Numbers of what may be called.

    Returns:
        What of it the page needs, and nothing else.

    Raises:
        RefusedError: It is none; says why.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, 'the request is no JSON') from None
    if not isinstance(value, dict) or _too_deep(value):
        raise RefusedError(400, 'the request is no JSON object, or holds too many')
    if path.endswith('/reset'):
        return {'event_id': _name(value, 'event_id')}
    call = value.get('fn_index')
    if not isinstance(call, int) or isinstance(call, bool) or call not in handlers:
        raise RefusedError(422, 'fn_index is no number of what the page can do')
    found = {'fn_index': call, 'session_hash': _name(value, 'session_hash')}
    if path.endswith('/cancel'):
        return {**found, 'event_id': _name(value, 'event_id')}
    if not isinstance(value.get('data'), list):
        raise RefusedError(422, 'data is no list of what the page asks for')
    return {**found, 'data': value['data']}


def is_name(text: str) -> bool:
    """Tell what browsers name their sessions and events by."""
    return _NAME.fullmatch(text) is not None


def files_of(data: list) -> list[str]:
    """Paths of the files that a call names."""
    paths = (one.get('path') for one in data if isinstance(one, dict))
    return [path for path in paths if isinstance(path, str)]


def _name(value: dict, key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not is_name(found):
        raise RefusedError(422, f'{key} is no name of letters and digits')
    return found


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [two for one in inner for two in one if isinstance(two, dict | list)]
        if not level:
            return False
    return True
