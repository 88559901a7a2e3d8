"""The command ``tools/ablate.py``: plan tables, run their rows, write the tables."""

import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from ..analysis.report_html import duration
from ..utils.errors import ConfigError, MERRunError
from ..utils.files import atomic_write
from ..utils.json_files import write_json
from ..visualization import save_figure
from .figure import plot_ablation
from .overrides import suggest
from .rendering import to_latex, to_markdown
from .runs import read_failure, read_row, run_trial
from .spec import read_table
from .table import build_table
from .trials import TablePlan, Trial, plan_table


def run_tables(
    tables: Sequence[str | Path],
    out: Path,
    base: str | None = None,
    seeds: Sequence[int] | None = None,
    only: Sequence[str] | None = None,
    strategy: str | None = None,
    cfg_options: Sequence[str] = (),
    dry_run: bool = False,
    table_only: bool = False,
) -> None:
    """Run tables and write them; see ``tools/ablate.py --help`` for the arguments.

    Raises:
        MERRunError: A table or a config is wrong, or a row has no result in the end.
    """
    # All mistakes in tables are found before anything is trained.
    plans = []
    for path in tables:
        spec = read_table(path)
        if base and any(row.base for row in spec.rows):
            print(f'{path}: skipped, since its rows have base configs of their own')
            continue
        plans.append(plan_table(spec, out, seeds, base, cfg_options, strategy))
    _check_names(plans, only)
    if dry_run:
        _print_plans(plans)
        return
    asked = {} if table_only else _run_rows(plans, only)
    for plan in plans:
        path = write_table(plan)
        print(f'\n{path.read_text(encoding="utf-8")}\ntable: {path}')
    states = {name: read_row(trial).status for name, trial in asked.items()}
    missing = [f'{name}: {state}' for name, state in states.items() if state != 'done']
    for line in missing:
        print(f'no result: {line}', file=sys.stderr)
    if missing:
        raise MERRunError(
            f'{len(missing)} row(s) have no result',
            hint='start again to resume them; finished rows are kept',
        )


def write_table(plan: TablePlan) -> Path:
    """Write a table as it stands, as Markdown, LaTeX, JSON and a figure.

    Returns:
        The Markdown file.
    """
    rows = [read_row(trial) for trial in plan.trials]
    table = build_table(plan.spec, rows, plan.base, plan.options)
    write_json(f'{plan.stem}.json', table)
    atomic_write(f'{plan.stem}.tex', to_latex(table))
    save_figure(plot_ablation(table), f'{plan.stem}.png')
    return atomic_write(f'{plan.stem}.md', to_markdown(table))


def _check_names(plans: Sequence[TablePlan], only: Sequence[str] | None) -> None:
    """Check that tables do not overwrite each other and that asked rows exist."""
    if not plans:
        raise ConfigError('no table is left to run')
    names = [plan.spec.name for plan in plans]
    if duplicates := [name for name in names if names.count(name) > 1]:
        raise ConfigError(
            f'several tables are named {duplicates[0]!r}, and each would overwrite the '
            f'other',
            hint='rename a file, or run them with different --out',
        )
    rows = [trial.row.name for plan in plans for trial in plan.trials]
    for name in only or ():
        if name not in rows:
            raise ConfigError(f'no row is named {name!r}', hint=suggest(name, rows))


def _print_plans(plans: Sequence[TablePlan]) -> None:
    """Print what every row overrides and how it stands."""
    for plan in plans:
        print(f'{plan.spec.title} ({plan.spec.path})')
        for trial in plan.trials:
            print(f'  {trial.row.name}: {read_row(trial).status}\n    {trial.folder}')
            for line in trial.changes or ['(the base config)']:
                print(f'    {line}')


def _run_rows(
    plans: Sequence[TablePlan], only: Sequence[str] | None
) -> dict[str, Trial]:
    """Run the rows that are asked for, one after the other.

    Returns:
        Their trials, by the name that is printed. A run that several tables share is
        listed once, under the name of its first row.
    """
    shared: dict[Path, tuple[str, Trial]] = {}
    for plan in plans:
        write_table(plan)
        for trial in plan.trials:
            if only is None or trial.row.name in only:
                name = f'{trial.row.name} ({plan.spec.name})'
                shared.setdefault(trial.folder, (name, trial))
    asked = dict(shared.values())
    times: list[float] = []
    locked = []
    for number, (name, trial) in enumerate(asked.items(), 1):
        left = ''
        if times:
            seconds = sum(times) / len(times) * (len(asked) - number + 1)
            left = f', about {duration(seconds)} left'
        print(f'row {number} of {len(asked)}: {name}{left}', flush=True)
        start = time.monotonic()
        outcome = _run_row(plans, trial)
        if outcome == 'done':
            times.append(time.monotonic() - start)
        elif outcome == 'locked':
            locked.append(name)
    # Meanwhile the other process has finished them, or was interrupted.
    for name in locked:
        print(f'retrying: {name}', flush=True)
        _run_row(plans, asked[name])
    return asked


def _run_row(plans: Sequence[TablePlan], trial: Trial) -> str:
    """Run a row, print the outcome and write the tables that contain it."""
    outcome = run_trial(trial)
    # Free the memory of this row before the next one allocates its own.
    gc.collect()
    torch.cuda.empty_cache()
    if outcome == 'skipped':
        print('  already done', flush=True)
        return outcome
    if outcome == 'failed':
        print(f'  failed: {read_failure(trial)}', file=sys.stderr, flush=True)
    elif outcome == 'locked':
        print('  another process is training it: retrying at the end', flush=True)
    for plan in plans:
        if any(one.folder == trial.folder for one in plan.trials):
            write_table(plan)
    return outcome
