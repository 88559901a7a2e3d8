"""The errors of runs, and which of them stop a whole run."""

from typing import Any


class MERRunError(RuntimeError):
    """A run that cannot start or go on; the message says what to do about it."""


class ConfigError(MERRunError):
    """A mistake in a config, which every fold of the run would meet."""


class FoldsFailed(MERRunError):
    """Some folds of a run failed; all others are done."""


class DivergedError(MERRunError):
    """A fold whose training is lost: a number of it is not finite any more.

    Args:
        fold: Name of the fold.
        iteration: The first iteration, counted from 1, whose loss or gradients are not
            finite. Weights that are not finite spoil the loss of the iteration after.
    """

    def __init__(self, fold: str, iteration: int) -> None:
        super().__init__(
            f'fold {fold} diverged: its loss or its weights are not finite from '
            f'iteration {iteration} on'
        )
        self.fold = fold
        self.iteration = iteration

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the arguments, not by the message."""
        return type(self), (self.fold, self.iteration)
