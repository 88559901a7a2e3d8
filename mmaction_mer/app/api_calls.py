"""Parse the JSON calls that a browser sends to the page."""

import json
import re
from collections.abc import Collection
from typing import Any

from .request_body import RequestError

#: Largest size of a call in bytes; the page's own calls have less than two thousand.
MAX_BYTES = 64 << 10
# Largest depth of nested lists and dictionaries.
_MAX_DEPTH = 16
_NAME = re.compile(r'[A-Za-z0-9_-]{1,64}')


def parse_call(path: str, body: bytes, handlers: Collection[int]) -> dict:
    """Parse a call.

    Args:
        path: Path of the request.
        body: Body of the request.
        handlers: Indices of the handlers that may be called.

    Returns:
        The fields that the page needs, and no others.

    Raises:
        RequestError: The call is not valid.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, 'the request is not JSON') from None
    if not isinstance(value, dict) or _is_too_deep(value):
        raise RequestError(400, 'the request is not a JSON object, or nested too deep')
    if path.endswith('/reset'):
        return {'event_id': _name(value, 'event_id')}
    handler = value.get('fn_index')
    known = isinstance(handler, int) and not isinstance(handler, bool)
    if not known or handler not in handlers:
        raise RequestError(422, 'fn_index is not the index of a handler')
    call = {'fn_index': handler, 'session_hash': _name(value, 'session_hash')}
    if path.endswith('/cancel'):
        return {**call, 'event_id': _name(value, 'event_id')}
    if not isinstance(value.get('data'), list):
        raise RequestError(422, 'data is not a list')
    return {**call, 'data': value['data']}


def is_name(text: str) -> bool:
    """Return whether a string can be the name of a session or an event."""
    return _NAME.fullmatch(text) is not None


def file_paths(data: list) -> list[str]:
    """Return the paths of the files in the data of a call."""
    paths = (one.get('path') for one in data if isinstance(one, dict))
    return [path for path in paths if isinstance(path, str)]


def _name(value: dict, key: str) -> str:
    name = value.get(key)
    if not isinstance(name, str) or not is_name(name):
        raise RequestError(422, f'{key} is not a name of letters and digits')
    return name


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [two for one in inner for two in one if isinstance(two, dict | list)]
        if not level:
            return False
    return True
