"""Mixed precision without a GPU and without a scaled loss."""

import pytest
import torch
from mmaction.registry import OPTIM_WRAPPERS
from torch import nn

from mmaction_mer.engine.optimizers.bfloat16 import BFloat16OptimWrapper


@pytest.fixture
def wrapper():
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return OPTIM_WRAPPERS.build(dict(type='BFloat16OptimWrapper', optimizer=optimizer))


def test_the_forward_pass_is_mixed_and_the_parameters_are_not(wrapper):
    assert isinstance(wrapper, BFloat16OptimWrapper)
    model = nn.Linear(4, 2)
    with wrapper.optim_context(model):
        out = model(torch.randn(3, 4))
    assert out.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled('cpu')
    out.float().sum().backward()
    assert model.weight.grad.dtype == torch.float32
