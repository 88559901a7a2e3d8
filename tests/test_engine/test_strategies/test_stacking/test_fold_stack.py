"""Stacked parameters are trained as those of each fold alone."""

import pytest
import torch
from torch import nn

from mmaction_mer.engine.strategies.stacking.fold_stack import (
    FoldStack,
    clip_each_fold,
    copy_trainable,
    total_loss,
)


class Head(nn.Module):
    def loss_cls(self, scores, targets):
        return nn.functional.cross_entropy(scores, targets)


class Model(nn.Module):
    """A frozen layer between two trainable ones."""

    def __init__(self):
        super().__init__()
        self.first, self.frozen = nn.Linear(4, 8), nn.Linear(8, 8)
        self.last, self.cls_head = nn.Linear(8, 3), Head()
        self.frozen.requires_grad_(False)

    def forward(self, inputs, mode, stage):
        return self.last(torch.tanh(self.frozen(torch.tanh(self.first(inputs['x'])))))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model()


def folds_of(model, count):
    return [
        {name: one + 0.1 * number for name, one in copy_trainable(model).items()}
        for number in range(count)
    ]


def batch(count):
    return dict(x=torch.randn(count, 5, 4)), torch.randint(3, (count, 5))


def test_losses_and_gradients_are_each_folds_own(model):
    folds = folds_of(model, 3)
    inputs, targets = batch(3)
    stack = FoldStack(model, folds)
    losses = stack.losses(inputs, targets)
    losses.sum().backward()
    assert not any('frozen' in name for name in stack.parameters)
    for number in range(3):
        stack.load_fold(number)
        model.zero_grad()
        logits = model(dict(x=inputs['x'][number]), 'tensor', 'head')
        loss = model.cls_head.loss_cls(logits, targets[number])
        loss.backward()
        assert losses[number].item() == pytest.approx(loss.item(), abs=1e-6)
        for name, one in model.named_parameters():
            if one.requires_grad:
                torch.testing.assert_close(
                    stack.parameters[name].grad[number], one.grad
                )
            else:
                assert one.grad is None


def test_no_gradient_crosses_folds(model):
    stack = FoldStack(model, folds_of(model, 3))
    inputs, targets = batch(3)
    stack.losses(inputs, targets)[1].backward()
    for one in stack.parameters.values():
        assert one.grad[1].abs().sum() > 0
        assert one.grad[[0, 2]].abs().sum() == 0


def test_an_optimizer_keeps_its_groups(model):
    optimizer = torch.optim.Adam([
        dict(params=list(model.first.parameters()), lr=0.1),
        dict(params=[*model.frozen.parameters(), *model.last.parameters()], lr=0.2),
    ])  # fmt: skip
    stack = FoldStack(model, folds_of(model, 2))
    stack.rebind_optimizer(optimizer)
    names = ('first.weight', 'first.bias')
    first, second = (group['params'] for group in optimizer.param_groups)
    assert all(a is stack.parameters[b] for a, b in zip(first, names, strict=True))
    assert second[0] is model.frozen.weight and second[2].shape == (2, 3, 8)
    before = stack.parameters['last.bias'].clone()
    stack.losses(*batch(2)).sum().backward()
    optimizer.step()
    assert not torch.equal(before, stack.parameters['last.bias'])


@pytest.mark.parametrize('order', [1.0, 2.0, float('inf')])
def test_gradients_are_clipped_by_each_folds_own_norm(order):
    torch.manual_seed(0)
    stacked = [torch.zeros(3, 4, 2, requires_grad=True), torch.zeros(3, 5)]
    stacked.append(torch.zeros(3, 7, requires_grad=True))
    scale = torch.tensor([0.01, 1.0, 100.0])
    for one in (stacked[0], stacked[2]):
        shape = (-1, *[1] * (one.ndim - 1))
        one.grad = torch.randn_like(one) * scale.view(shape)
    alone = [
        [one.grad[fold].clone() for one in (stacked[0], stacked[2])]
        for fold in range(3)
    ]
    clip_each_fold(stacked, max_norm=1.0, norm_type=order)
    for fold, gradients in enumerate(alone):
        parameters = [torch.zeros_like(one, requires_grad=True) for one in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(parameters, 1.0, order)
        for one, parameter in zip((stacked[0], stacked[2]), parameters, strict=True):
            torch.testing.assert_close(one.grad[fold], parameter.grad)


def test_a_norm_that_is_not_finite():
    one = torch.zeros(2, 3, requires_grad=True)
    one.grad = torch.tensor([[1.0, 2, 3], [1, float('nan'), 3]])
    with pytest.raises(RuntimeError, match='a fold is not finite'):
        clip_each_fold([one], 1.0, error_if_nonfinite=True)
    found = []
    clip_each_fold([one], 1.0, error_if_nonfinite=True, report_finite=found.append)
    assert found[0].tolist() == [True, False]
    assert one.grad[0].isfinite().all()  # not affected by the other fold


def test_losses_are_summed_as_mmengine_does():
    parts = dict(loss_a=torch.tensor([1.0, 3.0]), top1_acc=torch.tensor(9.0))
    parts['aux_loss'] = torch.tensor(0.5)
    assert total_loss(parts) == 2.5
    assert total_loss(torch.tensor(4.0)) == 4.0
