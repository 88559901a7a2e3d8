"""All folds, and all seeds, in one pass: as many at once as memory holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from ..errors import MERRunError
from ..run import Job
from ..stacking import Group, NotStackable
from ..stacking.clip_table import Tables
from ..stacking.start import Start, birth, iteration_of
from .sequential import sequential


def stacked(jobs: Sequence[Job], options: Mapping[str, Any]) -> Iterator[Job]:
    """Train folds together, with the numbers of training them one by one.

    Where that cannot be, a line says why and they are trained one by one.

    Args:
        jobs: The folds.
        options: ``folds_per_group`` is how many train together: a number, or
            ``'auto'`` for as many as fit, found by one step.

    Raises:
        MERRunError: Memory does not even hold one fold.
    """
    pending = list(jobs)
    if not pending:
        return
    quiet = pending[0].run.console != 'WARNING'
    size = options['folds_per_group']
    most = len(pending) if size == 'auto' else size
    try:
        tables = Tables(quiet)
        births, alike = _births(pending)
        while pending:
            chosen = _next_group(pending, alike, most)
            try:
                with Group(chosen, tables, births) as group:
                    fit = group.folds_that_fit()
                    if size == 'auto' and fit < len(chosen):
                        most = fit
                        continue
                    group.try_step()
                    group.train(quiet)
                    for job in group.finish():
                        pending.remove(job)
                        yield job
            except torch.cuda.OutOfMemoryError as error:
                if len(chosen) == 1:
                    raise MERRunError(
                        f'fold {chosen[0]}: memory does not hold one fold alone: lower '
                        f'train_dataloader.batch_size ({error})'
                    ) from error
                most = len(chosen) // 2
                if not quiet:
                    print(f'memory does not hold {len(chosen)} folds: trying {most}')
    except NotStackable as reason:
        if not quiet:
            print(f'folds are trained one by one: {reason}', flush=True)
        yield from sequential(pending, options)


def _births(jobs: Sequence[Job]) -> tuple[dict[int, Start], dict[int, str]]:
    """First weights of every seed, and what they have in common, where it matters."""
    first = {job.run.plan.seed: job for job in reversed(jobs)}
    if len(first) == 1:
        return {}, dict.fromkeys(first, '')
    found = {seed: birth(job) for seed, job in first.items()}
    return (
        {seed: start for seed, (start, _) in found.items()},
        {seed: frozen for seed, (_, frozen) in found.items()},
    )


def _next_group(
    pending: Sequence[Job], alike: Mapping[int, str], most: int
) -> list[Job]:
    """Choose folds that share their frozen part and have come equally far."""
    keys = [(alike[job.run.plan.seed], iteration_of(job)) for job in pending]
    return [job for job, key in zip(pending, keys, strict=True) if key == keys[0]][
        :most
    ]
