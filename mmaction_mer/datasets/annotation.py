"""The annotation file: one JSON file per dataset, read, written, validated.

The format is described in ``docs/annotation.md``; the rules a row must keep
are in ``rules.py``, and whether the frames exist on disk is asked in
``clips.py``.
"""

import functools
import pickle
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..utils.errors import MERDataError, raise_problems
from ..utils.files import read_regular
from ..utils.json_files import MAX_BYTES, parse_json, write_json
from ..utils.text import quote
from .annotation_rules import (
    MAX_NAME,
    MAX_ROWS,
    Problem,
    metainfo_problems,
    row_problems,
)

FORMAT = 1
# After so many the rest of a file is not looked at.
_MOST_PROBLEMS = 10_000


def clip_name(row: Mapping[str, Any]) -> str:
    """Return the name under which messages speak of a clip.

    >>> clip_name({'dataset': 'smic', 'subject': 's01', 'clip': 's1_ne_01'})
    'smic/s01/s1_ne_01'
    """
    return f'{row["dataset"]}/{row["subject"]}/{row["clip"]}'


def validate_annotation(content: Any, source: str = 'annotation') -> None:
    """Check the content of an annotation file, without touching the frames.

    Args:
        content: What the JSON file holds.
        source: The file's name, for the message.

    Raises:
        MERDataError: Something breaks the format. The message lists every
            problem with clip and field, and says what to do about it.
    """
    if not isinstance(content, dict) or not {'metainfo', 'data_list'} <= set(content):
        raise MERDataError(
            f"{source}: must be a JSON object with the keys 'metainfo' and "
            f"'data_list', but is {quote(content)}"
        )
    metainfo, data_list = content['metainfo'], content['data_list']
    problems = [f'metainfo, {problem}' for problem in metainfo_problems(metainfo)]
    if not isinstance(data_list, list) or not data_list:
        problems.append(
            f"field 'data_list': must be a list with at least one clip, but is "
            f'{quote(data_list)}'
        )
        data_list = []
    if len(data_list) > MAX_ROWS:
        problems.append(
            f"field 'data_list': has {len(data_list)} clips; up to {MAX_ROWS} are read"
        )
        data_list = []
    classes = metainfo.get('classes') if isinstance(metainfo, dict) else None
    num_classes = len(classes) if isinstance(classes, list) else None
    sound: list[tuple[str, dict[str, Any]]] = []
    for number, row in enumerate(data_list):
        where = _where(row, number)
        found = row_problems(row, num_classes)
        problems += [f'{where}, {problem}' for problem in found]
        if not found:
            sound.append((where, row))
        if len(problems) >= _MOST_PROBLEMS and number + 1 < len(data_list):
            # The list shows the first ones alone, so that it says so at its head.
            problems.insert(0, f'data_list[{number + 1}] and later: not looked at')
            break
    problems += _problems_between_rows(sound)
    raise_problems(source, 'the annotation cannot be used', problems)


def read_annotation(path: str | Path) -> dict[str, Any]:
    """Read and validate an annotation file.

    A file with the same content as before is not parsed and validated again: the data
    sets of all folds read the same one.

    Args:
        path: The JSON file.

    Returns:
        ``{'metainfo': {...}, 'data_list': [...]}``, a new copy; in each row ``fps`` is
        a float, ``aus`` a list, and ``emotion`` a text, empty where not given.

    Raises:
        MERDataError: The file is missing, truncated, not JSON, or breaks the format
            (see :func:`validate_annotation`).
    """
    try:
        content = read_regular(path, MAX_BYTES)
    except FileNotFoundError as error:
        raise MERDataError(
            'annotation file not found',
            path=path,
            hint='check ann_file and data_root; tools/data/prepare.py makes one from a '
            'release (docs/datasets.md)',
        ) from error
    except OSError as error:
        raise MERDataError(
            f'annotation file not readable: {error.strerror}', path=path
        ) from error
    return pickle.loads(_parse_annotation(content, str(path)))


# By the content itself, which cannot be out of date. A pickle is the fastest copy, and
# was made here: no pickle is read from a file.
@functools.lru_cache(maxsize=4)
def _parse_annotation(content: bytes, source: str) -> bytes:
    try:
        annotation = parse_json(content)
    except UnicodeDecodeError as error:
        raise MERDataError(
            f'annotation file not readable: {error}', path=source
        ) from error
    except ValueError as error:
        raise MERDataError(
            f'not a JSON file, or truncated: {error}', path=source, hint='make it again'
        ) from error
    validate_annotation(annotation, source)
    for row in annotation['data_list']:
        row['fps'] = float(row['fps'])
        row.setdefault('emotion', '')
        row.setdefault('aus', [])
    return pickle.dumps(annotation, pickle.HIGHEST_PROTOCOL)


def write_annotation(path: str | Path, content: dict[str, Any]) -> Path:
    """Validate an annotation and write it atomically as JSON.

    Args:
        path: The file to write.
        content: ``{'metainfo': {...}, 'data_list': [...]}``.

    Returns:
        The path written.

    Raises:
        MERDataError: The content breaks the format or does not fit into JSON;
            nothing is written.
    """
    validate_annotation(content, str(path))
    try:
        return write_json(path, content)
    except (TypeError, ValueError, RecursionError) as error:
        raise MERDataError(
            f'{path}: an additional field does not fit into JSON: {error}'
        ) from error


def _where(row: Any, number: int) -> str:
    """Name a row by its clip where it has one, and by its place."""
    names: list[Any] = [None]
    if isinstance(row, dict):
        names = [row.get(key) for key in ('dataset', 'subject', 'clip')]
    if all(isinstance(name, str) for name in names):
        # What cannot be printed is shown, and a long name is shortened.
        whole = '/'.join(name[:MAX_NAME] for name in names)
        return f'clip {quote(whole)[1:-1]} (data_list[{number}])'
    return f'data_list[{number}]'


def _problems_between_rows(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Duplicates, one subject spelled two ways, frames shared by two subjects."""
    problems = []
    first: dict[tuple[str, str, str], str] = {}
    spellings: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    owners: dict[PurePosixPath, dict[str, str]] = defaultdict(dict)
    for where, row in rows:
        key = (row['dataset'], row['subject'], row['clip'])
        if key in first:
            problems.append(
                Problem(
                    'clip', f'is a duplicate of {first[key]}: rename it or drop it'
                ).of(where)
            )
        first.setdefault(key, where)

        subject = row['subject']
        known = spellings[row['dataset'], subject.casefold()]
        if known and subject not in known:
            problems.append(
                Problem(
                    'subject',
                    f'{quote(subject)} is spelled {quote(next(iter(known)))} in '
                    f'{next(iter(known.values()))}: spell a subject one way, or '
                    f'one person ends up on both sides of a fold',
                ).of(where)
            )
        known.setdefault(subject, where)

        field = 'frame_dir' if row.get('video') is None else 'video'
        known = owners[PurePosixPath(row[field])]
        if known and subject not in known:
            problems.append(
                Problem(
                    field,
                    f'{quote(row[field])} is also that of '
                    f'{next(iter(known.values()))}, another subject: the same frames '
                    f'would be on both sides of a fold; correct the path or the '
                    f'subject',
                ).of(where)
            )
        known.setdefault(subject, where)
    return problems
