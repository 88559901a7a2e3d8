"""The result of several seeds: mean and deviation over runs of one protocol.

A score over seeds is the mean of the seeds' scores, never the score of their pooled or
averaged predictions: those would be an ensemble, which nobody trained. Two spreads go
with it and say different things: the *deviation* tells how the score moves with the
seed of training alone, the *interval* how it would move with other subjects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.annotation import clip_name
from ..utils.errors import MERDataError
from .functional import (
    SCORES,
    absent_classes,
    batched_scores,
    confusion_by_group,
    confusion_matrix,
    scores_from_confusion,
)
from .predictions import validate_predictions
from .report import INTERVAL_LEVEL, INTERVAL_RESAMPLES, SELECTIONS, format_report

#: So many clips are named in a message.
NAMED = 5
#: Facts of a run that add up over seeds. Time does not: a sitting may train several.
SUMMED = ('clips_trained', 'gpu_hours')
#: Facts of a run that are kept where all seeds agree on them.
SHARED = ('strategy', 'protocol', 'parameters', 'versions', 'folds')


@dataclass(frozen=True)
class Aligned:
    """Predictions of several runs for the same N clips, in one order.

    Attributes:
        clips: Names of the clips.
        people: Data set and subject of each clip.
        labels: (N,) int64, true class of each clip.
        guesses: (R, N) int64, what each of R runs predicted.
        num_classes: Number of classes C.
    """

    clips: list[str]
    people: list[tuple[str, str]]
    labels: np.ndarray
    guesses: np.ndarray
    num_classes: int

    def by_subject(self) -> np.ndarray:
        """Count per run and subject: (R, S, C, C), subjects in order of appearance."""
        return np.stack(
            [
                confusion_by_group(
                    self.labels, row, self.people, 'subjects', self.num_classes
                )
                for row in self.guesses
            ]
        )


def align(runs: Mapping[str, Sequence[Mapping[str, Any]]], num_classes: int) -> Aligned:
    """Bring the predictions of several runs into the clip order of the first.

    Args:
        runs: Prediction lines (see ``predictions.py``) by what messages call the run.
        num_classes: Number of classes C.

    Returns:
        The predictions, side by side.

    Raises:
        MERDataError: There is no run, a line is wrong, or the runs differ in their
            clips or in a label; the message names the runs and some of the clips.
    """
    if not runs:
        raise MERDataError('there is no run: give the predictions of one or more')
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run, lines in runs.items():
        if not lines:
            raise MERDataError(f'{run}: has no prediction; train or test it first')
        validate_predictions(lines, str(run), num_classes)
        found[run] = {clip_name(dict(line)): line for line in lines}
    first, *others = found
    clips = list(found[first])
    for run in others:
        _same_clips(first, found[first], run, found[run])
    return Aligned(
        clips,
        [(line['dataset'], line['subject']) for line in found[first].values()],
        np.array([line['label'] for line in found[first].values()]),
        np.array(
            [[rows[clip]['prediction'] for clip in clips] for rows in found.values()]
        ),
        num_classes,
    )


def draw_subjects(count: int, resamples: int, seed: int = 0) -> np.ndarray:
    """Draw subjects with replacement, as often as there are subjects.

    Args:
        count: Number of subjects S.
        resamples: Number of resamples B.
        seed: Seed of the draw.

    Returns:
        (B, S) int64: how often each subject is in each resample; the draws of
        :func:`~mmaction_mer.evaluation.functional.subject_interval`.

    >>> draw_subjects(4, 2).sum(axis=1).tolist()
    [4, 4]
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples)


def mean_scores(matrices: np.ndarray, drawn: np.ndarray) -> dict[str, np.ndarray]:
    """Score resamples of subjects, averaged over runs.

    Args:
        matrices: (R, S, C, C) counts per run and subject.
        drawn: (B, S) from :func:`draw_subjects`: one draw for all runs, since they
            met the same people.

    Returns:
        (B,) by name of the score.

    >>> one = np.array([[[[1, 0], [0, 1]]]])
    >>> float(mean_scores(one, np.array([[1]]))['acc'][0])
    1.0
    """
    runs, subjects, classes = matrices.shape[:3]
    pooled = drawn @ matrices.reshape(runs, subjects, -1)
    values = batched_scores(pooled.reshape(runs, len(drawn), classes, classes))
    return {name: values[name].mean(axis=0) for name in SCORES}


