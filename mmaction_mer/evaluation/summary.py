"""The result of a protocol: scores over the clips of all folds, of one seed or more.

A score over seeds is the mean of the seeds' scores, never the score of their pooled or
averaged predictions: those would be an ensemble, which nobody trained. Two measures of
spread go with it: the *deviation* shows how the score varies with the seed of training
alone, the *interval* how it would vary with other subjects. One run is the summary of
one seed, without a deviation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..utils.errors import MERDataError
from .alignment import AlignedRuns, align_runs
from .bootstrap import LEVEL, percentile_interval, subject_bootstrap
from .functional import (
    SCORES,
    absent_classes,
    batched_scores,
    confusion_by_group,
    f1_fold_mean,
)
from .predictions import Key, Prediction, clip_key

#: How the iteration that is scored was chosen, in words.
SELECTIONS = {
    'last': 'last iteration of a fixed schedule',
    'inner': 'chosen on inner validation subjects of the training side',
    'test': 'selected on the test subject',
}
#: Facts of a run that add up over seeds. Time does not: seeds may train together.
SUMMED = ('clips_trained', 'gpu_hours')
#: Facts of a run that are kept where all seeds agree on them.
SHARED = ('strategy', 'protocol', 'parameters', 'versions', 'folds')

#: Predictions by name of the fold whose held-out clips they are of.
Folds = Mapping[str, Sequence[Prediction]]


def summarize_run(
    folds: Folds,
    classes: Sequence[str],
    selection: str = 'last',
    seeds: Sequence[int] = (0,),
    extra: Mapping[str, Any] | None = None,
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Score the predictions of all folds together.

    Args:
        folds: Validated predictions by name of the fold.
        classes: Names of the C classes.
        selection: 'last', 'inner' or 'test': how each fold's iteration was
            chosen. With 'test' the results and every block of scores carry a
            ``note`` that says so. Defaults to 'last'.
        seeds: Seeds of the training runs behind these predictions. Defaults to (0,).
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
        and ``subjects``. Where folds are missing, ``missing`` lists them.

    Raises:
        MERDataError: There are no predictions, of other classes, or a clip is in two
            folds.
        ValueError: The selection is unknown.
    """
    return _summarize({'the run': folds}, classes, selection, seeds, extra, missing)


