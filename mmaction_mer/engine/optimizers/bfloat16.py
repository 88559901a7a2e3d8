"""Mixed precision in bfloat16, on a GPU or a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Run the forward pass under bfloat16 autocast.

    bfloat16 has the range of float32, so that no loss is scaled and no step is skipped,
    unlike with mmengine's ``AmpOptimWrapper``, which needs a GPU. Parameters,
    gradients and optimizer stay in float32, and so does the motion front end.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter mmengine's context, and autocast."""
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            torch.autocast(device, torch.bfloat16, cache_enabled=False),
        ):
            yield
