"""One fold after the other in this process: what every other strategy must equal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..fold_runner import train_fold
from ..run import Job
from ..stacking.stack_file import leave_stack


def sequential(jobs: Sequence[Job], options: Mapping[str, Any]) -> Iterator[Job]:
    """Train one fold after the other in this process."""
    for job in jobs:
        leave_stack(job)
        train_fold(job.config(), job.folder, job.details(), job.run.plan.select)
        yield job
