"""Detection of a training that has diverged, and of the iteration at which it did."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ...evaluation.predictions import NonFiniteScoreError
from ...utils.errors import DivergedError, MERRunError


class DivergenceHook(Hook):
    """Stop the training of a fold at its first loss that is not finite.

    Weights are checked before they are used: before a validation, before a checkpoint
    is written, and at the end.

    Args:
        fold: Name of the fold.

    Raises:
        DivergedError: A loss or a weight is not finite.
    """

    # Before anything is saved or scored.
    priority = 'VERY_HIGH'

    def __init__(self, fold: str) -> None:
        self.fold = fold

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs: Any = None
    ) -> None:
        """Check the loss, which mmengine has copied from the device for its log."""
        if not losses_are_finite(outputs):
            raise DivergedError(self.fold, runner.iter + 1)

    def before_val(self, runner) -> None:
        """Check the weights to be validated."""
        self.check(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Check the weights to be saved."""
        self.check(runner)

    def after_train(self, runner) -> None:
        """Check the final weights."""
        self.check(runner)

    def check(self, runner) -> None:
        """Check the weights between two iterations."""
        if not weights_are_finite(runner.model):
            raise DivergedError(self.fold, next_iteration(runner))


@contextmanager
def convert_divergence(fold: str, runner: Any) -> Iterator[None]:
    """Convert other errors caused by a divergence to :class:`DivergedError`.

    Args:
        fold: Name of the fold.
        runner: The runner that trains or scores it inside the ``with`` block.

    Raises:
        DivergedError: Scores of clips are not finite, or gradients are not and
            ``clip_grad`` has ``error_if_nonfinite``.
    """
    try:
        yield
    except NonFiniteScoreError as error:
        raise DivergedError(fold, next_iteration(runner)) from error
    except RuntimeError as error:
        if isinstance(error, MERRunError) or not _clipping_failed(runner):
            raise
        raise DivergedError(fold, runner.iter + 1) from error


def losses_are_finite(outputs: Any) -> bool:
    """Return whether all losses of a training step are finite.

    >>> losses_are_finite({'loss': torch.tensor(0.5), 'top1_acc': math.nan})
    True
    >>> losses_are_finite({'loss': torch.tensor(math.inf)})
    False
    """
    if not isinstance(outputs, Mapping):
        return True
    for name, value in outputs.items():
        if 'loss' not in name:
            continue
        if isinstance(value, Tensor):
            finite = bool(value.detach().isfinite().all())
        else:
            finite = not isinstance(value, float) or math.isfinite(value)
        if not finite:
            return False
    return True


def weights_are_finite(model: nn.Module) -> bool:
    """Return whether all trainable parameters of a model are finite."""
    found = [
        parameter.detach().isfinite().all()
        for parameter in model.parameters()
        if parameter.requires_grad
    ]
    return not found or bool(torch.stack(found).all())


def next_iteration(runner: Any) -> int:
    """Return the number of the next iteration, from 1, or of the last one."""
    return min(runner.iter + 1, runner.max_iters)


def _clipping_failed(runner: Any) -> bool:
    """Return whether torch raised because gradients to be clipped are not finite."""
    wrapper = runner.optim_wrapper
    if not isinstance(wrapper, OptimWrapper):
        return False
    if not (wrapper.clip_grad_kwargs or {}).get('error_if_nonfinite'):
        return False
    return any(
        not parameter.grad.isfinite().all()
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
        if parameter.grad is not None
    )
