"""The runs behind ablation tables: where they are, how they stand, and running one."""

import copy
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..evaluation.predictions import read_predictions
from ..evaluation.seeds import summarize_seeds
from ..utils import write_json
from .ablation import Row, Table
from .ablation_options import apply_options, near, run_name
from .command_line import explained, merge_options, read_config
from .errors import MERRunError
from .fingerprint import canonical_config, differences
from .fold_config import plan_seed
from .fold_folder import FoldFolder, find_folds, read_object
from .loso_plan import OPTIONS, check_numbers, make_plan, stored_run
from .loso_runner import LOSORunner
from .run import runs_by_seed
from .work_dir_lock import WorkDirLock

#: What WorkDirLock says where another process holds a run.
LOCKED = 'another process is training'


@dataclass(frozen=True)
class Trial:
    """A row with the run that measures it.

    Attributes:
        row: The row.
        cfg: Its config, with work directory, seeds and strategy.
        folder: The run's work directory; rows of several tables may share it.
        seeds: The seeds asked for.
        changes: What differs from the table's base, a line each.
    """

    row: Row
    cfg: Config
    folder: Path
    seeds: tuple[int, ...]
    changes: list[str]

    @property
    def failure_file(self) -> Path:
        """Why the last attempt failed; not there where it did not."""
        return self.folder / 'failure.json'

    def failure(self) -> str | None:
        """Say why the last attempt failed."""
        try:
            return str(read_object(self.failure_file).get('reason'))
        except (OSError, ValueError):
            return None

    def begun(self) -> bool:
        """Tell whether any fold was ever started."""
        return any(find_folds(self.folder / f'seed{seed}') for seed in self.seeds)


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


def plan_trials(
    table: Table,
    out: Path,
    seeds: Sequence[int] | None = None,
    base: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    strategy: str | None = None,
) -> list[Trial]:
    """Merge the rows of a table into its base.

    Args:
        table: The table.
        out: Runs are below ``out/runs/<base>/``.
        seeds: The seeds; None for the one that the base has.
        base: Another base for all rows.
        options: ``--cfg-options`` for all rows; a row's own options come after.
        strategy: How folds are trained; None for the base's way.

    Returns:
        A trial per row.

    Raises:
        MERRunError: A base or an option is wrong; the message names table, row, key.
    """
    first = _base_config(base or table.base, options)
    plain = canonical_config(first)
    trials = []
    for row in table.rows:
        path = Path(base or row.base or table.base)
        start = first if base or not row.base else _base_config(path, options)
        where = f'{table.path}: row {row.name!r}: '
        cfg = apply_options(start, row.options, where)
        given = cfg.get('loso') or {}
        if not isinstance(given, dict):
            raise MERRunError(f'{where}loso is {given!r}, not a dict of settings')
        chosen = seeds or given.get('seeds') or [plan_seed(cfg)]
        canonical = canonical_config(cfg)
        # Folders are named by what differs from the run's own base.
        own = differences(canonical_config(start), canonical)
        folder = Path(out, 'runs', path.stem, run_name(canonical, own))
        cfg.loso = {**given, 'seeds': list(chosen)}
        if strategy:
            cfg.loso.strategy = strategy
        check_numbers({**OPTIONS, **cfg.loso})
        cfg.work_dir, cfg.resume = str(folder), True
        changes = differences(plain, canonical)
        trials.append(Trial(row, cfg, folder, tuple(chosen), changes))
    return trials


def _base_config(path: str | Path, options: Mapping[str, Any] | None) -> Config:
    cfg = read_config(str(path))
    if cfg.get('runner_type') is None:
        raise MERRunError(
            f"{path}: this config has no runner_type='LOSORunner', and a table is of "
            f'runs over all folds: name one that has'
        )
    merge_options(cfg, dict(options or {}))
    return cfg


def stored(trial: Trial) -> Measured | None:
    """Read what a run came to; None where a seed of it is not finished."""
    results, lines = {}, {}
    for seed in trial.seeds:
        folder = trial.folder / f'seed{seed}'
        try:
            results[seed] = read_object(folder / 'results.json')
            names = results[seed]['extra']['folds']['done']
            folds = [FoldFolder(folder / 'folds' / name) for name in names]
            lines[seed] = [
                line for fold in folds for line in read_predictions(fold.predictions)
            ]
        except (OSError, ValueError, KeyError, TypeError):
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
            extra = read_object(run.work_dir / 'results.json')['extra']
            done = set(extra['folds']['done'])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if extra.get('fingerprint') != run.plan.fingerprint:
            return False
        if not done >= {fold.name for fold in plan.wanted}:
            return False
    return True


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


def pick_rows(
    trials: Sequence[Trial], names: Sequence[str] | None, strict: bool = False
) -> list[Trial]:
    """Pick rows by name; None for all.

    Raises:
        MERRunError: With ``strict``, where a name is no row's.
    """
    if names is None:
        return list(trials)
    known = [trial.row.name for trial in trials]
    if strict and (unknown := [name for name in names if name not in known]):
        raise MERRunError(f'no row is called {unknown[0]!r}' + near(unknown[0], known))
    return [trial for trial in trials if trial.row.name in names]
