"""Bounded, strict reading of untrusted JSON files, and atomic writing of JSON."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .files import atomic_write, read_regular
from .text import quote

#: Maximum size of a file in bytes. The annotation of 40,000 clips, as in the largest
#: data sets of this field, has 15 million.
MAX_BYTES = 1 << 26
#: Maximum number of values: an empty list takes 3 bytes in a file and 64 in memory.
MAX_VALUES = 8_000_000


def read_json(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: The file, in UTF-8.
        max_bytes: Maximum size in bytes. Defaults to 64 MiB.

    Returns:
        The content.

    Raises:
        OSError: The file cannot be opened, is not a regular file, or is too large.
        ValueError: The file is not JSON, contains too many values or nests them too
            deeply, or an object has a duplicate key, whose value depends on the
            program that reads it.
    """
    return parse_json(read_regular(path, max_bytes))


def parse_json(content: bytes) -> Any:
    """Parse JSON with the checks of :func:`read_json`.

    >>> parse_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    if sum(map(content.count, (b',', b'[', b'{'))) > MAX_VALUES:
        raise ValueError(f'contains more than {MAX_VALUES:,} values')
    text = content.decode('utf-8-sig')
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except RecursionError:
        raise ValueError('is nested too deeply') from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'has the duplicate key {quote(twice)} in one object')
    return found


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> Path:
    """Write a value as JSON, atomically (see :func:`~.files.atomic_write`).

    Args:
        path: The file to write.
        value: The value.
        indent: Number of spaces per level. Defaults to 1.

    Returns:
        The path of the file.

    Raises:
        ValueError: The value contains NaN or infinity, which JSON does not have.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return atomic_write(path, text + '\n')
