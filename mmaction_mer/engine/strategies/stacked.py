"""Training of all folds, and all seeds, in one pass, as far as they fit in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...utils.errors import MERRunError
from ..runners.failures import Failures
from ..runners.tasks import FoldTask
from .sequential import sequential
from .stacking.clip_table import Tables
from .stacking.compatibility import StackingNotSupportedError
from .stacking.fold_state import FoldState, initial_state
from .stacking.sizing import out_of_memory
from .stacking.stack_file import StoredState, find_states
from .stacking.trainer import StackedTrainer


def stacked(
    tasks: Sequence[FoldTask], options: Mapping[str, Any]
) -> Iterator[FoldTask]:
    """Train folds together, with the numbers of training them one by one.

    Folds that cannot be stacked are trained one by one, and the reason is printed.

    Args:
        tasks: The folds.
        options: ``folds_per_group`` is the number of folds to train together, or
            ``'auto'`` for as many as fit in memory, measured with one step.

    Yields:
        Each task when its folder is done.

    Raises:
        MERRunError: Not even one fold fits in memory.
        FoldsFailed: Some folds diverged or failed, and all others are done.
    """
    pending = list(tasks)
    failures = Failures(len(tasks))
    reason = ''
    try:
        for task, failure in _train_groups(pending, options['folds_per_group']):
            pending.remove(task)
            if failure is None:
                yield task
            else:
                failures.record(task, failure)
    except StackingNotSupportedError as error:
        # Only its text is kept: the traceback refers to the trainer and its memory.
        reason = str(error)
    if reason:
        if pending[0].run.console == 'WARNING':
            print(f'folds are trained one by one: {reason}', flush=True)
        yield from sequential(pending, options)
    failures.raise_if_any()


def _train_groups(
    pending: Sequence[FoldTask], size: int | str
) -> Iterator[tuple[FoldTask, Exception | None]]:
    """Train tasks in groups; the caller removes each yielded task from the list."""
    quiet = not pending or pending[0].run.console != 'WARNING'
    auto = size == 'auto'
    largest = (_earlier_size(pending) or len(pending)) if auto else int(size)
    tables = Tables(quiet)
    initial_states, frozen = _initial_states(pending)
    while pending:
        chosen, resumes = _next_group(pending, find_states(pending), frozen, largest)
        try:
            with StackedTrainer(chosen, tables, initial_states) as trainer:
                fit = trainer.folds_that_fit()
                # A stack that has begun is kept together even if a little less memory
                # is free than at its start: stacks of other sizes round differently.
                if auto and fit * (2 if resumes else 1) < len(chosen):
                    largest = fit
                else:
                    trainer.try_step()
                    trainer.train(quiet)
                    yield from trainer.finish()
            del trainer
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if len(chosen) == 1:
                raise MERRunError(
                    f'fold {chosen[0]}: a single fold does not fit in memory ({error})',
                    hint='lower train_dataloader.batch_size',
                ) from error
            largest = len(chosen) // 2
            if not quiet:
                print(f'{len(chosen)} folds do not fit in memory: trying {largest}')


def _initial_states(
    tasks: Sequence[FoldTask],
) -> tuple[dict[int, FoldState], dict[int, str]]:
    """Build the initial state of every seed, and a digest of its frozen weights.

    Only seeds with the same frozen weights can share a stack. For a single seed nothing
    is built: the trainer has a model of that seed anyway.
    """
    first = {task.run.plan.seed: task for task in reversed(tasks)}
    if len(first) == 1:
        return {}, dict.fromkeys(first, '')
    found = {seed: initial_state(task) for seed, task in first.items()}
    return (
        {seed: state for seed, (state, _) in found.items()},
        {seed: digest for seed, (_, digest) in found.items()},
    )


def _earlier_size(tasks: Sequence[FoldTask]) -> int:
    """Return how many folds earlier sessions trained at once; 0 if there were none."""
    runs = {task.run.plan.seed: task.run for task in tasks}.values()
    recorded = [
        run.folder(fold).state().get('folds_at_once')
        for run in runs
        for fold in run.plan.folds
    ]
    stored = [state.size for state in find_states(tasks) if state.stack is not None]
    return max([*stored, *(n for n in recorded if isinstance(n, int))], default=0)


def _next_group(
    pending: Sequence[FoldTask],
    states: Sequence[StoredState],
    frozen: Mapping[int, str],
    largest: int,
) -> tuple[list[FoldTask], bool]:
    """Select the folds that go with the first: at its iteration, on its frozen weights.

    Returns:
        The folds, and whether they already are a stack.
    """
    keys = [
        (frozen[task.run.plan.seed], state.iteration, state.stack)
        for task, state in zip(pending, states, strict=True)
    ]
    same = [task for task, key in zip(pending, keys, strict=True) if key == keys[0]]
    return same[:largest], keys[0][-1] is not None
