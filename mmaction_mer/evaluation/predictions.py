"""Prediction lines: what one model said about one clip, as JSON lines.

A file ``predictions.jsonl`` holds one line per clip::

    {"dataset": "casme2", "subject": "sub01", "clip": "EP02_01f", "label": 1,
     "prediction": 1, "probabilities": [0.1, 0.7, 0.2]}

(here broken in two). Further fields are kept as they are.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.annotation import clip_name
from ..utils.errors import MERDataError, raise_problems
from ..utils.files import atomic_write, read_regular
from ..utils.json_files import parse_json
from ..utils.text import quote, shown

NAMES = ('dataset', 'subject', 'clip')
#: Dataset, subject and clip: what tells one clip from all others.
Key = tuple[str, str, str]
#: The largest release takes some megabytes: 16,000 clips of less than 500 bytes each.
MAX_BYTES = 1 << 26
#: Probabilities are written as decimals and come from 16-bit networks too.
SUM_TOLERANCE = 1e-3


def prediction_problem(line: Any, num_classes: int | None = None) -> str | None:
    """Say what is wrong with a prediction, naming the field.

    Args:
        line: One prediction.
        num_classes: Number of classes; None takes the number of probabilities.

    Returns:
        The problem, or None.

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
    chances = line.get('probabilities')
    if not isinstance(chances, list | tuple) or not chances:
        return (
            f"field 'probabilities': must be a list of numbers, but is {quote(chances)}"
        )
    if num_classes is not None and len(chances) != num_classes:
        return (
            f"field 'probabilities': has {len(chances)} numbers, but there are "
            f'{num_classes} classes'
        )
    for chance in chances:
        if isinstance(chance, bool) or not isinstance(chance, int | float):
            return (
                f"field 'probabilities': holds {quote(chance)}, which is not a number"
            )
        # Written so that NaN fails too.
        if not -SUM_TOLERANCE <= chance <= 1 + SUM_TOLERANCE:
            return f"field 'probabilities': holds {quote(chance)}, which is not in 0..1"
    if not abs(math.fsum(chances) - 1) <= SUM_TOLERANCE:
        return f"field 'probabilities': sums to {math.fsum(chances):.6g}, not to 1"
    for field in ('label', 'prediction'):
        value = line.get(field)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value not in range(len(chances)):
            return (
                f'field {field!r}: is {quote(value)}, but must be a class index, '
                f'0..{len(chances) - 1}'
            )
    return None


def validate_predictions(
    lines: Sequence[Any], source: str = 'predictions', num_classes: int | None = None
) -> None:
    """Check predictions one by one and against each other.

    Args:
        lines: Predictions as dicts.
        source: The file's name, for the message.
        num_classes: Number of classes; None takes the number of probabilities
            of the first line.

    Raises:
        MERDataError: A line is wrong or a clip occurs twice; the message names
            every such clip and field.
    """
    problems: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=1):
        where = f'line {number}'
        if isinstance(line, Mapping) and all(field in line for field in NAMES):
            where = f'clip {clip_name(dict(line))} ({where})'
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
    """Return what tells a clip from all others.

    >>> clip_key({'dataset': 'smic', 'subject': 's01', 'clip': 's1_ne_01'})
    ('smic', 's01', 's1_ne_01')
    """
    return row['dataset'], row['subject'], row['clip']


def shown_clip(key: Key) -> str:
    """Return the name of a clip for a message, whatever a file calls it.

    >>> shown_clip(('smic', 's01', 's1_ne_01'))
    'smic/s01/s1_ne_01'
    """
    return '/'.join(map(shown, key))


def compare_with_clips(
    lines: Iterable[Mapping[str, Any]], clips: Mapping[Key, int]
) -> list[str]:
    """Say in what predictions differ from the clips that were to be predicted.

    Args:
        lines: Predictions, each clip once.
        clips: The label of each clip.

    Returns:
        A line per difference; empty where there is none.

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
    """Read and validate a file of prediction lines.

    Args:
        path: The JSON-lines file.
        num_classes: Number of classes, if known.

    Raises:
        MERDataError: The file is missing, empty, cut short or inconsistent.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode('utf-8')
    except FileNotFoundError as error:
        raise MERDataError(f'{path}: no predictions there') from error
    except (OSError, UnicodeDecodeError) as error:
        raise MERDataError(f'{path}: predictions not readable: {error}') from error
    lines = []
    for number, row in enumerate(text.split('\n'), start=1):
        if not row.strip():
            continue
        try:
            lines.append(parse_json(row.encode()))
        except ValueError as error:
            raise MERDataError(
                f'{path}: line {number} is not JSON, or was cut short: {error}'
            ) from error
    if not lines:
        raise MERDataError(f'{path}: holds no prediction')
    validate_predictions(lines, str(path), num_classes)
    return lines


def write_predictions(path: str | Path, predictions: Iterable[Mapping]) -> Path:
    """Validate predictions and write them atomically, one JSON line per clip.

    Raises:
        MERDataError: A prediction is wrong or a clip occurs twice; nothing is
            written.
    """
    lines = [dict(line) for line in predictions]
    validate_predictions(lines, str(path))
    rows = [json.dumps(line, ensure_ascii=False, allow_nan=False) for line in lines]
    return atomic_write(path, ''.join(f'{row}\n' for row in rows))


def plain_subject(dataset: str, subject: str) -> str:
    """Return a subject as its own data set calls it, also out of a composite.

    >>> plain_subject('casme2', 'casme2_sub01'), plain_subject('casme2', 'sub01')
    ('sub01', 'sub01')
    """
    return subject.removeprefix(f'{dataset}_') or subject


def write_megc_log(path: str | Path, predictions: Iterable[Mapping]) -> Path:
    """Write predictions in the log format of the MEGC 2019 challenge.

    A header ``<dataset> <subject>`` per subject, then one line
    ``<clip> <label> <prediction>`` per clip, labels first::

        casme2 sub01
        EP02_01f 1 1

    The name of the data set that a composite puts before its subjects
    (``casme2_sub01``) is left out of the header.

    Raises:
        MERDataError: A prediction is wrong, or a name holds white space, which
            this format cannot carry; nothing is written.
    """
    lines = sorted(
        (dict(line) for line in predictions),
        key=lambda line: tuple(str(line.get(field)) for field in NAMES),
    )
    validate_predictions(lines, str(path))
    text: list[str] = []
    subject: tuple[str, str] | None = None
    people = {(line['dataset'], line['subject']) for line in lines}
    for line in lines:
        for field in NAMES:
            if len(line[field].split()) != 1:
                raise MERDataError(
                    f'{path}: clip {clip_name(line)}, field {field!r}: {line[field]!r} '
                    f'holds white space, which separates the columns of a MEGC log; '
                    f'rename it'
                )
        if (line['dataset'], line['subject']) != subject:
            subject = line['dataset'], line['subject']
            name = plain_subject(*subject)
            if (line['dataset'], name) in people:
                # Its own name, or that of somebody else who must stay apart.
                name = line['subject']
            text.append(f'{line["dataset"]} {name}')
        text.append(f'{line["clip"]} {line["label"]} {line["prediction"]}')
    return atomic_write(path, ''.join(f'{row}\n' for row in text))