def summarize_seeds(
    runs: Mapping[int, Folds],
    results: Mapping[int, Mapping[str, Any]],
    extra: Mapping[str, Any] | None = None,
    missing: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Summarize runs of one protocol that differ in their seed.

    Args:
        runs: Validated predictions by name of the fold, by seed.
        results: What :func:`summarize_run` returned, by seed, of which ``classes``,
            ``selection`` and ``extra`` are used.
        extra: Facts of all seeds together, such as ``wall_time_s`` and
            ``clips_per_s``; they override those collected from the runs.
        missing: Folds that some seed lacks, see :func:`summarize_run`; each has its
            ``seed``.

    Returns:
        A dict with the fields of :func:`summarize_run`. ``scores``, ``f1_fold_mean``
        and the ``acc`` (``uf1``, ``uar``) of ``datasets``, ``folds`` and ``subjects``
        are means over seeds, ``confusion`` is their sum, ``intervals`` resample the
        subjects of all seeds alike. In addition: ``deviations`` (with n - 1; None for
        one seed) and ``per_seed``, the scores of each seed, by which a summary differs
        from a run. ``folds`` is empty where the seeds have different folds. ``extra``
        has the sum of :data:`SUMMED`, those of :data:`SHARED` that are the same in all
        seeds, and the ``fingerprints`` by seed.

    Raises:
        MERDataError: The seeds differ in selection, classes, clips or labels.
    """
    seeds = sorted(runs)
    for field in ('selection', 'classes'):
        _check_same_field(field, {seed: results[seed][field] for seed in seeds})
    return _summarize(
        {f'seed {seed}': runs[seed] for seed in seeds},
        results[seeds[0]]['classes'],
        results[seeds[0]]['selection'],
        seeds,
        {**_common_facts({seed: results[seed] for seed in seeds}), **(extra or {})},
        missing,
        per_seed=True,
    )


def selection_note(selection: str) -> str:
    """Return the label of every block of scores, empty where none is needed.

    >>> selection_note('last'), selection_note('test')
    ('', 'selected on the test subject')
    """
    if selection not in SELECTIONS:
        raise ValueError(f'selection is {selection!r}, not one of {list(SELECTIONS)}')
    return SELECTIONS['test'] if selection == 'test' else ''


def _summarize(
    runs: Mapping[str, Folds],
    classes: Sequence[str],
    selection: str,
    seeds: Sequence[int],
    extra: Mapping[str, Any] | None,
    missing: Sequence[Mapping[str, Any]],
    per_seed: bool = False,
) -> dict[str, Any]:
    note = selection_note(selection)
    aligned = align_runs(
        {
            name: [line for lines in folds.values() for line in lines]
            for name, folds in runs.items()
        },
        len(classes),
    )
    by_subject = aligned.by_group(aligned.subjects)
    matrices = by_subject.sum(axis=1)
    total = matrices.sum(axis=0)
    clips = total.sum(axis=1)
    values = batched_scores(matrices)
    datasets = [dataset for dataset, *_ in aligned.clips]
    # A protocol may have other folds for each seed: those have no mean.
    folds = [_groups(aligned.clips, one) for one in runs.values()]
    same_folds = all(one == folds[0] for one in folds)
    fold_means = [
        f1_fold_mean(confusion_by_group(aligned.labels, row, groups, len(classes)))
        for row, groups in zip(aligned.predictions, folds, strict=True)
    ]
    summary: dict[str, Any] = {
        'selection': selection,
        'seeds': list(seeds),
        'classes': list(classes),
        'clips': len(aligned.clips),
        **({'missing': [dict(row) for row in missing]} if missing else {}),
        'datasets': _dataset_rows(aligned, datasets, classes),
        'chance': 1 / len(classes),
        'majority': float(clips.max() / clips.sum()),
        'majority_class': classes[int(clips.argmax())],
        'scores': {name: float(values[name].mean()) for name in SCORES},
        'intervals': _intervals(by_subject),
        'interval_level': LEVEL,
        'f1_fold_mean': {
            'value': float(np.mean(fold_means)),
            'use': 'for comparison only, never the result',
        },
        'confusion': total.tolist(),
        **_unscored_classes(total, classes),
        'folds': _rows('fold', aligned, folds[0], 'acc', 'uf1') if same_folds else [],
        'subjects': _subject_rows(aligned),
        'extra': dict(extra or {}),
    }
    if per_seed:
        summary['deviations'] = None
        if len(runs) > 1:
            spread = {name: float(values[name].std(ddof=1)) for name in SCORES}
            summary['deviations'] = spread
        summary['per_seed'] = [
            {'seed': seed, **{name: float(values[name][run]) for name in SCORES}}
            for run, seed in enumerate(seeds)
        ]
    if note:
        _label(summary, note)
    return summary


def _label(summary: dict[str, Any], note: str) -> None:
    """Add a note to every block that has scores, so that none is read without it."""
    blocks = [summary, summary['scores'], summary['f1_fold_mean']]
    blocks += [
        block for key in ('intervals', 'deviations') if (block := summary.get(key))
    ]
    for key in ('datasets', 'folds', 'subjects', 'per_seed'):
        blocks += summary.get(key, [])
    for block in blocks:
        block['note'] = note


def _groups(clips: Sequence[Key], folds: Folds) -> list[str]:
    """Return the fold of each clip."""
    found = {clip_key(line): name for name, lines in folds.items() for line in lines}
    return [found[clip] for clip in clips]


def _intervals(counts: np.ndarray) -> dict[str, list[float]] | None:
    """Compute intervals of the mean over runs; None with a single subject."""
    if counts.shape[1] < 2:
        return None
    values = batched_scores(subject_bootstrap(counts))
    return {name: percentile_interval(values[name].mean(axis=0)) for name in SCORES}


def _unscored_classes(
    total: np.ndarray, classes: Sequence[str]
) -> dict[str, list[str]]:
    """List the classes that have no clip."""
    absent = absent_classes(total)
    empty = np.flatnonzero(total.sum(axis=1) == 0).tolist()
    return {
        'absent_classes': [classes[index] for index in absent],
        'classes_without_clips': [
            classes[index] for index in empty if index not in absent
        ],
    }


def _rows(
    field: str, aligned: AlignedRuns, groups: Sequence[str], *names: str
) -> list[dict[str, Any]]:
    """Score groups of clips each alone, averaged over the runs."""
    matrices = aligned.by_group(groups)
    values = batched_scores(matrices)
    subjects: dict[str, set[tuple[str, str]]] = {}
    for group, subject in zip(groups, aligned.subjects, strict=True):
        subjects.setdefault(group, set()).add(subject)
    return [
        {
            field: group,
            'subjects': len(subjects[group]),
            'clips': int(matrices[0, row].sum()),
            **{name: float(values[name][:, row].mean()) for name in names},
        }
        for row, group in enumerate(subjects)
    ]


def _dataset_rows(
    aligned: AlignedRuns, datasets: Sequence[str], classes: Sequence[str]
) -> list[dict[str, Any]]:
    rows = _rows('dataset', aligned, datasets, 'acc', 'uf1', 'uar')
    totals = aligned.by_group(datasets).sum(axis=0)
    for row, total in zip(rows, totals, strict=True):
        row |= _unscored_classes(total, classes)
    return sorted(rows, key=lambda row: row['dataset'])


def _subject_rows(aligned: AlignedRuns) -> list[dict[str, Any]]:
    correct = aligned.correct.mean(axis=0)
    clips: dict[tuple[str, str], list[int]] = {}
    for number, subject in enumerate(aligned.subjects):
        clips.setdefault(subject, []).append(number)
    return [
        {
            'dataset': dataset,
            'subject': subject,
            'clips': len(numbers),
            'acc': float(correct[numbers].mean()),
        }
        for (dataset, subject), numbers in sorted(clips.items())
    ]


def _check_same_field(field: str, values: Mapping[int, Any]) -> None:
    seed, *others = values
    for other in others:
        if values[other] != values[seed]:
            raise MERDataError(
                f'seeds {seed} and {other} are not runs of one config: their {field} '
                f'is {values[seed]!r} and {values[other]!r}',
                field=field,
                hint='run them with the same config',
            )


def _common_facts(results: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Combine the ``extra`` of several seeds."""
    extras = {seed: one.get('extra') or {} for seed, one in results.items()}
    first, *others = extras.values()
    facts = {
        name: sum(one[name] for one in extras.values())
        for name in SUMMED
        if all(isinstance(one.get(name), int | float) for one in extras.values())
    }
    facts |= {
        name: first[name]
        for name in SHARED
        if name in first and all(one.get(name) == first[name] for one in others)
    }
    fingerprints = {
        str(seed): one['fingerprint']
        for seed, one in extras.items()
        if 'fingerprint' in one
    }
    return {**facts, 'fingerprints': fingerprints} if fingerprints else facts
