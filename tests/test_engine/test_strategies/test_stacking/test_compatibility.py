"""Every case in which a stack would not be equal is found, with its reason."""

import pytest
import torch
from mmaction.registry import RUNNERS

from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.strategies.stacking import (
    FoldStack,
    StackedTrainer,
    StackingNotSupportedError,
)
from mmaction_mer.engine.strategies.stacking.clip_table import Tables
from mmaction_mer.models import GroupAdapter, MPTViT


@pytest.fixture
def reason(stack_config):
    """Return why one fold of a config cannot be trained in a stack."""

    def find(**changes):
        runner = RUNNERS.build(stack_config(loso__folds=['s1'], **changes))
        tasks = [FoldTask(runner.runs[0], fold) for fold in runner.plan.wanted]
        with pytest.raises(StackingNotSupportedError) as error:
            with StackedTrainer(tasks, Tables(), {}) as trainer:
                trainer.folds_that_fit()
                trainer.try_step()
        return str(error.value)

    return find


EPOCHS = dict(
    train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
    train_cfg=dict(by_epoch=True, max_epochs=2, _delete_=True),
    param_scheduler=None,
)
CASES = {
    'dynamic_intervals is not': dict(train_cfg__dynamic_intervals=[(1, 2)]),
    'counted in epochs, whose': EPOCHS,
    'batches differ in size': dict(
        train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
    ),
    'ConstantLR is counted in epochs': dict(
        param_scheduler=[dict(type='ConstantLR', by_epoch=True)]
    ),
    'custom_hooks (EmptyCacheHook)': dict(custom_hooks=[dict(type='EmptyCacheHook')]),
    'Flip in the pipeline may draw': dict(
        train_dataloader__dataset__pipeline=[
            dict(type='LoadMERFrames', max_frames=4),
            dict(type='StandardizeLength', length=4),
            dict(type='Resize', scale=(36, 36), keep_ratio=False),
            dict(type='Flip'),
            dict(type='PackMERInputs'),
        ]
    ),
    'Rprop is not one of': dict(
        optim_wrapper__optimizer=dict(type='Rprop', lr=0.01, _delete_=True)
    ),
    'Adagrad is not one of': dict(
        optim_wrapper__optimizer=dict(type='Adagrad', lr=0.01, _delete_=True)
    ),
    'convert_to_iter_based depends on': dict(
        param_scheduler=[
            dict(type='CosineAnnealingLR', T_max=3, convert_to_iter_based=True)
        ]
    ),
    'collate_fn is a default_collate': dict(
        train_dataloader__collate_fn=dict(type='default_collate')
    ),
    'test_cfg is not a plain': dict(test_cfg__fp16=True),
    'overrides its loss or smooths': dict(model__cls_head__label_smooth_eps=0.1),
    'compile changes the model': dict(compile=dict(disable=True)),
}


@pytest.mark.parametrize('expected', CASES)
def test_configs_that_cannot_be_stacked(expected, reason):
    assert expected in reason(**CASES[expected])


def test_batch_norm_in_training_mode(reason, monkeypatch):
    normal = GroupAdapter.__init__

    def with_norm(self, *args, **kwargs):
        normal(self, *args, **kwargs)
        self.norm = torch.nn.BatchNorm1d(3)

    monkeypatch.setattr(GroupAdapter, '__init__', with_norm)
    assert 'BatchNorm1d in training mode' in reason()


def test_a_random_operation_that_is_not_dropout(reason, monkeypatch):
    normal = MPTViT.forward

    def noisy(self, *args):
        tokens = normal(self, *args)
        return tokens + torch.randn_like(tokens)

    monkeypatch.setattr(MPTViT, 'forward', noisy)
    assert 'does not support vmap' in reason()


def test_a_loss_that_differs_from_that_of_the_fold_alone(reason, monkeypatch):
    normal = FoldStack.losses
    monkeypatch.setattr(
        FoldStack, 'losses', lambda self, *args: normal(self, *args) * 1.01
    )
    assert 'in a stack, but' in reason()


def test_a_gradient_that_differs(reason, monkeypatch):
    """Layers that are initialized with zeros do not show in the first loss."""
    normal = FoldStack.losses

    def other_gradient(self, *args):
        losses = normal(self, *args)
        for one in self.parameters.values():
            one.register_hook(lambda gradient: gradient * 1.1)
        return losses

    monkeypatch.setattr(FoldStack, 'losses', other_gradient)
    assert 'differs between a stack and a fold alone' in reason()
