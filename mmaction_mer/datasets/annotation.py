"""Read, write and validate annotation files.

The format is described in ``docs/annotation.md``. The rules of a row are in
``annotation_rules.py``; ``clips.py`` checks whether the frames exist on disk.
"""

import functools
import pickle
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..utils.errors import MERDataError, raise_problems
from ..utils.file_errors import data_errors
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
# Rows after so many problems are not checked.
_MAX_PROBLEMS = 10_000


def clip_name(row: Mapping[str, Any]) -> str:
    """Return the name of a clip as messages write it.

    >>> clip_name({'dataset': 'smic', 'subject': 's01', 'clip': 's1_ne_01'})
    'smic/s01/s1_ne_01'
    """
    return f'{row["dataset"]}/{row["subject"]}/{row["clip"]}'


def validate_annotation(content: Any, source: str = 'annotation') -> None:
    """Check the content of an annotation file, without touching the frames.

    Args:
        content: The content of the JSON file.
        source: Path of the file, for messages. Defaults to 'annotation'.

    Raises:
        MERDataError: The content breaks the format. The message lists every
            problem with its clip and field, and how to fix it.
    """
    if not isinstance(content, dict) or not {'metainfo', 'data_list'} <= set(content):
        raise MERDataError(
            "must be a JSON object with the keys 'metainfo' and 'data_list', but is "
            f'{quote(content)}',
            path=source,
        )
    metainfo, data_list = content['metainfo'], content['data_list']
    problems = [f'metainfo: {problem}' for problem in metainfo_problems(metainfo)]
    if not isinstance(data_list, list) or not data_list:
        problems.append(
            f"field 'data_list': must be a list with at least one clip, but is "
            f'{quote(data_list)}'
        )
        data_list = []
    if len(data_list) > MAX_ROWS:
        problems.append(
            f"field 'data_list': has {len(data_list)} clips, more than {MAX_ROWS}"
        )
        data_list = []
    classes = metainfo.get('classes') if isinstance(metainfo, dict) else None
    num_classes = len(classes) if isinstance(classes, list) else None
    valid: list[tuple[str, dict[str, Any]]] = []
    for number, row in enumerate(data_list):
        where = _where(row, number)
        found = row_problems(row, num_classes)
        problems += [f'{where}: {problem}' for problem in found]
        if not found:
            valid.append((where, row))
        if len(problems) >= _MAX_PROBLEMS and number + 1 < len(data_list):
            # The message shows only the first problems: this line has to be first.
            problems.insert(0, f'data_list[{number + 1}] and later: not checked')
            break
    problems += _problems_between_rows(valid)
    raise_problems(source, 'the annotation is not valid', problems)


def read_annotation(path: str | Path) -> dict[str, Any]:
    """Read and validate an annotation file.

    A file with the same content as before is not parsed and validated again: the
    datasets of all folds read the same one.

    Args:
        path: The JSON file.

    Returns:
        ``{'metainfo': {...}, 'data_list': [...]}``, a new copy; in each row ``fps`` is
        a float, ``aus`` a list and ``emotion`` a string, empty where not given.

    Raises:
        MERDataError: The file is missing, truncated, not JSON, or breaks the
            format (see :func:`validate_annotation`).
    """
    with data_errors(
        'annotation file',
        path,
        hint='write it again',
        missing='check ann_file and data_root; tools/data/prepare.py writes one from '
        'a release (docs/datasets.md)',
    ):
        return pickle.loads(_parse_annotation(read_regular(path, MAX_BYTES), str(path)))


# The key is the content itself, which cannot be stale. Unpickling is the fastest way
# to copy, and the pickle was created here, not read from a file.
@functools.lru_cache(maxsize=4)
def _parse_annotation(content: bytes, source: str) -> bytes:
    annotation = parse_json(content)
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
        The path of the file.

    Raises:
        MERDataError: The content breaks the format or cannot be written as JSON;
            nothing is written.
    """
    validate_annotation(content, str(path))
    try:
        return write_json(path, content)
    except (TypeError, ValueError, RecursionError) as error:
        raise MERDataError(
            f'an additional field cannot be written as JSON: {error}', path=path
        ) from error


def _where(row: Any, number: int) -> str:
    """Name a row by its clip where it has one, and by its index."""
    names: list[Any] = [None]
    if isinstance(row, dict):
        names = [row.get(key) for key in ('dataset', 'subject', 'clip')]
    if all(isinstance(name, str) for name in names):
        # Escape characters that cannot be printed, and shorten a long name.
        whole = '/'.join(name[:MAX_NAME] for name in names)
        return f'clip {quote(whole)[1:-1]} (data_list[{number}])'
    return f'data_list[{number}]'


def _problems_between_rows(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """List duplicates, subjects spelled two ways and frames of two subjects."""
    problems = []
    first: dict[tuple[str, str, str], str] = {}
    spellings: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    owners: dict[PurePosixPath, dict[str, str]] = defaultdict(dict)

    def add(where: str, field: str, text: str) -> None:
        problems.append(f'{where}: {Problem(field, text)}')

    for where, row in rows:
        key = (row['dataset'], row['subject'], row['clip'])
        if key in first:
            add(where, 'clip', f'is a duplicate of {first[key]}: rename or remove it')
        first.setdefault(key, where)

        subject = row['subject']
        known = spellings[row['dataset'], subject.casefold()]
        if known and subject not in known:
            spelling, other = next(iter(known.items()))
            add(
                where,
                'subject',
                f'{quote(subject)} is spelled {quote(spelling)} in {other}: use one '
                'spelling, or one person is in both the training and the test set',
            )
        known.setdefault(subject, where)

        field = 'frame_dir' if row.get('video') is None else 'video'
        known = owners[PurePosixPath(row[field])]
        if known and subject not in known:
            add(
                where,
                field,
                f'{quote(row[field])} is also used by {next(iter(known.values()))}, '
                'another subject: the same frames would be in both the training and '
                'the test set; correct the path or the subject',
            )
        known.setdefault(subject, where)
    return problems
