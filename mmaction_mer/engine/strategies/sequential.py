"""Training of one fold after another: the reference for all other strategies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..runners.failures import Failures
from ..runners.fold_training import train_fold
from ..runners.tasks import FoldTask
from .stacking.stack_file import export_state


def sequential(
    tasks: Sequence[FoldTask], options: Mapping[str, Any]
) -> Iterator[FoldTask]:
    """Train one fold after another in this process.

    If a fold diverges or fails, the others are trained nevertheless.

    Args:
        tasks: The folds.
        options: Not used.

    Yields:
        Each task when its folder is done.

    Raises:
        FoldsFailed: Some folds failed, and all others are done.
    """
    failures = Failures(len(tasks))
    for task in tasks:
        try:
            export_state(task)
            train_fold(task)
        except Exception as error:
            failures.record(task, error)
        else:
            yield task
    failures.raise_if_any()
