"""A trial step: does a stack compute what a fold computes alone?

The first fold takes a training step alone, which also measures its memory and records
its calls of dropout. Then all folds take it as a stack, and the loss and the gradients
of the first fold are compared.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....models.utils.saved_bytes import SavedBytes
from ...runners.fold_runner import FoldRunner
from ...runners.seeding import seed_model_stream
from .compatibility import StackingNotSupportedError
from .dropout import DropoutCall, record_dropout
from .fold_stack import FoldStack, total_loss, trainable_parameters

# Maximum difference of the first loss between a stack and a fold alone, relative to it.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}


@dataclass(frozen=True)
class LoneStep:
    """A training step of one fold alone.

    Attributes:
        loss: The loss.
        gradients: The gradient of each trainable parameter that has one, by name.
        calls: The calls of dropout.
        saved: Bytes saved for the backward pass.
        trainable: Bytes of the trainable parameters.
    """

    loss: float
    gradients: dict[str, Tensor]
    calls: list[DropoutCall]
    saved: int
    trainable: int


def step_alone(runner: FoldRunner, batch: dict[str, Any], seed: int) -> LoneStep:
    """Compute loss and gradients of a model by its own step; nothing is updated.

    Args:
        runner: The runner of the model, which has the parameters of the fold.
        batch: The first batch of the fold.
        seed: Seed of the fold.
    """
    model = runner.model
    seed_model_stream(seed, 0)
    saved = SavedBytes(model)
    with runner.optim_wrapper.optim_context(model), record_dropout() as calls:
        data = model.data_preprocessor(batch, True)
        with saved.counting():
            parts = model(**data, mode='loss')
    loss = total_loss(parts)
    parameters = trainable_parameters(model)
    gradients = torch.autograd.grad(loss, parameters.values(), allow_unused=True)
    return LoneStep(
        float(loss.detach()),
        {
            name: gradient
            for name, gradient in zip(parameters, gradients, strict=True)
            if gradient is not None
        },
        calls,
        saved.total,
        sum(one.nbytes for one in parameters.values()),
    )


def check_equal(
    stack: FoldStack, losses: Tensor, alone: LoneStep, precision: torch.dtype
) -> None:
    """Check that loss and gradients of a stack's first fold are those of it alone.

    Args:
        stack: The stack, after the backward pass.
        losses: The losses of its first step, ``(G,)``.
        alone: The same step of the first fold.
        precision: Data type of the forward pass.

    Raises:
        StackingNotSupportedError: They differ.
    """
    tolerance = TOLERANCE[precision]
    loss = losses[0].detach().cpu()
    if not _close(loss, torch.tensor(alone.loss), tolerance):
        raise StackingNotSupportedError(
            f'the loss of the first fold is {float(loss):.6f} in a stack, but '
            f'{alone.loss:.6f} alone'
        )
    # Layers that are initialized with zeros show in the gradients only.
    for name, gradient in alone.gradients.items():
        stacked = stack.parameters[name].grad
        if not _close(stacked[0], gradient, 10 * tolerance):
            raise StackingNotSupportedError(
                f'the gradient of {name} differs between a stack and a fold alone'
            )


def precision_of(runner: FoldRunner, device: torch.device) -> torch.dtype:
    """Return the data type of the forward pass."""
    with runner.optim_wrapper.optim_context(runner.model):
        mixed = torch.is_autocast_enabled(device.type)
    return torch.bfloat16 if mixed else torch.float32


def _close(stacked: Tensor, alone: Tensor, tolerance: float) -> bool:
    """Compare relative to the largest absolute value; diverged folds match."""
    most = alone.abs().max()
    if not most.isfinite():
        return not stacked.isfinite().all()
    # A gradient may be zero alone, and a rounding error in a stack.
    return bool((stacked - alone).abs().max() <= tolerance * (most + 1e-3))
