"""Strategies: in which manner the folds of a run are trained.

A strategy brings the folder of every fold it is given to ``done`` and gives each
fold back as soon as it is. It must train the same folds to the same numbers as
``sequential`` does; everything else (plan, ranks, pooling) is the runner's.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..datasets.protocols import Fold
from .fold_runner import train_fold

if TYPE_CHECKING:
    from .loso_runner import LOSORunner

Strategy = Callable[['LOSORunner', Sequence[Fold]], Iterator[Fold]]


def sequential(runner: 'LOSORunner', folds: Sequence[Fold]) -> Iterator[Fold]:
    """Train one fold after the other in this process."""
    for fold in folds:
        train_fold(
            runner.fold_config(fold),
            runner.folder(fold),
            runner.details(fold),
            runner.select,
        )
        yield fold


STRATEGIES: dict[str, Strategy] = {'sequential': sequential}
