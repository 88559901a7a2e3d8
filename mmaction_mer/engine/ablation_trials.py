"""The rows of a table merged into its base: configs, and folders for their runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..utils.cli.command_line import merge_options, read_config
from ..utils.errors import MERRunError
from .ablation import Row, Table
from .ablation_options import apply_options, near, run_name
from .runners.fold_config import plan_seed
from .runners.plan import OPTIONS, check_numbers
from .work_dir.fingerprint import canonical_config, differences
from .work_dir.fold_folder import find_folds, read_object


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
