"""Compare two runs on the same clips: B against A."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# First of all: it repairs the host stack and registers this package's parts.
import mmaction_mer  # noqa: F401

# isort: split
from mmaction_mer.engine.work_dir.fingerprint import differences
from mmaction_mer.engine.work_dir.stored_runs import StoredRun, read_runs
from mmaction_mer.evaluation.paired import compare_runs, format_comparison
from mmaction_mer.evaluation.report import INTERVAL_RESAMPLES
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERDataError, MERRunError
from mmaction_mer.utils.json_files import write_json

#: So many differences of the configs are printed.
SHOWN = 20
#: Below so many subjects a bootstrap over them promises more than it can keep.
FEW = 20

Runs = Mapping[int, StoredRun]


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('a', 'b'):
        parser.add_argument(
            name,
            type=Path,
            metavar=name.upper(),
            help="a run's work directory, of one seed or of several",
        )
    parser.add_argument('--json', type=Path, help='write the comparison there')
    parser.add_argument(
        '--resamples',
        type=int,
        default=INTERVAL_RESAMPLES,
        help='how often the subjects are drawn anew (default: %(default)s)',
    )
    args = parser.parse_args(arguments)
    if args.resamples < 1:
        parser.error(f'--resamples {args.resamples}: at least one is needed')
    return args


def some(run: Runs) -> StoredRun:
    """Take the first seed, which speaks for the others."""
    return next(iter(run.values()))


def check_classes(a: Runs, b: Runs) -> None:
    """Refuse runs whose labels mean other classes.

    Raises:
        MERRunError: The classes differ.
    """
    if some(a).classes != some(b).classes:
        raise MERRunError(
            f'A has the classes {", ".join(some(a).classes)} and B '
            f'{", ".join(some(b).classes)}: compare runs of one annotation'
        )


def missing_folds(a: Runs, b: Runs) -> list[str]:
    """Name the folds that a run lacks, a line each."""
    return [
        f'{side}, {run.path}: {len(run.missing)} of '
        f'{len(run.missing) + len(run.folds)} folds are not done: '
        f'{", ".join(run.missing)}'
        for side, runs in (('A', a), ('B', b))
        for run in runs.values()
        if run.missing
    ]


def notes_on(a: Runs, b: Runs) -> list[str]:
    """Say in what the runs differ besides what is compared, a line each."""
    first, second = some(a), some(b)
    notes = []
    chosen = {'A': first.selection, 'B': second.selection}
    tested = [side for side, how in chosen.items() if how == 'test']
    if len(tested) == 1:
        notes.append(
            f'{tested[0]} alone was selected on the test subject, which raises its '
            f'scores: the comparison is not a fair one'
        )
    elif first.selection != second.selection:
        notes.append(
            f'the iteration was chosen in another way: {first.selection!r} in A, '
            f'{second.selection!r} in B'
        )
    if len(a) != len(b):
        notes.append(
            f'A has {len(a)} seed(s) and B {len(b)}: their means are not equally sure'
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
        notes += [f'  {line}' for line in changed[:SHOWN]]
    if len(changed) > SHOWN:
        notes.append(f'  ... and {len(changed) - SHOWN} more')
    return notes


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Read, compare, print."""
    args = parse_args(arguments)
    a, b = read_runs(args.a), read_runs(args.b)
    check_classes(a, b)
    missing = missing_folds(a, b)
    try:
        comparison = compare_runs(
            {seed: run.lines for seed, run in a.items()},
            {seed: run.lines for seed, run in b.items()},
            len(some(a).classes),
            (some(a).selection, some(b).selection),
            args.resamples,
        )
    except MERDataError as error:
        if not missing:
            raise
        lines = ''.join(f'\n  {line}' for line in missing)
        raise MERDataError(f'{error}. Not finished:{lines}') from error
    notes = [*missing, *notes_on(a, b)]
    if (people := comparison['subjects']) < FEW:
        notes.insert(
            0,
            f'only {people} subject(s): so few cannot stand for others; intervals and '
            f'the p-value from resamples come out too small, go by the flip p',
        )
    print(f'A: {args.a}\nB: {args.b}\n')
    print(format_comparison(comparison))
    if notes:
        print('\nNote:\n' + '\n'.join(f'  {note}' for note in notes))
    if args.json:
        paths = {'a': str(args.a), 'b': str(args.b)}
        written = write_json(args.json, {'runs': paths, **comparison, 'notes': notes})
        print(f'\nwritten: {written}')


if __name__ == '__main__':
    sys.exit(main())
