"""Run tables of ablations: named overrides over one base config, all rows, resumed.

    python tools/ablate.py configs/ablations/table6.py --seeds 0 1 2
    python tools/ablate.py configs/ablations/table7.py --only VPT-Deep
    python tools/ablate.py configs/ablations/*.py --base configs/mpt_vit-tiny_synthme.py

A row that is one config with a row of another table is trained once for both. What is
done is skipped, what was cut goes on, what fails is named in the table while the others
go on. After every row the tables are written again, to ``OUT/<base>/<table>.md``,
``.tex``, ``.json`` and ``.png``.

Several processes started on one ``--out``, on several GPUs for instance, share the
rows: each passes over what another one trains.
"""

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine.ablation import Table, read_table
from mmaction_mer.engine.ablation_files import write_table
from mmaction_mer.engine.ablation_runs import run_trial, standing
from mmaction_mer.engine.ablation_trials import Trial, pick_rows, plan_trials
from mmaction_mer.engine.command_line import CfgOptions, report_errors
from mmaction_mer.engine.errors import MERRunError
from mmaction_mer.visualization.report_page import duration

Planned = list[tuple[Table, list[Trial]]]


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('tables', nargs='+', metavar='TABLE', help='lists of rows')
    parser.add_argument(
        '--base', help="a config in place of the tables' own: other data or backbone"
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/ablations'),
        help='folder for tables and runs (default: %(default)s)',
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        metavar='N',
        help="run every row once per seed (default: the base's seed)",
    )
    parser.add_argument('--only', nargs='+', metavar='ROW', help='run these rows')
    parser.add_argument(
        '--strategy',
        choices=['sequential', 'stacked', 'parallel'],
        help='how folds are trained; the numbers are the same',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help="change settings of all rows, before a row's own options",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        '--dry-run',
        action='store_true',
        help='say what rows change and what is done, and train nothing',
    )
    instead.add_argument(
        '--table-only',
        action='store_true',
        help='write the tables of what is done, and train nothing',
    )
    return parser.parse_args(arguments)


def plan(args: argparse.Namespace) -> Planned:
    """Read all tables and merge all rows before anything is trained."""
    planned = []
    for path in args.tables:
        table = read_table(path)
        if args.base and any(row.base for row in table.rows):
            print(f'{path}: left out, since its rows have bases of their own (--base)')
            continue
        trials = plan_trials(
            table, args.out, args.seeds, args.base, args.cfg_options, args.strategy
        )
        planned.append((table, trials))
    names = [table.name for table, _ in planned]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MERRunError(
            f'two tables are called {twice[0]}, and one would overwrite the other: '
            f'rename a file, or give them one by one with --out of their own'
        )
    if not planned:
        raise MERRunError('no table is left to run')
    return planned


def dry_run(planned: Planned) -> None:
    """Print what every row changes and how it stands."""
    for table, trials in planned:
        print(f'{table.title} ({table.path})')
        for trial in trials:
            print(f'  {trial.row.name}: {standing(trial)}\n    {trial.folder}')
            for line in trial.changes or ['(the base as it is)']:
                print(f'    {line}')


def write(args: argparse.Namespace, table: Table, trials: list[Trial]) -> Path:
    """Write a table of what is done by now."""
    return write_table(table, trials, args.out, args.base, args.cfg_options)


def run_all(args: argparse.Namespace, planned: Planned) -> int:
    """Run what is not done.

    Returns:
        How many rows have no result.
    """
    # Rows of several tables that are one run are run once, by the first one's name.
    asked: dict[Path, tuple[Trial, Table]] = {}
    for table, trials in planned:
        write(args, table, trials)
        for trial in pick_rows(trials, args.only):
            asked.setdefault(trial.folder, (trial, table))
    pending = {folder for folder, (one, _) in asked.items() if standing(one) != 'done'}
    took: list[float] = []
    held = []
    for number, (trial, table) in enumerate(asked.values(), 1):
        left = ''
        if took and pending:
            mean = sum(took) / len(took)
            left = f', about {duration(mean * len(pending))} left'
        name = f'{trial.row.name} ({table.name})'
        print(f'row {number} of {len(asked)}: {name}{left}', flush=True)
        started = time.monotonic()
        result = attempt(args, planned, trial)
        pending.discard(trial.folder)
        if result == 'done':
            took.append(time.monotonic() - started)
        elif result == 'busy':
            held.append(trial)
    # What another process trained meanwhile may be done by now, or cut.
    for trial in held:
        print(f'once more: {trial.row.name}', flush=True)
        attempt(args, planned, trial)
    return report(args, planned, [trial for trial, _ in asked.values()])


def attempt(args: argparse.Namespace, planned: Planned, trial: Trial) -> str:
    """Run a row, say how it went and write the tables that have it."""
    result = run_trial(trial)
    # What a row held is given back before the next one asks for it.
    gc.collect()
    torch.cuda.empty_cache()
    if result == 'skipped':
        print('  done already', flush=True)
        return result
    if result == 'failed':
        print(f'  failed: {trial.failure()}', file=sys.stderr, flush=True)
    elif result == 'busy':
        print('  another process is training it: passed over for now', flush=True)
    for table, trials in planned:
        if any(one.folder == trial.folder for one in trials):
            write(args, table, trials)
    return result


def report(args: argparse.Namespace, planned: Planned, asked: list[Trial]) -> int:
    """Print the tables and name the rows without a result."""
    for table, trials in planned:
        path = write(args, table, trials)
        print(f'\n{path.read_text(encoding="utf-8")}\ntable: {path}')
    missing = [
        f'{trial.row.name}: {state}'
        for trial in asked
        if (state := standing(trial)) != 'done'
    ]
    for line in missing:
        print(f'no result: {line}', file=sys.stderr)
    return len(missing)


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tables."""
    args = parse_args(arguments)
    planned = plan(args)
    if args.only:
        known = [trial for _, trials in planned for trial in trials]
        pick_rows(known, args.only, strict=True)
    if args.dry_run:
        dry_run(planned)
    elif args.table_only:
        for table, trials in planned:
            path = write(args, table, trials)
            print(f'{path.read_text(encoding="utf-8")}\ntable: {path}')
    elif count := run_all(args, planned):
        raise MERRunError(
            f'{count} row(s) have no result; the tables say why. Start again to go on '
            f'with them: what is done is kept'
        )


if __name__ == '__main__':
    sys.exit(main())
