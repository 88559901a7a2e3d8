"""What the forward pass of a step keeps for its backward pass, in bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class SavedBytes:
    """Counts what the forward pass of one step keeps for its backward pass.

    Args:
        model: Its own tensors are not counted: folds share them.
    """

    def __init__(self, model: nn.Module) -> None:
        self._seen: dict[int, int] = {}
        tensors = [*model.parameters(), *model.buffers()]
        self._shared = {one.untyped_storage().data_ptr() for one in tensors}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count inside a ``with`` block."""

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._shared:
                self._seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            yield

    @property
    def total(self) -> int:
        """Bytes, each storage once."""
        return sum(self._seen.values())
