"""Predictions of clips, and the JSON-lines files that they are stored in.

A file ``predictions.jsonl`` has one line per clip::

    {"dataset": "casme2", "subject": "sub01", "clip": "EP02_01f", "label": 1,
     "prediction": 1, "probabilities": [0.1, 0.7, 0.2]}

(here broken in two). Further fields are kept as they are.

Predictions are validated where they come from: by ``MERMetric``, which makes them of
what a model returns, and by :func:`read_predictions` and :func:`write_predictions`.
Whatever else takes predictions takes validated ones.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.annotation import clip_name
from ..utils.errors import MERDataError, raise_problems
from ..utils.files import atomic_write, read_regular
from ..utils.json_files import parse_json
from ..utils.text import printable_name, quote

#: The fields that identify a clip.
NAMES = ('dataset', 'subject', 'clip')
#: Their values.
Key = tuple[str, str, str]
#: One prediction.
Prediction = Mapping[str, Any]
#: The largest release takes some megabytes: 16,000 clips of less than 500 bytes each.
MAX_BYTES = 1 << 26
#: Probabilities are written as decimals and come from 16-bit networks too.
SUM_TOLERANCE = 1e-3


class NonFiniteScoreError(MERDataError):
    """Scores of a clip are NaN or infinite, as those of a model that diverged."""


class MissingClipNameError(MERDataError):
    """Samples of a MERDataset come without the fields that identify their clip."""


def prediction_problem(line: Any, num_classes: int | None = None) -> str | None:
    """Describe what is wrong with a prediction, naming the field.

    Args:
        line: One prediction.
        num_classes: Number of classes. Defaults to the number of probabilities.

    Returns:
        The problem, or None if there is none.

    >>> line = {'dataset': 'samm', 'subject': '006', 'clip': '006_1_2', 'label': 0,
    ...         'prediction': 1, 'probabilities': [0.4, 0.6]}
    >>> prediction_problem(line) is None
    True
    >>> prediction_problem({**line, 'label': 2})
    "field 'label': is 2, but must be a class index, 0..1"
    """
    if not isinstance(line, Mapping):
        return (
            f'must be an object with the fields of a prediction, but is {quote(line)}'
        )
    for field in NAMES:
        if not isinstance(line.get(field), str) or not line[field]:
            return f'field {field!r}: must be a name, but is {quote(line.get(field))}'
    probabilities: Any = line.get('probabilities')
    if problem := _probabilities_problem(probabilities, num_classes):
        return f"field 'probabilities': {problem}"
    for field in ('label', 'prediction'):
        value = line.get(field)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value not in range(len(probabilities)):
            return (
                f'field {field!r}: is {quote(value)}, but must be a class index, '
                f'0..{len(probabilities) - 1}'
            )
    return None


def _probabilities_problem(values: Any, num_classes: int | None) -> str | None:
    if not isinstance(values, list | tuple) or not values:
        return f'must be a list of numbers, but is {quote(values)}'
    if num_classes is not None and len(values) != num_classes:
        return f'has {len(values)} numbers, but there are {num_classes} classes'
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f'contains {quote(value)}, which is not a number'
        # Written so that NaN fails too.
        if not -SUM_TOLERANCE <= value <= 1 + SUM_TOLERANCE:
            return f'contains {quote(value)}, which is not in 0..1'
    if not abs(math.fsum(values) - 1) <= SUM_TOLERANCE:
        return f'sums to {math.fsum(values):.6g}, not to 1'
    return None


def validate_predictions(
    lines: Sequence[Any], source: str = 'predictions', num_classes: int | None = None
) -> None:
    """Check predictions one by one and against each other.

    Args:
        lines: Predictions as dicts.
        source: Where they come from, for the message.
        num_classes: Number of classes. Defaults to the number of probabilities of
            the first prediction.

    Raises:
        MERDataError: A prediction is invalid or a clip occurs twice; the message
            lists these clips with the field.
    """
    problems: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=1):
        where = f'line {number}'
        if isinstance(line, Mapping) and all(field in line for field in NAMES):
            where = f'clip {clip_name(line)} ({where})'
        problem = prediction_problem(line, num_classes)
        if problem:
            problems.append(f'{where}, {problem}')
            continue
        if num_classes is None:
            num_classes = len(line['probabilities'])
        key = tuple(line[field] for field in NAMES)
        if key in first:
            problems.append(
                f"{where}, field 'clip': was already predicted in line {first[key]}"
            )
        first.setdefault(key, number)
    raise_problems(source, 'these predictions cannot be used', problems)


def clip_key(row: Mapping[str, Any]) -> Key:
    """Return the fields that identify a clip.

    >>> clip_key({'dataset': 'smic', 'subject': 's01', 'clip': 's1_ne_01'})
    ('smic', 's01', 's1_ne_01')
    """
    return row['dataset'], row['subject'], row['clip']


def shown_clip(key: Key) -> str:
    """Return the name of a clip as messages print it.

    >>> shown_clip(('smic', 's01', 's1_ne_01'))
    'smic/s01/s1_ne_01'
    """
    return '/'.join(map(printable_name, key))


def compare_with_clips(
    lines: Iterable[Prediction], clips: Mapping[Key, int]
) -> list[str]:
    """List how predictions differ from the clips that were to be predicted.

    Args:
        lines: Predictions, each clip once.
        clips: The label of each clip.

    Returns:
        One message per difference.

    >>> line = {'dataset': 'samm', 'subject': '006', 'clip': '006_1_2', 'label': 0}
    >>> compare_with_clips([line], {('samm', '006', '006_1_2'): 1})
    ['clip samm/006/006_1_2: its label is 0, but the annotation says 1']
    """
    found = {clip_key(line): line['label'] for line in lines}
    problems = [
        f'clip {shown_clip(key)}: is missing' for key in clips if key not in found
    ]
    for key, label in found.items():
        if key not in clips:
            problems.append(f'clip {shown_clip(key)}: is not one of this fold')
        elif label != clips[key]:
            problems.append(
                f'clip {shown_clip(key)}: its label is {label}, but the annotation '
                f'says {clips[key]}'
            )
    return problems


def read_predictions(
    path: str | Path, num_classes: int | None = None
) -> list[dict[str, Any]]:
    """Read and validate a file of predictions.

    Args:
        path: The JSON-lines file.
        num_classes: Number of classes. Defaults to the number of probabilities of
            the first prediction.

    Raises:
        MERDataError: The file is missing, empty, truncated or invalid.
    """
    try:
        content = read_regular(path, MAX_BYTES)
        text = content.decode('utf-8')
    except FileNotFoundError as error:
        raise MERDataError('there is no such file', path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MERDataError(f'cannot be read: {error}', path=path) from error
    lines = []
    for number, row in enumerate(text.split('\n'), start=1):
        if not row.strip():
            continue
        try:
            lines.append(parse_json(row.encode()))
        except ValueError as error:
            raise MERDataError(
                f'line {number} is not JSON, or was truncated: {error}', path=path
            ) from error
    if not lines:
        raise MERDataError('the file has no predictions', path=path)
    if not _is_known_valid(content, num_classes):
        validate_predictions(lines, str(path), num_classes)
        _remember_valid(content, lines)
    return lines


def write_predictions(
    path: str | Path, predictions: Iterable[Prediction], num_classes: int | None = None
) -> Path:
    """Validate predictions and write them atomically, one JSON line per clip.

    Args:
        path: The JSON-lines file.
        predictions: Predictions, each clip once.
        num_classes: Number of classes. Defaults to the number of probabilities of
            the first prediction.

    Returns:
        The path written.

    Raises:
        MERDataError: A prediction is invalid or a clip occurs twice; nothing is
            written.
    """
    lines = [dict(line) for line in predictions]
    validate_predictions(lines, str(path), num_classes)
    rows = [json.dumps(line, ensure_ascii=False, allow_nan=False) for line in lines]
    content = ''.join(f'{row}\n' for row in rows).encode()
    written = atomic_write(path, content)
    _remember_valid(content, lines)
    return written


# Number of classes of each content that was found valid, by its digest. The progress
# bar, the results, and the report of a run read the same predictions, which are
# validated once. A changed file has another digest.
_KNOWN_VALID: dict[bytes, int] = {}
_MOST_KNOWN = 10_000


def _is_known_valid(content: bytes, num_classes: int | None) -> bool:
    known = _KNOWN_VALID.get(hashlib.blake2b(content, digest_size=16).digest())
    return known is not None and num_classes in (None, known)


def _remember_valid(content: bytes, lines: Sequence[Prediction]) -> None:
    if lines:
        digest = hashlib.blake2b(content, digest_size=16).digest()
        _KNOWN_VALID[digest] = len(lines[0]['probabilities'])
    while len(_KNOWN_VALID) > _MOST_KNOWN:
        del _KNOWN_VALID[next(iter(_KNOWN_VALID))]


def plain_subject(dataset: str, subject: str) -> str:
    """Return a subject as its own data set calls it, also out of a composite.

    >>> plain_subject('casme2', 'casme2_sub01'), plain_subject('casme2', 'sub01')
    ('sub01', 'sub01')
    """
    return subject.removeprefix(f'{dataset}_') or subject


def write_megc_log(path: str | Path, predictions: Iterable[Prediction]) -> Path:
    """Write predictions in the log format of the MEGC 2019 challenge.

    A header ``<dataset> <subject>`` per subject, then one line
    ``<clip> <label> <prediction>`` per clip, labels first::

        casme2 sub01
        EP02_01f 1 1

    The header omits the name of the data set that a composite puts before its
    subjects (``casme2_sub01``).

    Args:
        path: The text file.
        predictions: Validated predictions, each clip once.

    Returns:
        The path written.

    Raises:
        MERDataError: A name contains white space, which this format cannot
            represent; nothing is written.
    """
    rows: list[str] = []
    by_subject: dict[tuple[str, str], list[Prediction]] = {}
    for line in sorted(predictions, key=clip_key):
        for field in NAMES:
            if len(line[field].split()) != 1:
                raise MERDataError(
                    f'{line[field]!r} contains white space, which separates the '
                    f'columns of a MEGC log',
                    path=path,
                    clip=clip_name(line),
                    field=field,
                    hint='rename it',
                )
        by_subject.setdefault((line['dataset'], line['subject']), []).append(line)
    for (dataset, subject), lines in by_subject.items():
        name = plain_subject(dataset, subject)
        # Another subject of this name must not be merged with it.
        header = subject if (dataset, name) in by_subject else name
        rows.append(f'{dataset} {header}')
        rows += [f'{one["clip"]} {one["label"]} {one["prediction"]}' for one in lines]
    return atomic_write(path, ''.join(f'{row}\n' for row in rows))
