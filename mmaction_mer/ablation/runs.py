"""The runs behind a table: train one, and read what is on disk."""

import copy
import traceback
from dataclasses import replace

from ..engine.runners.loso_runner import LOSORunner
from ..engine.runners.plan import make_plan
from ..engine.runners.tasks import runs_by_seed
from ..engine.work_dir.fold_check import check_model
from ..engine.work_dir.json_fields import read_object
from ..engine.work_dir.layout import RESULTS
from ..engine.work_dir.lock import WorkDirLock, WorkDirLockedError
from ..engine.work_dir.stored_run import check_results
from ..engine.work_dir.work_dir import WorkDir
from ..evaluation import summarize_seeds
from ..utils.cli.command_line import user_message
from ..utils.errors import MERRunError
from ..utils.json_files import write_json
from .table import RowResult
from .trials import Trial


def read_row(trial: Trial) -> RowResult:
    """Read how a row stands, from what is on disk.

    Returns:
        The row, with its numbers if ``status`` is ``'done'``. Otherwise ``status`` is
        ``'failed: ...'``, ``'not started'``, ``'unfinished'`` or, while another
        process trains it, ``'running'``.
    """
    row = RowResult(trial.row, trial.changes)
    if reason := read_failure(trial):
        return replace(row, status=f'failed: {reason}')
    if finished := read_finished(trial):
        return finished
    seeds = [WorkDir(trial.folder / f'seed{seed}') for seed in trial.seeds]
    if not any(seed.started_folds() for seed in seeds):
        return row
    return replace(row, status='running' if _is_locked(trial) else 'unfinished')


def read_failure(trial: Trial) -> str | None:
    """Return why the last attempt failed; None if it did not."""
    try:
        return str(read_object(trial.failure_file).get('reason'))
    except (OSError, ValueError):
        return None


def read_finished(trial: Trial) -> RowResult | None:
    """Read the numbers of a row; None unless every seed is finished and intact."""
    results, folds = {}, {}
    try:
        runs = WorkDir(trial.folder).runs(trial.seeds)
        for seed, run in runs.items():
            results[seed] = WorkDir(run.path).results()
            if results[seed].get('missing'):
                return None
            check_results(run.path / RESULTS, results[seed], {seed: run})
            done = results[seed]['extra']['folds']['done']
            folds[seed] = {name: run.folds[name] for name in done}
    except (OSError, ValueError, KeyError, TypeError, MERRunError):
        return None  # the next start of the run reports the damage and repairs it
    times = [one['extra'].get('training_s') or 0 for one in results.values()]
    config = runs[trial.seeds[0]].config
    extra = {
        'training_s': round(sum(times), 3),
        'annotation': config.get('annotation'),
        'numerics': config.get('numerics'),
    }
    summary = summarize_seeds(folds, results, extra)
    lines = {seed: sum(one.values(), []) for seed, one in folds.items()}
    return RowResult(trial.row, trial.changes, 'done', summary, lines)


def is_up_to_date(trial: Trial) -> bool:
    """Return whether a row is finished, by today's config and annotation.

    Raises:
        MERRunError: The config cannot be run.
        MERDataError: The data cannot be used.
    """
    if read_finished(trial) is None:
        return False
    plan = make_plan(trial.cfg)
    for run in runs_by_seed(trial.cfg, plan, trial.seeds, 'ERROR'):
        work_dir = WorkDir(run.work_dir)
        extra = work_dir.results()['extra']
        done = set(extra['folds']['done'])
        if extra.get('fingerprint') != run.plan.fingerprint:
            return False
        if not done >= {fold.name for fold in plan.wanted}:
            return False
        try:
            for name in done:
                check_model(work_dir.fold(name))
        except MERRunError:
            return False
    return True


def run_trial(trial: Trial) -> str:
    """Train and score a row, resuming where it was interrupted.

    A failure is written to :attr:`~.trials.Trial.failure_file` and not raised, so that
    the other rows go on.

    Returns:
        ``'done'``, ``'skipped'`` (it was done before), ``'locked'`` (another process
        trains it) or ``'failed'``.

    Raises:
        OSError: The failure cannot be written.
    """
    try:
        if is_up_to_date(trial):
            outcome = 'skipped'
        else:
            LOSORunner.from_cfg(copy.deepcopy(trial.cfg)).train()
            outcome = 'done'
    except WorkDirLockedError:
        return 'locked'
    except Exception as error:
        reason = user_message(error)
        trace = '' if reason else traceback.format_exc()
        reason = reason or f'{type(error).__name__}: {error}'
        write_json(trial.failure_file, {'reason': reason, 'traceback': trace})
        return 'failed'
    trial.failure_file.unlink(missing_ok=True)
    return outcome


def _is_locked(trial: Trial) -> bool:
    try:
        with WorkDirLock(trial.folder) as lock:
            lock.take()
    except WorkDirLockedError:
        return True
    return False
