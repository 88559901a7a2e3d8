"""Which folds of a stack have diverged, and at which iteration."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ....utils.errors import DivergedError
from ...runners.tasks import FoldTask


class StackDivergence:
    """The folds of a stack whose loss, gradients or weights are not finite.

    :meth:`record` stays on the device. :meth:`check` waits for it, and then marks the
    folders of the folds.

    Args:
        tasks: The folds.
        device: The device that trains.

    Attributes:
        errors: The error of each diverged fold, by its index in the stack.
    """

    def __init__(self, tasks: Sequence[FoldTask], device: torch.device) -> None:
        self.tasks = tasks
        self.errors: dict[int, DivergedError] = {}
        # The first iteration, from 1, that is not finite; 0 if there is none.
        self._first = torch.zeros(len(tasks), dtype=torch.long, device=device)

    @property
    def all(self) -> bool:
        """Whether all folds have diverged."""
        return len(self.errors) == len(self.tasks)

    def record(self, finite: Tensor, iteration: int) -> None:
        """Record an iteration for all folds that are not finite for the first time.

        Args:
            finite: Whether each fold is finite, ``(G,)``.
            iteration: Number of the iteration, from 1.
        """
        new = (self._first == 0) & ~finite
        self._first = self._first.masked_fill(new, iteration)

    def check(self, finite: Tensor, iteration: int) -> None:
        """Record the folds whose weights are not finite, and mark all recorded folds.

        Args:
            finite: Whether the weights of each fold are finite, ``(G,)``.
            iteration: Number of the next iteration, from 1.
        """
        self.record(finite, iteration)
        for index, first in enumerate(self._first.tolist()):
            if first and index not in self.errors:
                self.mark(index, first)

    def mark(self, index: int, iteration: int) -> None:
        """Mark a fold as diverged; it is not saved or scored any more."""
        task = self.tasks[index]
        self.errors[index] = DivergedError(task.fold.name, iteration)
        task.folder.diverge(iteration)
