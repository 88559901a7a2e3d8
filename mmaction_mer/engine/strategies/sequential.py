"""One fold after the other in this process: what every other strategy must equal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..runners.failures import Failures
from ..runners.fold_training import train_fold
from ..runners.tasks import FoldTask
from .stacking.stack_file import leave_stack


def sequential(
    jobs: Sequence[FoldTask], options: Mapping[str, Any]
) -> Iterator[FoldTask]:
    """Train one fold after the other in this process.

    A fold that diverges or fails does not keep the others from being trained.

    Yields:
        Each job when its folder is done.

    Raises:
        FoldsFailed: Some folds failed, and all others are done.
    """
    failures = Failures(len(jobs))
    for job in jobs:
        try:
            leave_stack(job)
            train_fold(job)
        except Exception as error:
            failures.note(job, error)
        else:
            yield job
    failures.end()
