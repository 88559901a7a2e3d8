"""All folds, and all seeds, in one pass: as many at once as memory holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...utils.errors import MERRunError
from ..runners.failures import Failures
from ..runners.tasks import FoldTask
from .sequential import sequential
from .stacking.clip_table import Tables
from .stacking.compatibility import StackingNotSupported
from .stacking.sizing import out_of_memory
from .stacking.stack_file import Standing, standings
from .stacking.start import Start, birth
from .stacking.trainer import StackedTrainer


def stacked(jobs: Sequence[FoldTask], options: Mapping[str, Any]) -> Iterator[FoldTask]:
    """Train folds together, with the numbers of training them one by one.

    Where that cannot be, a line says why and they are trained one by one.

    Args:
        jobs: The folds.
        options: ``folds_per_group`` is how many train together: a number, or
            ``'auto'`` for as many as fit, found by one step.

    Yields:
        Each job when its folder is done.

    Raises:
        MERRunError: Memory does not even hold one fold.
        FoldsFailed: Some folds diverged or failed, and all others are done.
    """
    pending = list(jobs)
    failures = Failures(len(jobs))
    reason = ''
    try:
        for job, failure in _in_groups(pending, options['folds_per_group']):
            pending.remove(job)
            if failure is None:
                yield job
            else:
                failures.note(job, failure)
    except StackingNotSupported as error:
        # The words alone: the error holds the group, and so its memory.
        reason = str(error)
    if reason:
        if pending[0].run.console == 'WARNING':
            print(f'folds are trained one by one: {reason}', flush=True)
        yield from sequential(pending, options)
    failures.end()


def _in_groups(
    pending: Sequence[FoldTask], size: int | str
) -> Iterator[tuple[FoldTask, Exception | None]]:
    """Train jobs in groups; the caller takes those that it is given off the list."""
    quiet = not pending or pending[0].run.console != 'WARNING'
    auto = size == 'auto'
    most = (_most_before(pending) or len(pending)) if auto else int(size)
    tables = Tables(quiet)
    initial_weights, alike = _initial_weights(pending)
    while pending:
        chosen, kept = _next_group(pending, standings(pending), alike, most)
        try:
            with StackedTrainer(chosen, tables, initial_weights) as group:
                fit = group.folds_that_fit()
                # A stack that has begun stays as it is, also where a little less memory
                # is free than when it was chosen: other stacks round otherwise.
                if auto and fit * (2 if kept else 1) < len(chosen):
                    most = fit
                else:
                    group.try_step()
                    group.train(quiet)
                    yield from group.finish()
            del group
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if len(chosen) == 1:
                raise MERRunError(
                    f'fold {chosen[0]}: memory does not hold one fold alone: lower '
                    f'train_dataloader.batch_size ({error})'
                ) from error
            most = len(chosen) // 2
            if not quiet:
                print(f'memory does not hold {len(chosen)} folds: trying {most}')


def _initial_weights(
    jobs: Sequence[FoldTask],
) -> tuple[dict[int, Start], dict[int, str]]:
    """First weights of every seed, and what they have in common, where it matters."""
    first = {job.run.plan.seed: job for job in reversed(jobs)}
    if len(first) == 1:
        return {}, dict.fromkeys(first, '')
    found = {seed: birth(job) for seed, job in first.items()}
    return (
        {seed: start for seed, (start, _) in found.items()},
        {seed: frozen for seed, (_, frozen) in found.items()},
    )


def _most_before(jobs: Sequence[FoldTask]) -> int:
    """How many folds trained at once in earlier sittings of a run; 0 if none did."""
    runs = {job.run.plan.seed: job.run for job in jobs}.values()
    told = [
        run.folder(fold).state().get('folds_at_once')
        for run in runs
        for fold in run.plan.folds
    ]
    kept = [one.size for one in standings(jobs) if one.stack is not None]
    return max([*kept, *(size for size in told if isinstance(size, int))], default=0)


def _next_group(
    pending: Sequence[FoldTask],
    found: Sequence[Standing],
    alike: Mapping[int, str],
    most: int,
) -> tuple[list[FoldTask], bool]:
    """Choose folds of one stack, or that could be one: equally far, one frozen part.

    Returns:
        The folds, and whether they are a stack already.
    """
    keys = [
        (alike[job.run.plan.seed], standing.iteration, standing.stack)
        for job, standing in zip(pending, found, strict=True)
    ]
    same = [job for job, key in zip(pending, keys, strict=True) if key == keys[0]]
    return same[:most], keys[0][-1] is not None
