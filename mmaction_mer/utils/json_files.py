"""JSON files that somebody else wrote: read in bounds, and without surprises."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .files import atomic_write, read_regular
from .text import quote

#: Bytes of a file. The largest sets of this field, of 40,000 clips, have 15 million.
MAX_BYTES = 1 << 26
#: Values in a file: an empty list takes three bytes there, and 64 in memory.
MAX_VALUES = 8_000_000


def read_json(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: The file, in UTF-8.
        max_bytes: What it may hold at most.

    Returns:
        Its content.

    Raises:
        OSError: It cannot be opened, is no regular file, or is too large.
        ValueError: It is not JSON, has a key twice in one object, of which programs
            read one or the other, or holds too many values, or too deep ones.
    """
    return parse_json(read_regular(path, max_bytes))


def parse_json(content: bytes) -> Any:
    """Read JSON, as :func:`read_json` does.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    if sum(map(content.count, (b',', b'[', b'{'))) > MAX_VALUES:
        raise ValueError(f'holds more than {MAX_VALUES:,} values')
    text = content.decode('utf-8-sig')
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise ValueError('is nested too deep') from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'has the key {quote(twice)} twice in one object')
    return found


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> Path:
    """Write ``value`` as JSON, atomically (see :func:`atomic_write`).

    NaN and infinity are refused, since they are not JSON and other programs
    could not read the file back.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return atomic_write(path, text + '\n')
