"""A run as read from disk, and the check that its results are those of its folds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.summary import summarize_run, summarize_seeds
from ...utils.errors import MERRunError
from .layout import resume_command

#: Fields of results without which they can be neither shown nor checked.
_NEEDED = ('classes', 'selection')


@dataclass(frozen=True)
class StoredRun:
    """The run of one seed, as read from disk.

    Attributes:
        path: Its work directory.
        seed: Its seed; 0 if none is stored.
        classes: Names of the classes.
        selection: How the iteration was chosen, as in ``SELECTIONS``.
        config: The canonical config; empty if the predictions were made without one.
        folds: Predictions by name of each finished fold.
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
        """The predictions of all finished folds."""
        return [line for lines in self.folds.values() for line in lines]


def check_results(
    path: Path, results: Mapping[str, Any], runs: Mapping[int, StoredRun]
) -> None:
    """Check that results are those of the predictions.

    Args:
        path: The file of the results, for messages.
        results: Content of ``results.json``, of one seed or of several.
        runs: The runs of these seeds.

    Raises:
        MERRunError: They are not.
        MERDataError: The predictions do not fit together.
    """
    names = [row['fold'] for row in results.get('folds') or []]
    if 'per_seed' in results:
        again = summarize_seeds(
            {seed: _ordered(run, names) for seed, run in runs.items()},
            {
                seed: {'classes': run.classes, 'selection': run.selection}
                for seed, run in runs.items()
            },
        )
    else:
        if lacking := [key for key in _NEEDED if key not in results]:
            raise MERRunError(
                f'has no {", ".join(lacking)}', path=path, hint=_pool_hint(path)
            )
        (run,) = runs.values()
        again = summarize_run(
            _ordered(run, names),
            results['classes'],
            results['selection'],
            results.get('seeds') or [],
        )
    differ = [
        key
        for key, value in again.items()
        if key != 'extra' and key in results and not _close(results[key], value)
    ]
    if differ:
        raise MERRunError(
            f'does not match the predictions of the folds, by its {", ".join(differ)}',
            path=path,
            hint=_pool_hint(path),
        )


def _ordered(run: StoredRun, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the folds in the order of results, or all if those are of other folds."""
    return {name: run.folds[name] for name in names if name in run.folds} or dict(
        run.folds
    )


def _pool_hint(path: Path) -> str:
    if command := resume_command(path.parent):
        return f'to pool the folds again:  {command}'
    return f'pool again with tools/analysis/score.py {path.parent} --out {path}'


def _close(one: Any, other: Any) -> bool:
    """Compare two JSON values, numbers up to the rounding of different machines."""
    if isinstance(other, Mapping):
        return (
            isinstance(one, Mapping)
            and one.keys() == other.keys()
            and all(_close(one[key], other[key]) for key in other)
        )
    if isinstance(other, list | tuple):
        return (
            isinstance(one, list | tuple)
            and len(one) == len(other)
            and all(map(_close, one, other))
        )
    if isinstance(other, float) and isinstance(one, int | float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)
