"""Optimizer states of a stack are split into those of its folds, and stacked again."""

import copy

import pytest
import torch
from torch import optim

from mmaction_mer.engine.strategies.stacking.compatibility import ELEMENTWISE
from mmaction_mer.engine.strategies.stacking.optimizer_state import (
    stack_states,
    unstack_state,
)

SETTINGS = {
    optim.SGD: dict(lr=0.1, momentum=0.9),
    optim.RMSprop: dict(lr=0.1, momentum=0.5, centered=True),
    optim.Adam: dict(lr=0.1, amsgrad=True),
}


def steps(optimizer, parameters, seed, count):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        for one in parameters:
            one.grad = torch.randn(one.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize('kind', ELEMENTWISE)
def test_stacked_steps_are_each_folds_own_after_a_resume(kind):
    settings = SETTINGS.get(kind, dict(lr=0.1))
    # A scalar, a vector, and a matrix; the leading axis is that of the folds.
    shapes = [(2,), (2, 3), (2, 3, 4)]
    start = [torch.randn(shape) for shape in shapes]
    stacked = [one.clone().requires_grad_() for one in start]
    optimizer = kind(stacked, **settings)
    steps(optimizer, stacked, 1, 3)
    state = optimizer.state_dict()
    parts = [unstack_state(state, fold) for fold in range(2)]
    for values in parts[0]['state'].values():
        for one in values.values():
            if isinstance(one, torch.Tensor):  # the stack is not saved with it
                assert one.untyped_storage().nbytes() == one.nbytes
    parts = copy.deepcopy(parts)
    # Each fold continues alone with its part, the stack with the stacked parts.
    again = [one.detach().clone().requires_grad_() for one in stacked]
    resumed = kind(again, **settings)
    resumed.load_state_dict(stack_states(parts))
    for fold in range(2):
        alone = [one.detach()[fold].clone().requires_grad_() for one in stacked]
        lone = kind(alone, **settings)
        lone.load_state_dict(parts[fold])
        gradients = torch.Generator().manual_seed(2)
        for one in alone:
            whole = torch.randn((2, *one.shape), generator=gradients)
            one.grad = whole[fold]
        lone.step()
        if fold == 0:
            steps(resumed, again, 2, 1)
        for one, together in zip(alone, again, strict=True):
            torch.testing.assert_close(one, together[fold])
