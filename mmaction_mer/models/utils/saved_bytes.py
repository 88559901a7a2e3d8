"""Memory that the forward pass saves for the backward pass."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class SavedBytes:
    """Count the bytes that a forward pass saves for its backward pass.

    Args:
        model: The model, whose parameters and buffers are not counted.
    """

    def __init__(self, model: nn.Module) -> None:
        self._seen: dict[int, int] = {}
        tensors = [*model.parameters(), *model.buffers()]
        self._shared = {one.untyped_storage().data_ptr() for one in tensors}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count within a ``with`` block."""

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._shared:
                self._seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            yield

    @property
    def total(self) -> int:
        """Saved bytes, each storage once."""
        return sum(self._seen.values())
