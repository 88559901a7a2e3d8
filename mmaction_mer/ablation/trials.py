"""Plans of tables: the config and the work directory of the run behind each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..engine.runners.fold_config import plan_seed
from ..engine.runners.plan_options import OPTIONS, check_numbers
from ..engine.work_dir.fingerprint import canonical_config, differences
from ..utils.cli.command_line import merge_options, read_config
from ..utils.errors import ConfigError
from .overrides import apply_overrides, run_name
from .spec import RowSpec, TableSpec


@dataclass(frozen=True)
class Trial:
    """A row with the run that measures it.

    Attributes:
        row: The row.
        cfg: Config of the run, with work directory, seeds and strategy.
        folder: Work directory of the run. Rows of several tables may share it.
        seeds: Seeds of the run.
        changes: Differences from the table's base config, one line each.
    """

    row: RowSpec
    cfg: Config
    folder: Path
    seeds: tuple[int, ...]
    changes: list[str]

    @property
    def failure_file(self) -> Path:
        """Reason and traceback of the last attempt, if it failed."""
        return self.folder / 'failure.json'


@dataclass(frozen=True)
class TablePlan:
    """A table with the runs of its rows.

    Attributes:
        spec: The table.
        trials: A trial per row.
        base: File name of the base config.
        options: ``--cfg-options`` that apply to all rows, as ``key=value``.
        stem: Path of the table's output files, without their suffix.
    """

    spec: TableSpec
    trials: list[Trial]
    base: str
    options: list[str]
    stem: Path


def plan_table(
    spec: TableSpec,
    out: Path,
    seeds: Sequence[int] | None = None,
    base: str | Path | None = None,
    options: Sequence[str] = (),
    strategy: str | None = None,
) -> TablePlan:
    """Merge the rows of a table into its base config.

    Args:
        spec: The table.
        out: Output folder: tables are in ``out/<base>/``, runs in
            ``out/runs/<base>/``.
        seeds: Seeds of every run. Defaults to those of the base config.
        base: Base config in place of the table's and of its rows'.
        options: ``--cfg-options`` for all rows, as ``key=value``, applied before a
            row's own options.
        strategy: Training strategy of the folds. Defaults to that of the base config.

    Returns:
        The plan.

    Raises:
        MERRunError: A base config or an option is wrong.
    """
    table_base = Path(base or spec.base)
    table_cfg = _read_base(table_base, options)
    unchanged = canonical_config(table_cfg)
    trials = []
    for row in spec.rows:
        row_base, row_cfg = table_base, table_cfg
        if row.base and not base:
            row_base, row_cfg = row.base, _read_base(row.base, options)
        where = f'rows[{row.name!r}].options'
        cfg = apply_overrides(row_cfg, row.options, spec.path, where)
        loso = cfg.get('loso') or {}
        if not isinstance(loso, dict):
            raise ConfigError(f'{loso!r} is not a dict', path=spec.path, field='loso')
        canonical = canonical_config(cfg)
        # The folder is named by the difference from the run's own base config.
        own_changes = differences(canonical_config(row_cfg), canonical)
        name = run_name(canonical, own_changes)
        folder = Path(out, 'runs', row_base.stem, name)
        run_seeds = list(seeds or loso.get('seeds') or [plan_seed(cfg)])
        cfg.loso = {**loso, 'seeds': run_seeds}
        if strategy:
            cfg.loso.strategy = strategy
        check_numbers({**OPTIONS, **cfg.loso})
        cfg.work_dir, cfg.resume = str(folder), True
        changes = differences(unchanged, canonical)
        trials.append(Trial(row, cfg, folder, tuple(run_seeds), changes))
    stem = Path(out, table_base.stem, spec.name)
    return TablePlan(spec, trials, table_base.name, list(options), stem)


def _read_base(path: Path, options: Sequence[str]) -> Config:
    cfg = read_config(str(path))
    if cfg.get('runner_type') is None:
        raise ConfigError(
            'is missing, although a table compares runs over all folds',
            path=path,
            field='runner_type',
            hint="use a base config with runner_type='LOSORunner'",
        )
    merge_options(cfg, options)
    return cfg
