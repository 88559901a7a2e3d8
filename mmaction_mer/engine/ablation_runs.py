"""The runs behind ablation tables: how they stand, what they came to, running one."""

import copy
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluation.seeds import summarize_seeds
from ..utils.cli.command_line import explained
from ..utils.errors import MERRunError
from ..utils.json_files import write_json
from .ablation_trials import Trial
from .runners.loso_runner import LOSORunner
from .runners.plan import make_plan
from .runners.tasks import runs_by_seed
from .work_dir.fold_check import check_model, read_fold
from .work_dir.fold_folder import FoldFolder
from .work_dir.lock import WorkDirLock
from .work_dir.stored_plan import stored_clips, stored_run
from .work_dir.stored_runs import check_fold, check_pooled, read_results

#: What WorkDirLock says where another process holds a run.
LOCKED = 'another process is training'


@dataclass(frozen=True)
class Measured:
    """What a run came to, over the seeds asked for.

    Attributes:
        summary: What :func:`~mmaction_mer.evaluation.seeds.summarize_seeds` returns,
            with ``training_s`` of all seeds in its ``extra``.
        lines: The prediction lines, by seed.
    """

    summary: dict[str, Any]
    lines: dict[int, list[dict[str, Any]]]


def stored(trial: Trial) -> Measured | None:
    """Read what a run came to; None where a seed of it is not finished."""
    results, lines = {}, {}
    for seed in trial.seeds:
        folder = trial.folder / f'seed{seed}'
        try:
            results[seed] = read_results(folder)
            if results[seed].get('missing'):
                return None
            names = results[seed]['extra']['folds']['done']
            plan = stored_run(folder)
            folds = {}
            for fold in [FoldFolder(folder / 'folds' / name) for name in names]:
                check_fold(fold, plan)
                folds[fold.name] = read_fold(fold, stored_clips(plan, fold.name))
            check_pooled(folder / 'results.json', results[seed], folds)
            lines[seed] = [line for fold in folds.values() for line in fold]
        except (OSError, ValueError, KeyError, TypeError, MERRunError):
            return None  # the run itself says what is wrong, and makes it good
    took = sum(found['extra'].get('training_s') or 0 for found in results.values())
    extra = {'training_s': round(took, 3), **_origin(trial)}
    return Measured(summarize_seeds(results, lines, extra), lines)


def _origin(trial: Trial) -> dict[str, Any]:
    """Name the annotation and the arithmetic that a run was made with."""
    try:
        config = stored_run(trial.folder / f'seed{trial.seeds[0]}').get('config') or {}
    except MERRunError:
        config = {}
    return {'annotation': config.get('annotation'), 'numerics': config.get('numerics')}


def up_to_date(trial: Trial) -> bool:
    """Tell whether a run is done, by the config and the annotation of today.

    Raises:
        MERRunError: The config cannot be run.
        MERDataError: The data cannot be used.
    """
    if not any((trial.folder / f'seed{seed}').exists() for seed in trial.seeds):
        return False
    plan = make_plan(trial.cfg)
    for run in runs_by_seed(trial.cfg, plan, trial.seeds, 'ERROR'):
        try:
            extra = read_results(run.work_dir)['extra']
            done = set(extra['folds']['done'])
        except (OSError, KeyError, TypeError, MERRunError):
            return False
        if extra.get('fingerprint') != run.plan.fingerprint:
            return False
        if not done >= {fold.name for fold in plan.wanted}:
            return False
        try:
            for name in done:
                check_model(FoldFolder(run.work_dir / 'folds' / name))
        except MERRunError:
            return False
    return stored(trial) is not None


def run_trial(trial: Trial) -> str:
    """Train and score a row; whatever goes wrong is kept beside the run.

    Args:
        trial: The row and its run, which is gone on with where it was cut.

    Returns:
        ``'done'``, ``'skipped'`` (it was done already), ``'busy'`` (another process
        is at it) or ``'failed'``.

    Raises:
        OSError: The failure cannot be written down either.
    """
    try:
        if up_to_date(trial):
            result = 'skipped'
        else:
            LOSORunner.from_cfg(copy.deepcopy(trial.cfg)).train()
            result = 'done'
    except Exception as error:
        text = explained(error)
        if text and LOCKED in text:
            return 'busy'
        trace = '' if text else traceback.format_exc()
        text = text or f'{type(error).__name__}: {error}'
        write_json(trial.failure_file, {'reason': text, 'traceback': trace})
        return 'failed'
    trial.failure_file.unlink(missing_ok=True)
    return result


def busy(folder: Path) -> bool:
    """Tell whether another process trains in a work directory."""
    if not folder.is_dir():
        return False
    try:
        with WorkDirLock(folder) as lock:
            lock.take()
    except MERRunError:
        return True
    return False


def standing(trial: Trial) -> str:
    """Say how a row stands, by what is on disk.

    Returns:
        ``'done'``, ``'failed: ...'``, ``'not run yet'``, ``'begun'`` or, where a
        process is at it just now, ``'in work'``.
    """
    if reason := trial.failure():
        return f'failed: {reason}'
    if stored(trial):
        return 'done'
    if not trial.begun():
        return 'not run yet'
    return 'in work' if busy(trial.folder) else 'begun'
