"""What finished runs left in a work directory, of one seed or of several."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluation.predictions import read_predictions
from ..evaluation.report import SELECTIONS
from .errors import MERRunError
from .fold_folder import FoldFolder, read_object
from .loso_plan import check_one_run, stored_run

_SEED_FOLDER = re.compile(r'seed(\d+)')


@dataclass(frozen=True)
class StoredRun:
    """The run of one seed, as it stands on disk.

    Attributes:
        path: Its work directory.
        seed: Its seed; 0 where nothing says another.
        classes: Names of the classes.
        selection: How the iteration was chosen, as in ``SELECTIONS``.
        config: The canonical config; empty for what no config made.
        folds: Prediction lines by name of each finished fold.
        missing: Names of the folds that are not finished.
    """

    path: Path
    seed: int
    classes: list[str]
    selection: str
    config: dict[str, Any]
    folds: dict[str, list[dict[str, Any]]]
    missing: list[str]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The prediction lines of all finished folds."""
        return [line for lines in self.folds.values() for line in lines]


def seed_folders(work_dir: str | Path) -> dict[int, Path]:
    """List the folders ``seed<k>`` of a work directory by their seed, sorted."""
    found = {}
    for path in Path(work_dir).glob('seed*'):
        name = _SEED_FOLDER.fullmatch(path.name)
        if name and path.is_dir():
            found[int(name[1])] = path
    return dict(sorted(found.items()))


def find_config(work_dir: Path) -> Path:
    """Find the config of a run: its own, or that of its first seed.

    Raises:
        MERRunError: There is none.
    """
    for folder in (work_dir, *seed_folders(work_dir).values()):
        if (path := folder / 'config.py').is_file():
            return path
    raise MERRunError(
        f'{work_dir}: no config.py there: name the work directory of a run, or say '
        f'by --config which config it was made with'
    )


def read_runs(work_dir: str | Path) -> dict[int, StoredRun]:
    """Read the runs of a work directory by seed: one, or one per ``seed<k>``.

    Args:
        work_dir: The work directory.

    Returns:
        The runs, in the order of their seeds.

    Raises:
        MERRunError: There is no run, its folds are not of one run, or the seeds do
            not agree in classes or selection; the message says what to do.
        MERDataError: Predictions cannot be read.
    """
    work_dir = Path(work_dir)
    seeds = seed_folders(work_dir)
    if not seeds:
        run = read_run(work_dir)
        return {run.seed: run}
    if (work_dir / 'folds').is_dir():
        raise MERRunError(
            f'{work_dir}: holds folds of its own and folders of seeds: name one of '
            f'them, such as {next(iter(seeds.values()))}, or delete {work_dir}/folds'
        )
    return read_seeds(work_dir, list(seeds))


def read_seeds(work_dir: str | Path, seeds: Sequence[int]) -> dict[int, StoredRun]:
    """Read the runs in ``seed<k>`` of a work directory.

    Args:
        work_dir: The work directory.
        seeds: The seeds.

    Raises:
        MERRunError: As :func:`read_runs`, or a seed has no folder.
        MERDataError: Predictions cannot be read.
    """
    runs = {}
    for seed in sorted(seeds):
        path = Path(work_dir, f'seed{seed}')
        runs[seed] = read_run(path)
        if runs[seed].seed != seed:
            raise MERRunError(
                f'{path}: its folds were trained with seed {runs[seed].seed}: rename '
                f'the folder'
            )
    first = next(iter(runs.values()))
    for run in runs.values():
        for field in ('classes', 'selection'):
            if getattr(run, field) != getattr(first, field):
                raise MERRunError(
                    f'{run.path}: its {field} is {getattr(run, field)!r}, but that of '
                    f'{first.path} is {getattr(first, field)!r}: these are not seeds '
                    f'of one run; move one of them elsewhere'
                )
    return runs


def read_run(work_dir: str | Path) -> StoredRun:
    """Read the run of one seed.

    Args:
        work_dir: Its work directory, or that of ``flow_baseline.py``.

    Raises:
        MERRunError: There is no finished fold, the folds are not of one run, or
            nothing says the classes or how the iteration was chosen.
        MERDataError: Predictions cannot be read.
    """
    work_dir = Path(work_dir)
    plan, pooled = stored_run(work_dir), read_results(work_dir)
    done: list[FoldFolder] = []
    missing = list(plan.get('folds', {}))
    folders = sorted((work_dir / 'folds').glob('*/'))
    for folder in map(FoldFolder, folders):
        # Who is no runner, such as the baseline, writes predictions alone.
        finished = folder.state().get('status', 'done') == 'done'
        if finished and folder.predictions.is_file():
            done.append(folder)
            if folder.name in missing:
                missing.remove(folder.name)
        elif folder.name not in missing:
            missing.append(folder.name)
    if not done:
        raise MERRunError(
            f'{work_dir}: no finished fold here; give the work directory of a run, or '
            f'train first'
        )
    check_one_run(done)
    state = done[0].state()
    classes = plan.get('classes') or pooled.get('classes')
    selection = state.get('selection') or pooled.get('selection')
    if not classes or selection not in SELECTIONS:
        raise MERRunError(
            f'{work_dir}: neither loso.json, fold.json nor results.json say the '
            f'classes and how the iteration was chosen ({selection!r}); score it '
            f'with tools/analysis/score.py, with --out {work_dir / "results.json"}'
        )
    seeds = pooled.get('seeds') or [0]
    return StoredRun(
        path=work_dir,
        seed=state.get('seed', seeds[0]),
        classes=list(classes),
        selection=selection,
        config=plan.get('config') or {},
        folds={
            folder.name: read_predictions(folder.predictions, len(classes))
            for folder in done
        },
        missing=missing,
    )


def read_results(work_dir: str | Path) -> dict[str, Any]:
    """Read ``results.json``; empty if there is none.

    Raises:
        MERRunError: It is not a JSON object.
    """
    path = Path(work_dir, 'results.json')
    try:
        return read_object(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise MERRunError(
            f'{error}; delete {path}, --resume writes it again'
        ) from error