def summarize_seeds(
    results: Mapping[int, Mapping[str, Any]],
    lines: Mapping[int, Sequence[Mapping[str, Any]]],
    extra: Mapping[str, Any] | None = None,
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Summarize runs of one protocol that differ in their seed.

    Args:
        results: What :func:`~mmaction_mer.evaluation.report.pool` returned, by seed.
        lines: The prediction lines of all folds, by seed.
        extra: Facts of all seeds together, such as ``wall_time_s`` and
            ``clips_per_s``; they go before those gathered from the runs.
        missing: Folds that some seed lacks, see
            :func:`~mmaction_mer.evaluation.report.pool`; each has its ``seed``.

    Returns:
        A dict that fits into JSON, shaped as that of one run, so that what reads one
        reads the other. ``scores``, ``f1_fold_mean`` and the ``acc`` (``uf1``,
        ``uar``) of ``datasets``, ``folds`` and ``subjects`` are means over seeds,
        ``confusion`` is their sum, ``intervals`` resample the subjects of all seeds
        alike. Besides: ``deviations`` (with n - 1; None for one seed) and
        ``per_seed``, the scores of each seed, by which a summary is told from a run.
        ``folds`` is empty where the seeds have other folds. ``extra`` has the sum of
        :data:`SUMMED`, those of :data:`SHARED` that are the same in all seeds, and the
        ``fingerprints`` by seed.

    Raises:
        MERDataError: There is no seed, or the seeds differ in selection, classes,
            clips or labels, or a seed's results are not of its predictions.
    """
    if not results or results.keys() != lines.keys():
        raise MERDataError(
            f'results of seed(s) {_listed(results)} and predictions of seed(s) '
            f'{_listed(lines)} cannot be summarized: give both for each seed'
        )
    seeds = sorted(results)
    for field in ('selection', 'classes'):
        _same_field(field, {seed: results[seed][field] for seed in seeds})
    classes = list(results[seeds[0]]['classes'])
    selection = results[seeds[0]]['selection']
    aligned = align({f'seed {seed}': lines[seed] for seed in seeds}, len(classes))
    matrices = [
        confusion_matrix(aligned.labels, row, len(classes)) for row in aligned.guesses
    ]
    for seed, matrix in zip(seeds, matrices, strict=True):
        if matrix.tolist() != results[seed]['confusion']:
            raise MERDataError(
                f'seed {seed}: its results are of other predictions than these '
                f'{len(aligned.clips)} clips: pool them anew by --resume'
            )

    note = {'note': SELECTIONS['test']} if selection == 'test' else {}
    rows = [scores_from_confusion(matrix) for matrix in matrices]
    total = np.sum(matrices, axis=0)
    clips = total.sum(axis=1)
    absent = absent_classes(total)
    return {
        'selection': selection,
        **note,
        'seeds': seeds,
        'classes': classes,
        'clips': len(aligned.clips),
        **({'missing': [dict(row) for row in missing]} if missing else {}),
        'datasets': _dataset_rows(aligned, classes, note),
        'chance': 1 / len(classes),
        'majority': float(clips.max() / clips.sum()),
        'majority_class': classes[int(clips.argmax())],
        'scores': {**_over(rows, np.mean), **note},
        'deviations': {**_over(rows, _deviation), **note} if len(seeds) > 1 else None,
        'intervals': _intervals(aligned, note),
        'interval_level': INTERVAL_LEVEL,
        'per_seed': [
            {'seed': seed, **row, **note} for seed, row in zip(seeds, rows, strict=True)
        ],
        'f1_fold_mean': {
            'value': float(
                np.mean([results[seed]['f1_fold_mean']['value'] for seed in seeds])
            ),
            'use': 'for comparison only, never the result',
            **note,
        },
        'confusion': total.tolist(),
        'absent_classes': [classes[index] for index in absent],
        'classes_without_clips': [
            name
            for index, name in enumerate(classes)
            if not clips[index] and index not in absent
        ],
        'folds': _fold_rows([results[seed]['folds'] for seed in seeds], note),
        'subjects': _subject_rows(aligned, note),
        'extra': {**_facts(results), **(extra or {})},
    }


def format_seeds(summary: Mapping[str, Any]) -> str:
    """Write what :func:`summarize_seeds` returned as a table to print, in percent.

    With selection 'test', every line that holds a score ends with 'selected on the
    test subject'.
    """
    count = len(summary['per_seed'])
    mark = f'   {SELECTIONS["test"]}' if summary['selection'] == 'test' else ''
    many = f'{count} seeds' if count > 1 else 'one seed'
    head, scored, *blocks = format_report(summary).split('\n\n')
    rows = [
        (str(row['seed']), [f'{100 * row[name]:.2f}' for name in SCORES])
        for row in summary['per_seed']
    ]
    rows.append(('mean', [f'{100 * summary["scores"][name]:.2f}' for name in SCORES]))
    apart = summary['deviations']
    rows.append(
        ('deviation', [f'{100 * apart[name]:.2f}' if apart else '-' for name in SCORES])
    )
    wide = max(len(name) for name, _ in rows)
    lines = [f'  {"seed":<{wide}}' + ''.join(f'  {name:>11}' for name in SCORES)]
    for name, values in rows:
        cells = ''.join(f'  {value:>11}' for value in values)
        lines.append(f'  {name:<{wide}}{cells}{mark}')
    table = ['Seeds (deviation with n - 1: of training, not of subjects)', *lines]
    text = '\n\n'.join([f'{head}\nScores: mean of {many}', scored, '\n'.join(table)])
    # What a row is over seeds, said in the heads of the tables that one run has too.
    kinds = {
        'Confusion matrix (clips)': f'Confusion matrix (clips, {many} added up)',
        'Data sets, each alone': f'Data sets, each alone (mean of {many})',
        'Subjects': f'Subjects (mean of {many})',
        'Folds': f'Folds (mean of {many})',
    }
    for block in blocks:
        title, line, rest = block.partition('\n')
        text += f'\n\n{kinds.get(title, title)}{line}{rest}'
    return text


def _same_clips(
    first: str, known: Mapping[str, Any], other: str, found: Mapping[str, Any]
) -> None:
    """Refuse two runs of other clips, or with other labels."""
    problems = [
        f'{len(names)} only in {run}: {_some(names)}'
        for run, names in (
            (first, [clip for clip in known if clip not in found]),
            (other, [clip for clip in found if clip not in known]),
        )
        if names
    ]
    if problems:
        raise MERDataError(
            f'{first} and {other} are not of the same clips ({"; ".join(problems)}): '
            f'finish both runs, or run the same folds of the same annotation in both'
        )
    renamed = [
        f'{clip} ({known[clip]["label"]} and {found[clip]["label"]})'
        for clip in known
        if known[clip]['label'] != found[clip]['label']
    ]
    if renamed:
        raise MERDataError(
            f'{first} and {other} have other labels for {len(renamed)} of their clips: '
            f'{_some(renamed)}: they were trained with other annotation files and '
            f'cannot be set side by side'
        )


def _some(names: Sequence[str]) -> str:
    more = f' and {len(names) - NAMED} more' if len(names) > NAMED else ''
    return ', '.join(names[:NAMED]) + more


def _listed(by_seed: Mapping[int, Any]) -> str:
    return ', '.join(map(str, sorted(by_seed))) or '(none)'


def _same_field(field: str, values: Mapping[int, Any]) -> None:
    """Refuse runs that differ in a field of their results."""
    seed, *others = values
    for other in others:
        if values[other] != values[seed]:
            raise MERDataError(
                f'seeds {seed} and {other} are not runs of one config: their {field} '
                f'is {values[seed]!r} and {values[other]!r}; run them with the same '
                f'config'
            )


def _over(
    rows: Sequence[Mapping[str, float]], how: Callable[..., Any]
) -> dict[str, float]:
    return {name: float(how([row[name] for row in rows])) for name in SCORES}


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))


def _intervals(aligned: Aligned, note: dict[str, str]) -> dict[str, Any] | None:
    """Percentiles of the mean over seeds; None with a single subject."""
    matrices = aligned.by_subject()
    if matrices.shape[1] < 2:
        return None
    values = mean_scores(matrices, draw_subjects(matrices.shape[1], INTERVAL_RESAMPLES))
    tail = (1 - INTERVAL_LEVEL) / 2
    return {
        **{
            name: np.quantile(values[name], [tail, 1 - tail]).tolist()
            for name in SCORES
        },
        **note,
    }


def _dataset_rows(
    aligned: Aligned, classes: Sequence[str], note: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    origins = np.array([dataset for dataset, _ in aligned.people])
    for dataset in sorted(set(origins.tolist())):
        mine = origins == dataset
        matrices = [
            confusion_matrix(aligned.labels[mine], row[mine], len(classes))
            for row in aligned.guesses
        ]
        values = _over([scores_from_confusion(matrix) for matrix in matrices], np.mean)
        total = np.sum(matrices, axis=0)
        absent = absent_classes(total)
        empty = np.flatnonzero(total.sum(axis=1) == 0).tolist()
        rows.append(
            {
                'dataset': dataset,
                'subjects': len({one for one in aligned.people if one[0] == dataset}),
                'clips': int(mine.sum()),
                **{name: values[name] for name in ('acc', 'uf1', 'uar')},
                'absent_classes': [classes[index] for index in absent],
                'classes_without_clips': [
                    classes[index] for index in empty if index not in absent
                ],
                **note,
            }
        )
    return rows


def _fold_rows(
    folds: Sequence[Sequence[Mapping[str, Any]]], note: dict[str, str]
) -> list[dict[str, Any]]:
    """Average the folds; a protocol may cut others for each seed."""
    by_name = [{row['fold']: row for row in rows} for rows in folds]
    first = by_name[0]
    cut = ('subjects', 'clips')
    for rows in by_name[1:]:
        if rows.keys() != first.keys() or any(
            rows[name][field] != first[name][field] for name in rows for field in cut
        ):
            return []
    return [
        {
            **{field: row[field] for field in ('fold', *cut)},
            **{
                field: float(np.mean([rows[name][field] for rows in by_name]))
                for field in ('acc', 'uf1')
            },
            **note,
        }
        for name, row in first.items()
    ]


def _subject_rows(aligned: Aligned, note: dict[str, str]) -> list[dict[str, Any]]:
    right = (aligned.guesses == aligned.labels).mean(axis=0)
    shares: dict[tuple[str, str], list[float]] = {}
    for person, share in zip(aligned.people, right.tolist(), strict=True):
        shares.setdefault(person, []).append(share)
    return [
        {
            'dataset': dataset,
            'subject': subject,
            'clips': len(values),
            'acc': float(np.mean(values)),
            **note,
        }
        for (dataset, subject), values in sorted(shares.items())
    ]


def _facts(results: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Gather what the runs say of themselves."""
    told = [results[seed].get('extra') or {} for seed in sorted(results)]
    facts: dict[str, Any] = {}
    for name in SUMMED:
        values = [one.get(name) for one in told]
        if all(isinstance(value, int | float) for value in values):
            facts[name] = sum(value for value in values if value is not None)
    for name in SHARED:
        if name in told[0] and all(one.get(name) == told[0][name] for one in told):
            facts[name] = told[0][name]
    prints = {
        str(seed): one['fingerprint']
        for seed, one in zip(sorted(results), told, strict=True)
        if 'fingerprint' in one
    }
    return {**facts, 'fingerprints': prints} if prints else facts
