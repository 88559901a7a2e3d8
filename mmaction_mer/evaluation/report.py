"""The pooled result of a protocol: scores over the clips of all folds together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.annotation import clip_name
from ..utils.errors import MERDataError
from ..utils.json_files import write_json
from .functional import (
    SCORES,
    absent_classes,
    confusion_matrix,
    f1_fold_mean,
    scores_from_confusion,
    subject_interval,
)
from .predictions import plain_subject, validate_predictions

#: How the iteration that is scored was chosen, in words.
SELECTIONS = {
    'last': 'last iteration of a fixed schedule',
    'inner': 'chosen on inner validation subjects of the training side',
    'test': 'selected on the test subject',
}
INTERVAL_LEVEL = 0.95
INTERVAL_RESAMPLES = 2000


def pool(
    predictions_by_fold: Mapping[str, Sequence[Mapping[str, Any]]],
    classes: Sequence[str],
    selection: str = 'last',
    seeds: Sequence[int] = (0,),
    extra: Mapping[str, Any] | None = None,
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Score the predictions of all folds together.

    Args:
        predictions_by_fold: Prediction lines (see ``predictions.py``) by name of
            the fold whose held-out clips they are.
        classes: Names of the C classes.
        selection: 'last', 'inner' or 'test': how each fold's iteration was
            chosen. With 'test' the results and every block of scores carry a
            ``note`` that says so.
        seeds: Seeds of the training runs behind these predictions.
        extra: Anything else to keep, such as the config's fingerprint.
        missing: Folds that belong to the protocol and are not among these: ``fold``,
            ``clips`` and ``reason`` of each, and ``seed`` where there are several.

    Returns:
        A dict that fits into JSON. Scores are fractions of 1: ``scores``,
        ``intervals`` (over subjects; None with a single subject),
        ``f1_fold_mean``, ``chance`` (1/C), ``majority`` (share of the largest
        class) and its ``majority_class``; also ``selection``, ``classes``,
        ``clips``, ``seeds``, ``confusion``, ``absent_classes`` (no clip, no
        prediction), ``classes_without_clips`` (predicted, but no clip), and
        the rows ``datasets`` (the scores of each data set's clips alone), ``folds``
        and ``subjects``. Where folds are missing, ``missing`` names them.

    Raises:
        MERDataError: There is no prediction, one is wrong, or a clip is in two
            folds; the message names fold, clip and field.
    """
    if selection not in SELECTIONS:
        raise ValueError(f'selection is {selection!r}, not one of {list(SELECTIONS)}')
    if len(classes) < 2:
        raise ValueError(f'two or more classes are needed, not {list(classes)}')
    _check_folds(predictions_by_fold, len(classes))

    lines = [line for lines in predictions_by_fold.values() for line in lines]
    folds = [name for name, lines in predictions_by_fold.items() for _ in lines]
    people = [(line['dataset'], line['subject']) for line in lines]
    labels = [line['label'] for line in lines]
    guesses = [line['prediction'] for line in lines]

    matrix = confusion_matrix(labels, guesses, len(classes))
    clips = matrix.sum(axis=1)
    intervals = None
    if len(set(people)) > 1:
        ends = subject_interval(
            labels,
            guesses,
            people,
            len(classes),
            metric=SCORES,
            level=INTERVAL_LEVEL,
            resamples=INTERVAL_RESAMPLES,
        )
        intervals = {name: list(pair) for name, pair in ends.items()}
    note = {'note': SELECTIONS['test']} if selection == 'test' else {}
    return {
        'selection': selection,
        **note,
        'seeds': list(seeds),
        'classes': list(classes),
        'clips': len(lines),
        **({'missing': [dict(row) for row in missing]} if missing else {}),
        'datasets': [
            {'dataset': name, **_dataset_row(lines, name, classes), **note}
            for name in sorted({dataset for dataset, _ in people})
        ],
        'chance': 1 / len(classes),
        'majority': float(clips.max() / clips.sum()),
        'majority_class': classes[int(clips.argmax())],
        'scores': {**scores_from_confusion(matrix), **note},
        'intervals': intervals and {**intervals, **note},
        'interval_level': INTERVAL_LEVEL,
        'f1_fold_mean': {
            'value': f1_fold_mean(labels, guesses, folds, len(classes)),
            'use': 'for comparison only, never the result',
            **note,
        },
        'confusion': matrix.tolist(),
        **_unscored(matrix, classes),
        'folds': [
            {'fold': name, **_fold_row(lines, len(classes)), **note}
            for name, lines in predictions_by_fold.items()
        ],
        'subjects': [
            {'dataset': dataset, 'subject': subject, **row, **note}
            for (dataset, subject), row in _subject_rows(people, labels, guesses)
        ],
        'extra': dict(extra or {}),
    }


