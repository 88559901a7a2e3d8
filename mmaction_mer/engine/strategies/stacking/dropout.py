"""Dropout with noise drawn in advance, so that stacked folds drop as they do alone.

A fold that trains alone draws from a stream that is seeded at every iteration. In a
stack the same numbers must be drawn in the same order for every fold, which random
operations under ``vmap`` do not do. Therefore the calls of dropout are recorded once,
their noise is drawn fold by fold from each fold's stream, and the stack multiplies by
it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Those that multiply by noise; vmap rejects any other random operation.
_MULTIPLYING = (
    functional.dropout, functional.dropout1d, functional.dropout2d,
    functional.dropout3d,
)  # fmt: skip


@dataclass(frozen=True)
class DropoutCall:
    """One call of dropout.

    Attributes:
        function: The function, such as ``torch.nn.functional.dropout``.
        probability: The probability of an element to be zeroed.
        shape: Shape of the input, as are the following three.
        stride: Stride.
        dtype: Data type.
        device: Device.
    """

    function: Callable
    probability: float
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    def draw(self) -> Tensor:
        """Draw the factor that the call would have multiplied its input by."""
        options = dict(dtype=self.dtype, device=self.device)
        ones = torch.empty_strided(self.shape, self.stride, **options).fill_(1)
        return self.function(ones, self.probability, True)


@contextmanager
def record_dropout() -> Iterator[list[DropoutCall]]:
    """Record the calls of dropout inside a ``with`` block, in order."""
    mode = _Recorder()
    with mode:
        yield mode.calls


@contextmanager
def replay_dropout(noise: Sequence[Tensor]) -> Iterator[None]:
    """Let the calls of dropout multiply by given noise, in order.

    Args:
        noise: The factor of each call, see :meth:`DropoutCall.draw`.

    Raises:
        RuntimeError: The number of calls is not that of the noise.
    """
    mode = _Replay(noise)
    with mode:
        yield
    if mode.used != len(noise):
        raise RuntimeError(f'{mode.used} calls of dropout, but {len(noise)} recorded')


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[DropoutCall] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _MULTIPLYING:
            tensor, probability = _arguments(*args, **(kwargs or {}))
            if probability:
                # Noise has the memory layout of the input, and is drawn in that order.
                stride = torch.empty_like(tensor).stride()
                layout = (tensor.shape, stride, tensor.dtype, tensor.device)
                self.calls.append(DropoutCall(func, probability, *layout))
        return func(*args, **(kwargs or {}))


class _Replay(TorchFunctionMode):
    def __init__(self, noise: Sequence[Tensor]) -> None:
        super().__init__()
        self.noise = noise
        self.used = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _MULTIPLYING:
            tensor, probability = _arguments(*args, **(kwargs or {}))
            if probability:
                self.used += 1
                if self.used > len(self.noise):
                    raise RuntimeError('more calls of dropout than recorded')
                return tensor * self.noise[self.used - 1]
        return func(*args, **(kwargs or {}))


def _arguments(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: Any = False
) -> tuple[Tensor, float]:
    """Return the input and the probability of a call; 0.0 outside of training."""
    return input, p if training else 0.0
