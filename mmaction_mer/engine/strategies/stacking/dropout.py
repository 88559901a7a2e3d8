"""Dropout whose noise is drawn beforehand, so that stacked folds drop as alone.

A fold that trains alone draws from a stream that starts anew with every iteration. In a
stack the same numbers have to be drawn in the same order for every fold, which no
random operation under ``vmap`` does: the calls of dropout are listed once, their noise
is drawn fold by fold from the fold's own stream, and the stack multiplies by it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Those that multiply by noise; any other random operation is refused by vmap.
_MULTIPLY = (
    functional.dropout, functional.dropout1d, functional.dropout2d,
    functional.dropout3d,
)  # fmt: skip


@dataclass(frozen=True)
class DropoutCall:
    """One call of dropout: its function, its chance, and its input's form."""

    function: Callable
    chance: float
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    def draw(self) -> Tensor:
        """Draw from torch's stream what the call would have multiplied by."""
        form = dict(dtype=self.dtype, device=self.device)
        ones = torch.empty_strided(self.shape, self.stride, **form).fill_(1)
        return self.function(ones, self.chance, True)


@contextmanager
def listed_calls() -> Iterator[list[DropoutCall]]:
    """List the calls of dropout inside a ``with`` block, in their order."""
    mode = _Listing()
    with mode:
        yield mode.calls


@contextmanager
def given_noise(noise: Sequence[Tensor]) -> Iterator[None]:
    """Let the calls of dropout multiply by given noise, in their order.

    Raises:
        RuntimeError: There were more calls than noise, or fewer.
    """
    mode = _Given(noise)
    with mode:
        yield
    if mode.used != len(noise):
        raise RuntimeError(f'{len(noise)} calls of dropout became {mode.used}')


class _Listing(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[DropoutCall] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _MULTIPLY:
            given, chance = _reading(*args, **(kwargs or {}))
            if chance:
                # Noise lies in memory as the input does, and is drawn in that order.
                stride = torch.empty_like(given).stride()
                form = (given.shape, stride, given.dtype, given.device)
                self.calls.append(DropoutCall(func, chance, *form))
        return func(*args, **(kwargs or {}))


class _Given(TorchFunctionMode):
    def __init__(self, noise: Sequence[Tensor]) -> None:
        super().__init__()
        self.noise = noise
        self.used = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _MULTIPLY:
            given, chance = _reading(*args, **(kwargs or {}))
            if chance:
                self.used += 1
                if self.used > len(self.noise):
                    raise RuntimeError('dropout was called more often than before')
                return given * self.noise[self.used - 1]
        return func(*args, **(kwargs or {}))


def _reading(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: Any = False
) -> tuple[Tensor, float]:
    """Input and chance of a call; 0 where nothing is dropped."""
    return input, p if training else 0.0