def save_results(path: str | Path, results: Mapping[str, Any]) -> Path:
    """Write what :func:`pool` returned as JSON, atomically."""
    return write_json(path, dict(results))


def format_report(results: Mapping[str, Any]) -> str:
    """Write what :func:`pool` returned as a table to print, scores in percent.

    With selection 'test', every line that holds a score ends with 'selected on
    the test subject'.
    """
    classes, selection = results['classes'], results['selection']
    mark = f'   {SELECTIONS["test"]}' if selection == 'test' else ''
    seeds = results['seeds']
    names = [row['dataset'] for row in results['datasets']]
    counted = [
        ', '.join(names),
        _count(results['clips'], 'clip'),
        _count(len(results['subjects']), 'subject'),
        _count(len(results['folds']), 'fold'),
        f'seed {", ".join(map(str, seeds))}' if seeds else 'seed not known',
    ]
    blocks = [[' · '.join(counted), f'Model of each fold: {SELECTIONS[selection]}']]
    if lacking := missing_lines(results):
        blocks[0] += lacking
    blocks.append(_score_lines(results, mark))
    if named := _unusual_classes(results):
        blocks.append(named)

    matrix = np.asarray(results['confusion'])
    rows = [['truth \\ prediction', *classes, 'clips', 'recall']]
    for name, row, hits in zip(classes, matrix, matrix.diagonal(), strict=True):
        recall = _percent(hits / row.sum()) if row.sum() else '-'
        rows.append([name, *map(str, row), str(row.sum()), recall])
    blocks.append(['Confusion matrix (clips)', *_table(rows, mark)])

    if len(names) > 1:
        rows = [['data set', 'subjects', 'clips', 'acc', 'uf1', 'uar']]
        notes = []
        for row in results['datasets']:
            counts = [str(row['subjects']), str(row['clips'])]
            values = [_percent(row[name]) for name in ('acc', 'uf1', 'uar')]
            rows.append([row['dataset'], *counts, *values])
            notes += [f'{row["dataset"]}: {line}' for line in _unusual_classes(row)]
        blocks.append(['Data sets, each alone', *_table(rows, mark), *notes])

    rows = [['subject', 'clips', 'acc']]
    for row in results['subjects']:
        name = row['subject']
        if len(names) > 1:
            name = f'{row["dataset"]}/{plain_subject(row["dataset"], name)}'
        rows.append([name, str(row['clips']), _percent(row['acc'])])
    blocks.append(['Subjects', *_table(rows, mark)])

    # Where the folds are the subjects or the data sets, one table is enough.
    folds = _clips_by(results['folds'], 'fold')
    if folds not in (
        _clips_by(results['subjects'], 'subject'),
        _clips_by(results['datasets'], 'dataset'),
    ):
        rows = [['fold', 'subjects', 'clips', 'acc', 'uf1']]
        for row in results['folds']:
            counts = [str(row['subjects']), str(row['clips'])]
            values = [_percent(row['acc']), _percent(row['uf1'])]
            rows.append([row['fold'], *counts, *values])
        blocks.append(['Folds', *_table(rows, mark)])
    return '\n\n'.join('\n'.join(block) for block in blocks)


def missing_lines(results: Mapping[str, Any]) -> list[str]:
    """Say which folds the scores of a result are without, and why.

    Args:
        results: What :func:`pool` or ``summarize_seeds`` returned.

    Returns:
        A line for each, under a head; empty where no fold is missing.

    >>> missing_lines({'missing': [{'fold': 's2', 'clips': 3, 'reason': 'lost'}]})
    ['Missing from every number: 1 fold, 3 clips', '  s2 (3 clips): lost']
    """
    rows = results.get('missing') or []
    if not rows:
        return []
    folds = {(row['fold'], row['clips']) for row in rows}
    lines = []
    for row in rows:
        seed = f', seed {row["seed"]}' if 'seed' in row else ''
        counted = _count(row['clips'], 'clip')
        lines.append(f'  {row["fold"]} ({counted}{seed}): {row["reason"]}')
    clips = _count(sum(clips for _, clips in folds), 'clip')
    return [f'Missing from every number: {_count(len(folds), "fold")}, {clips}', *lines]


