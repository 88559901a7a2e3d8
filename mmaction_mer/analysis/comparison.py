"""Comparison of two finished runs, for ``tools/analysis/compare.py``."""

import argparse
from collections.abc import Mapping

from ..engine.work_dir.fingerprint import differences
from ..engine.work_dir.stored_run import StoredRun
from ..engine.work_dir.work_dir import WorkDir
from ..evaluation.paired import compare_runs, format_comparison
from ..utils.errors import MERDataError, MERRunError
from ..utils.json_files import write_json

# Number of differences between the configs that are printed.
_SHOWN = 20
# With fewer subjects than this, bootstrap intervals over them are too narrow.
_MIN_SUBJECTS = 20

Runs = Mapping[int, StoredRun]


def first_seed(run: Runs) -> StoredRun:
    """Return the run of the first seed; all seeds have the same settings."""
    return next(iter(run.values()))


def check_classes(a: Runs, b: Runs) -> None:
    """Check that both runs have the same classes.

    Raises:
        MERRunError: The classes differ.
    """
    classes = [first_seed(run).classes for run in (a, b)]
    if classes[0] != classes[1]:
        raise MERRunError(
            f'A has the classes {", ".join(classes[0])} and B {", ".join(classes[1])}',
            field='classes',
            hint='compare runs of one annotation',
        )


def missing_folds(a: Runs, b: Runs) -> list[str]:
    """List the unfinished folds, with a line for each run."""
    return [
        f'{side}, {run.path}: {len(run.missing)} of '
        f'{len(run.missing) + len(run.folds)} folds are not finished: '
        f'{", ".join(run.missing)}'
        for side, runs in (('A', a), ('B', b))
        for run in runs.values()
        if run.missing
    ]


def notes_on(a: Runs, b: Runs) -> list[str]:
    """List the differences between the runs that make a comparison less fair."""
    first, second = first_seed(a), first_seed(b)
    notes = []
    chosen = {'A': first.selection, 'B': second.selection}
    tested = [side for side, how in chosen.items() if how == 'test']
    if len(tested) == 1:
        notes.append(
            f'only {tested[0]} was selected on the test subject, which raises its '
            f'scores: the comparison is not fair'
        )
    elif first.selection != second.selection:
        notes.append(
            f'the iteration was chosen differently: {first.selection!r} in A, '
            f'{second.selection!r} in B'
        )
    if len(a) != len(b):
        notes.append(
            f'A has {len(a)} seed(s) and B {len(b)}: their means are not equally '
            f'precise'
        )
    if not first.config or not second.config:
        without = first.path if not first.config else second.path
        return [*notes, f'{without} has no loso.json: the configs are not compared']
    changed = differences(first.config, second.config)
    if any(line.startswith('annotation:') for line in changed):
        notes.append('the annotation files differ, but not in these clips and labels')
    if any(line.startswith('loso.protocol') for line in changed):
        notes.append(
            'the protocols differ: the same clips were held out, but in other folds'
        )
    ignored = ('annotation:', 'randomness.seed:', 'loso.select:')
    changed = [line for line in changed if not line.startswith(ignored)]
    if changed:
        notes.append(f'the configs differ in {len(changed)} place(s), A -> B:')
        notes += [f'  {line}' for line in changed[:_SHOWN]]
    if len(changed) > _SHOWN:
        notes.append(f'  ... and {len(changed) - _SHOWN} more')
    return notes


def print_comparison(args: argparse.Namespace) -> None:
    """Read two runs, compare them and print the comparison."""
    a, b = WorkDir(args.a).runs(), WorkDir(args.b).runs()
    check_classes(a, b)
    missing = missing_folds(a, b)
    try:
        comparison = compare_runs(
            {seed: run.lines for seed, run in a.items()},
            {seed: run.lines for seed, run in b.items()},
            len(first_seed(a).classes),
            (first_seed(a).selection, first_seed(b).selection),
            args.resamples,
        )
    except MERDataError as error:
        if not missing:
            raise
        lines = ''.join(f'\n  {line}' for line in missing)
        raise MERDataError(error.problem, hint=f'finish them first:{lines}') from error
    notes = [*missing, *notes_on(a, b)]
    if (subjects := comparison['subjects']) < _MIN_SUBJECTS:
        notes.insert(
            0,
            f'only {subjects} subject(s), too few to represent a population: intervals '
            f'and the p-value from resamples are too small, use the flip p',
        )
    print(f'A: {args.a}\nB: {args.b}\n')
    print(format_comparison(comparison))
    if notes:
        print('\nNote:\n' + '\n'.join(f'  {note}' for note in notes))
    if args.json:
        paths = {'a': str(args.a), 'b': str(args.b)}
        written = write_json(args.json, {'runs': paths, **comparison, 'notes': notes})
        print(f'\nwritten: {written}')
