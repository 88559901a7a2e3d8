"""What cannot be stacked, and why: every case in which a stack would not be equal."""

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

# They move every number of a parameter by itself.
ELEMENTWISE = (
    optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adadelta, optim.Adamax,
)  # fmt: skip
# They choose among clips and change none.
WRAPPERS = ('RepeatDataset', 'ClassBalancedDataset')
# They only look, or do what a stack does itself.
KNOWN_HOOKS = {
    'RuntimeInfoHook', 'IterTimerHook', 'LoggerHook', 'ParamSchedulerHook',
    'SlimCheckpointHook', 'DistSamplerSeedHook', 'SyncBuffersHook',
    'VisualizationHook', 'MERVisualizationHook',
}  # fmt: skip


class StackingNotSupported(Exception):
    """Folds that have to be trained one by one; the message says why."""


def check_config(cfg: Config) -> None:
    """Refuse what the config alone shows.

    Args:
        cfg: The config of a fold.

    Raises:
        StackingNotSupported: Folds of this config are not trained in one pass.
    """
    if cfg.train_cfg.get('dynamic_intervals'):
        raise StackingNotSupported(
            'train_cfg.dynamic_intervals is not followed by a stack'
        )
    if cfg.get('custom_hooks'):
        names = ', '.join(str(hook.get('type')) for hook in cfg.custom_hooks)
        raise StackingNotSupported(f'custom_hooks ({names}) expect a model of one fold')
    for key in ('compile', 'activation_checkpointing', 'efficient_conv_bn_eval'):
        if cfg.get(key):
            raise StackingNotSupported(f'{key} changes the model')
    loop = cfg.get('test_cfg') or {}
    if loop.get('fp16') or loop.get('type', 'TestLoop') != 'TestLoop':
        raise StackingNotSupported(
            'test_cfg asks for another loop than the plain TestLoop'
        )
    for key in ('train_dataloader', 'test_dataloader', 'val_dataloader'):
        _check_loader(cfg.get(key) or {}, key)
    hooks = cfg.get('default_hooks') or {}
    for key, hook in hooks.items():
        if hook is None:
            if key == 'param_scheduler':
                raise StackingNotSupported(
                    'default_hooks.param_scheduler is switched off'
                )
        elif str(hook.get('type')).rpartition('.')[2] not in KNOWN_HOOKS:
            raise StackingNotSupported(f'default_hooks.{key} is a {hook.get("type")}')
        elif hook.get('enable'):
            raise StackingNotSupported(
                f'default_hooks.{key} draws what a fold tests on'
            )


def _check_loader(loader: Config, key: str) -> None:
    """Refuse what a table of clips would leave out without a word."""
    collate = loader.get('collate_fn') or dict(type='pseudo_collate')
    if collate.get('type') != 'pseudo_collate':
        raise StackingNotSupported(f'{key}.collate_fn is a {collate.get("type")}')
    dataset = loader.get('dataset') or {}
    while 'dataset' in dataset:
        if dataset.get('type') not in WRAPPERS:
            raise StackingNotSupported(
                f'{key}.dataset is wrapped in a {dataset.get("type")}'
            )
        dataset = dataset['dataset']


def check_runner(runner: FoldRunner) -> None:
    """Refuse what shows once loop, model, optimizer and schedule are built.

    Args:
        runner: The runner of a fold, built and in training mode.

    Raises:
        StackingNotSupported: Folds of this runner are not trained in one pass.
    """
    if type(runner.train_loop) is not IterBasedTrainLoop:
        raise StackingNotSupported(
            'training is counted in epochs, which differ in length from fold to fold: '
            'count it in iterations (train_cfg.type=IterBasedTrainLoop, max_iters)'
        )
    _check_model(runner.model)
    wrapper = runner.optim_wrapper
    if type(wrapper) not in (OptimWrapper, BFloat16OptimWrapper):
        raise StackingNotSupported(
            f'{type(wrapper).__name__} is not OptimWrapper or BFloat16OptimWrapper'
        )
    if type(wrapper.optimizer) not in ELEMENTWISE:
        names = ', '.join(kind.__name__ for kind in ELEMENTWISE)
        raise StackingNotSupported(
            f'{type(wrapper.optimizer).__name__} may mix the numbers of a parameter; '
            f'known not to are {names}'
        )
    given = runner.cfg.get('param_scheduler') or []
    for one in given if isinstance(given, list) else [given]:
        if one.get('convert_to_iter_based'):
            raise StackingNotSupported(
                'param_scheduler.convert_to_iter_based counts in epochs, which differ '
                'in length from fold to fold: write the schedule in iterations'
            )
    schedulers: Any = runner.param_schedulers or []
    for one in schedulers:
        if not isinstance(one, _ParamScheduler) or one.by_epoch:
            raise StackingNotSupported(
                f'{type(one).__name__} is counted in epochs: write the schedule in '
                'iterations (by_epoch=False)'
            )


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, BaseRecognizer) or model.with_neck:
        raise StackingNotSupported(
            f'{type(model).__name__} is no recognizer of head and tail'
        )
    kinds = (type(model).train_step, type(model).loss)
    if kinds != (BaseRecognizer.train_step, BaseRecognizer.loss):
        raise StackingNotSupported(
            f'{type(model).__name__} has a training step of its own'
        )
    if not hasattr(model.data_preprocessor, 'streams'):
        raise StackingNotSupported(
            f'{type(model.data_preprocessor).__name__} is not MERDataPreprocessor'
        )
    head = model.cls_head
    plain = (type(head).loss, type(head).loss_by_feat)
    if plain != (BaseHead.loss, BaseHead.loss_by_feat) or head.label_smooth_eps:
        raise StackingNotSupported(f'{type(head).__name__} has a loss of its own')
    if any(one.requires_grad for one in head.loss_cls.parameters()):
        raise StackingNotSupported(f'{type(head.loss_cls).__name__} learns')
    for name, module in model.named_modules():
        if isinstance(module, _NormBase) and module.training:
            raise StackingNotSupported(
                f'{name} is a {type(module).__name__} in training mode, whose '
                'statistics belong to one fold'
            )