def _check_folds(folds: Mapping[str, Sequence[Mapping]], num_classes: int) -> None:
    if not folds:
        raise MERDataError('there is no fold to pool: train or test one first')
    owner: dict[str, str] = {}
    for name, lines in folds.items():
        if not lines:
            raise MERDataError(f'fold {name}: has no prediction; score it again')
        validate_predictions(lines, f'fold {name}', num_classes)
        for line in lines:
            clip = clip_name(dict(line))
            if clip in owner:
                raise MERDataError(
                    f'clip {clip}: is predicted in fold {owner[clip]} and in fold '
                    f'{name}: each clip is held out once; score them apart'
                )
            owner[clip] = name


def _unscored(matrix: np.ndarray, classes: Sequence[str]) -> dict[str, list[str]]:
    """Name the classes that lack a clip."""
    absent = absent_classes(matrix)
    empty = np.flatnonzero(matrix.sum(axis=1) == 0).tolist()
    return {
        'absent_classes': [classes[index] for index in absent],
        'classes_without_clips': [
            classes[index] for index in empty if index not in absent
        ],
    }


def _dataset_row(
    lines: Sequence[Mapping], dataset: str, classes: Sequence[str]
) -> dict[str, Any]:
    mine = [line for line in lines if line['dataset'] == dataset]
    matrix = confusion_matrix(
        [line['label'] for line in mine],
        [line['prediction'] for line in mine],
        len(classes),
    )
    values = scores_from_confusion(matrix)
    return {
        'subjects': len({line['subject'] for line in mine}),
        'clips': len(mine),
        **{name: values[name] for name in ('acc', 'uf1', 'uar')},
        **_unscored(matrix, classes),
    }


def _fold_row(lines: Sequence[Mapping], num_classes: int) -> dict[str, Any]:
    labels = [line['label'] for line in lines]
    guesses = [line['prediction'] for line in lines]
    values = scores_from_confusion(confusion_matrix(labels, guesses, num_classes))
    people = {(line['dataset'], line['subject']) for line in lines}
    return {
        'subjects': len(people),
        'clips': len(lines),
        'acc': values['acc'],
        'uf1': values['uf1'],
    }


def _subject_rows(
    people: Sequence[tuple[str, str]], labels: Sequence[int], guesses: Sequence[int]
) -> Iterable[tuple[tuple[str, str], dict[str, Any]]]:
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for person, label, guess in zip(people, labels, guesses, strict=True):
        hits[person].append(label == guess)
    for person, right in sorted(hits.items()):
        yield person, {'clips': len(right), 'acc': sum(right) / len(right)}


def _score_lines(results: Mapping[str, Any], mark: str) -> list[str]:
    intervals = results['intervals']
    level = f'{results["interval_level"]:.0%} interval over subjects'
    lines = [f'{"score":<14}{"%":>7}   {level}']
    for name in SCORES:
        where = 'none: a single subject'
        if intervals:
            low, high = intervals[name]
            where = f'{_percent(low)} .. {_percent(high)}'
        lines.append(
            f'{name:<14}{_percent(results["scores"][name]):>7}   {where}{mark}'
        )
    mean = results['f1_fold_mean']
    lines.append(
        f'{"f1_fold_mean":<14}{_percent(mean["value"]):>7}   {mean["use"]}{mark}'
    )
    lines.append(
        f'{"chance":<14}{_percent(results["chance"]):>7}   '
        f'1 of {len(results["classes"])} classes'
    )
    lines.append(
        f'{"majority":<14}{_percent(results["majority"]):>7}   '
        f'acc of always saying {results["majority_class"]!r}'
    )
    return lines


def _clips_by(rows: Iterable[Mapping[str, Any]], name: str) -> list[tuple[str, int]]:
    return sorted((row[name], row['clips']) for row in rows)


def _unusual_classes(results: Mapping[str, Any]) -> list[str]:
    lines = []
    if names := results['absent_classes']:
        lines.append(
            f'No clip and no prediction, left out of every mean: {", ".join(names)}'
        )
    if names := results['classes_without_clips']:
        lines.append(
            f'Predicted but no clip, F1 0 in uf1, left out of uar: {", ".join(names)}'
        )
    return lines


def _table(rows: Sequence[Sequence[str]], mark: str) -> list[str]:
    """First column left, the others right; ``mark`` behind all but the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for number, (first, *others) in enumerate(rows):
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
        lines.append('  ' + '  '.join(cells) + (mark if number else ''))
    return lines


def _percent(value: float) -> str:
    return f'{100 * value:.2f}'


def _count(number: int, what: str) -> str:
    return f'{number} {what}{"s" if number != 1 else ""}'
