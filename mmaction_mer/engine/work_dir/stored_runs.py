"""What finished runs left in a work directory, of one seed or of several."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.summary import SELECTIONS, summarize_run, summarize_seeds
from ...utils.errors import MERRunError
from ..runners.plan import check_one_run
from .fold_check import differing, has_digests, read_fold
from .fold_folder import (
    FoldFolder,
    how_to_mend,
    read_object,
    resume_command,
    seed_folders,
)
from .stored_fields import RESULTS_FIELDS, check_fields
from .stored_plan import stored_clips, stored_run


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
        status = folder.state().get('status')
        found = status is None and folder.predictions.is_file()
        if status == 'done' or found:
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
    for folder in done:
        check_fold(folder, plan)
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
            folder.name: read_fold(
                folder, stored_clips(plan, folder.name), len(classes)
            )
            for folder in done
        },
        missing=missing,
    )


def check_fold(folder: FoldFolder, plan: Mapping[str, Any]) -> None:
    """See that a finished fold is the one that its run has planned.

    Args:
        folder: Its folder.
        plan: The ``loso.json`` of its run; empty where there is none, and then
            nothing is asked.

    Raises:
        MERRunError: It is not; the message says how to make it good.
    """
    state = folder.state()
    if 'clips' not in plan or not state:
        return
    expected = {
        'fold': folder.name,
        'held_out': plan['folds'].get(folder.name),
        'fingerprint': plan['fingerprint'],
        'annotation': plan['config']['annotation'],
        'seed': plan['config']['randomness']['seed'],
        'selection': plan['config']['loso']['select'],
    }
    found = differing(state, expected)
    if not has_digests(folder, state):
        found.append('digests')
    if found:
        raise MERRunError(
            f'{folder.state_file}: is not of this fold as its run has planned it, by '
            f'{", ".join(found)}\n{how_to_mend(folder.path)}'
        )


def read_results(work_dir: str | Path) -> dict[str, Any]:
    """Read ``results.json``; empty if there is none.

    Raises:
        MERRunError: It is not a JSON object, or a field of it holds another kind of
            value than it should.
    """
    path = Path(work_dir, 'results.json')
    try:
        content = read_object(path)
        check_fields(path, content, RESULTS_FIELDS)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        command = resume_command(Path(work_dir)) or 'the start of the run, --resume,'
        raise MERRunError(
            f'{error}; delete {path}; {command} writes it anew'
        ) from error
    return content


def check_pooled(
    path: Path,
    results: Mapping[str, Any],
    folds: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """See that pooled results are those of some predictions.

    Args:
        path: The file they were read from, for the message.
        results: Results of one seed.
        folds: Prediction lines by name of each fold of them.

    Returns:
        The results, pooled anew.

    Raises:
        MERRunError: They are not; the message says what to do.
        MERDataError: The predictions do not go together.
    """
    names = [row['fold'] for row in results.get('folds') or []]
    ordered = {name: folds[name] for name in names if name in folds} or folds
    again = summarize_run(
        ordered, results['classes'], results['selection'], results.get('seeds') or []
    )
    _compare(path, results, again)
    return again


def check_results(
    work_dir: Path, results: Mapping[str, Any], runs: Mapping[int, StoredRun]
) -> None:
    """See that a run's ``results.json`` is what its predictions come to.

    Args:
        work_dir: The work directory.
        results: The results, of one seed or of several.
        runs: The runs of these seeds.

    Raises:
        MERRunError: It is not; the message says what to do.
        MERDataError: The predictions do not go together.
    """
    path = work_dir / 'results.json'
    if 'per_seed' not in results:
        lacks = [key for key in ('classes', 'selection') if key not in results]
        if lacks:
            raise MERRunError(f'{path}: has no {", ".join(lacks)}\n{_pool_anew(path)}')
        check_pooled(path, results, next(iter(runs.values())).folds)
        return
    names = [row['fold'] for row in results.get('folds') or []]
    folds, settings = {}, {}
    for seed, run in runs.items():
        order = names if set(names) <= run.folds.keys() and names else [*run.folds]
        folds[seed] = {name: run.folds[name] for name in order}
        settings[seed] = {'classes': run.classes, 'selection': run.selection}
    _compare(path, results, summarize_seeds(folds, settings))


def _compare(path: Path, results: Mapping[str, Any], again: Mapping[str, Any]) -> None:
    found = [
        key
        for key, value in again.items()
        if key != 'extra' and key in results and not _alike(results[key], value)
    ]
    if found:
        raise MERRunError(
            f'{path}: was changed, or is of other predictions than the folds have now: '
            f'{", ".join(found)} of these are not the same\n{_pool_anew(path)}'
        )


def _pool_anew(path: Path) -> str:
    if command := resume_command(path.parent):
        return f'to pool them anew:  {command}'
    return f'pool them anew by tools/analysis/score.py {path.parent} --out {path}'


def _alike(one: Any, other: Any) -> bool:
    """Compare two values of JSON, numbers as far as machines agree on them."""
    if isinstance(other, Mapping):
        return (
            isinstance(one, Mapping)
            and one.keys() == other.keys()
            and all(_alike(one[key], other[key]) for key in other)
        )
    if isinstance(other, list | tuple):
        return (
            isinstance(one, list | tuple)
            and len(one) == len(other)
            and all(map(_alike, one, other))
        )
    if isinstance(other, float) and isinstance(one, int | float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)
