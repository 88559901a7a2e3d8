"""Checks that folds can be stacked: every case in which a stack would not be equal."""

from typing import Any

from mmaction.models import BaseHead, BaseRecognizer
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import _ParamScheduler
from mmengine.runner import IterBasedTrainLoop
from torch import nn, optim
from torch.nn.modules.batchnorm import _NormBase

from ...optimizers.bfloat16 import BFloat16OptimWrapper
from ...runners.fold_runner import FoldRunner

# Optimizers that update every element of a parameter independently.
ELEMENTWISE = (
    optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adadelta, optim.Adamax,
)  # fmt: skip
# Wrappers of data sets that select clips and change none.
WRAPPERS = ('RepeatDataset', 'ClassBalancedDataset')
# Hooks that only observe, or whose work the stacked trainer does itself.
KNOWN_HOOKS = {
    'RuntimeInfoHook', 'IterTimerHook', 'LoggerHook', 'ParamSchedulerHook',
    'SlimCheckpointHook', 'DistSamplerSeedHook', 'SyncBuffersHook',
    'VisualizationHook', 'MERVisualizationHook',
}  # fmt: skip


class StackingNotSupportedError(Exception):
    """Folds that must be trained one by one; the message is the reason."""


def check_config(cfg: Config) -> None:
    """Check that nothing in the config prevents stacking.

    Args:
        cfg: The config of a fold.

    Raises:
        StackingNotSupportedError: Something does.
    """
    if cfg.train_cfg.get('dynamic_intervals'):
        raise StackingNotSupportedError(
            'train_cfg.dynamic_intervals is not supported by a stack'
        )
    if cfg.get('custom_hooks'):
        names = ', '.join(str(hook.get('type')) for hook in cfg.custom_hooks)
        raise StackingNotSupportedError(
            f'custom_hooks ({names}) expect the model of a single fold'
        )
    for key in ('compile', 'activation_checkpointing', 'efficient_conv_bn_eval'):
        if cfg.get(key):
            raise StackingNotSupportedError(f'{key} changes the model')
    loop = cfg.get('test_cfg') or {}
    if loop.get('fp16') or loop.get('type', 'TestLoop') != 'TestLoop':
        raise StackingNotSupportedError('test_cfg is not a plain TestLoop')
    for key in ('train_dataloader', 'test_dataloader', 'val_dataloader'):
        _check_loader(cfg.get(key) or {}, key)
    for key, hook in (cfg.get('default_hooks') or {}).items():
        if hook is None:
            if key == 'param_scheduler':
                raise StackingNotSupportedError(
                    'default_hooks.param_scheduler is switched off'
                )
        elif str(hook.get('type')).rpartition('.')[2] not in KNOWN_HOOKS:
            raise StackingNotSupportedError(
                f'default_hooks.{key} is a {hook.get("type")}'
            )
        elif hook.get('enable'):
            raise StackingNotSupportedError(
                f'default_hooks.{key} draws the test samples of a fold'
            )


def _check_loader(loader: Config, key: str) -> None:
    """Check that a data loader does nothing that the clip table would leave out."""
    collate = (loader.get('collate_fn') or {}).get('type', 'pseudo_collate')
    if collate != 'pseudo_collate':
        raise StackingNotSupportedError(f'{key}.collate_fn is a {collate}')
    dataset = loader.get('dataset') or {}
    while 'dataset' in dataset:
        if dataset.get('type') not in WRAPPERS:
            raise StackingNotSupportedError(
                f'{key}.dataset is wrapped in a {dataset.get("type")}'
            )
        dataset = dataset['dataset']


def check_runner(runner: FoldRunner) -> None:
    """Check that loop, model, optimizer and schedule can be stacked.

    Args:
        runner: The runner of a fold, built and in training mode.

    Raises:
        StackingNotSupportedError: One of them cannot.
    """
    if type(runner.train_loop) is not IterBasedTrainLoop:
        raise StackingNotSupportedError(
            'training is counted in epochs, whose length differs from fold to fold: '
            'count it in iterations (train_cfg.type=IterBasedTrainLoop, max_iters)'
        )
    _check_model(runner.model)
    wrapper = runner.optim_wrapper
    if type(wrapper) not in (OptimWrapper, BFloat16OptimWrapper):
        raise StackingNotSupportedError(
            f'{type(wrapper).__name__} is not OptimWrapper or BFloat16OptimWrapper'
        )
    if type(wrapper.optimizer) not in ELEMENTWISE:
        names = ', '.join(kind.__name__ for kind in ELEMENTWISE)
        raise StackingNotSupportedError(
            f'{type(wrapper.optimizer).__name__} is not one of the optimizers that '
            f'update every element of a parameter independently ({names})'
        )
    configs = runner.cfg.get('param_scheduler') or []
    for config in configs if isinstance(configs, list) else [configs]:
        if config.get('convert_to_iter_based'):
            raise StackingNotSupportedError(
                'param_scheduler.convert_to_iter_based depends on the length of an '
                'epoch, which differs from fold to fold: write the schedule in '
                'iterations'
            )
    schedulers: Any = runner.param_schedulers or []
    for scheduler in schedulers:
        if not isinstance(scheduler, _ParamScheduler) or scheduler.by_epoch:
            raise StackingNotSupportedError(
                f'{type(scheduler).__name__} is counted in epochs: write the schedule '
                'in iterations (by_epoch=False)'
            )


def _check_model(model: nn.Module) -> None:
    name = type(model).__name__
    if not isinstance(model, BaseRecognizer) or model.with_neck:
        raise StackingNotSupportedError(
            f'{name} is not a recognizer of backbone and head'
        )
    methods = (type(model).train_step, type(model).loss)
    if methods != (BaseRecognizer.train_step, BaseRecognizer.loss):
        raise StackingNotSupportedError(f'{name} overrides train_step or loss')
    if not hasattr(model.data_preprocessor, 'streams'):
        raise StackingNotSupportedError(
            f'{type(model.data_preprocessor).__name__} is not MERDataPreprocessor'
        )
    head = model.cls_head
    losses = (type(head).loss, type(head).loss_by_feat)
    if losses != (BaseHead.loss, BaseHead.loss_by_feat) or head.label_smooth_eps:
        raise StackingNotSupportedError(
            f'{type(head).__name__} overrides its loss or smooths labels'
        )
    if any(one.requires_grad for one in head.loss_cls.parameters()):
        raise StackingNotSupportedError(
            f'{type(head.loss_cls).__name__} has trainable parameters'
        )
    for name, module in model.named_modules():
        if isinstance(module, _NormBase) and module.training:
            raise StackingNotSupportedError(
                f'{name} is a {type(module).__name__} in training mode, whose '
                'statistics belong to one fold'
            )
