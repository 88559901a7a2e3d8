"""What only shows where data sets, model and metric meet: before a Runner starts.

A protocol is checked by its plan. mmengine's own Runner, as mmaction's ``train.py``
starts it, knows nothing of subjects and finds a label without a class within the loss;
it is looked at here, wherever it holds a :class:`MERDataset`.
"""

import functools
import logging
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from ..datasets.mer_dataset import MERDataset
from ..evaluation.mer_metric import MERMetric
from ..evaluation.predictions import NAMES
from .errors import ConfigError
from .fold_config import annotation_path
from .fold_runner import FoldRunner
from .num_classes import with_num_classes

Person = tuple[str, str]


def check_run(runner: Runner) -> None:
    """Check what a Runner has built, and the config of its test.

    Args:
        runner: One whose loops for what it starts are built.

    Raises:
        ConfigError: A label has no class in the model's head, subjects are trained and
            evaluated on, or predictions could not be told apart by subject.
    """
    loops = {
        'train_dataloader': runner._train_loop,
        'val_dataloader': runner._val_loop,
        'test_dataloader': runner._test_loop,
    }
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    heads = dict(head_classes(model))
    trained: dict[Person, MERDataset] = {}
    for where, loop in loops.items():
        # A loop that is not part of what is started stays a config.
        if not isinstance(loop, BaseLoop):
            continue
        metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', [])
        scored = [one for one in metrics if isinstance(one, MERMetric)]
        for dataset in mer_datasets(loop.dataloader.dataset):
            rows = [dataset.get_data_info(place) for place in range(len(dataset))]
            people = {(row['dataset'], row['subject']) for row in rows}
            if not dataset.multi_class:
                most = max(row['label'] for row in rows)
                check_heads(heads, dataset, most, where)
            if scored:
                check_scored(heads, dataset, scored, where)
            if where == 'train_dataloader':
                trained.update(dict.fromkeys(people, dataset))
            elif shared := trained.keys() & people:
                names = sorted({subject for _, subject in shared})
                refuse_shared(names, trained[min(shared)], dataset, where)
    config = runner._test_dataloader
    if trained and not isinstance(config, DataLoader) and config is not None:
        check_planned_test(config, set(trained.values()))


def mer_datasets(dataset: Any) -> Iterator[MERDataset]:
    """Find our data sets in one, inside ``ConcatDataset``, ``RepeatDataset``..."""
    if isinstance(dataset, MERDataset):
        yield dataset
        return
    for inner in (*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)):
        if inner is not None:
            yield from mer_datasets(inner)


def head_classes(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Name and number of classes of each head of a model.

    >>> head = nn.Linear(2, 3)
    >>> head.num_classes = 3
    >>> dict(head_classes(nn.ModuleDict(dict(cls_head=head))))
    {'cls_head': 3}
    """
    for name, module in model.named_modules():
        count = getattr(module, 'num_classes', None)
        if type(count) is int and 'head' in name.rpartition('.')[2]:
            yield name, count


def check_heads(
    heads: dict[str, int], dataset: MERDataset, most: int, where: str
) -> None:
    """See that each label has a class in each head.

    Raises:
        ConfigError: The highest label, ``most``, has none.
    """
    classes = list(dataset.metainfo['classes'])
    for name, count in heads.items():
        if most >= count:
            raise ConfigError(
                f'model.{name}.num_classes is {count}, but {where} reads '
                f'{dataset.ann_file}, which has {len(classes)} classes '
                f'({", ".join(classes)}) and a clip of label {most}: set '
                f'model.{name}.num_classes={len(classes)}'
            )


def check_scored(
    heads: dict[str, int], dataset: MERDataset, metrics: list[MERMetric], where: str
) -> None:
    """See that a MERMetric can score a data set: its classes, and who is who.

    Raises:
        ConfigError: It cannot.
    """
    classes = list(dataset.metainfo['classes'])
    for metric in metrics:
        wanted = metric.num_classes or len(classes)
        for name, count in heads.items():
            if name == 'cls_head' and count != wanted:
                raise ConfigError(
                    f'model.{name}.num_classes is {count}, but MERMetric scores '
                    f'{wanted} classes in {where} ({dataset.ann_file}: '
                    f'{", ".join(classes)}): set model.{name}.num_classes={wanted}'
                )
    packer = (dataset.pipeline.transforms or [None])[-1]
    kept = getattr(packer, 'meta_keys', NAMES)
    if missing := [name for name in NAMES if name not in kept]:
        kind = type(packer).__name__
        raise ConfigError(
            f'{where}: {kind} at the end of its pipeline drops {", ".join(missing)}, '
            f'so that MERMetric could not tell whose clip was predicted: write '
            f"dict(type='{kind}', meta_keys={NAMES})"
        )


def refuse_shared(
    subjects: list[str], trained: MERDataset, evaluated: MERDataset, where: str
) -> None:
    """Refuse subjects held out in evaluation that are trained on; else warn of them.

    Raises:
        ConfigError: The side that is evaluated is of subjects held out.
    """
    shown = ', '.join(subjects[:8]) + (', ...' if len(subjects) > 8 else '')
    if evaluated.side in ('val', 'test'):
        field = 'held_out' if evaluated.side == 'test' else 'inner'
        raise ConfigError(
            f'train_dataloader (side={trained.side!r}) trains on {shown}, on whom '
            f'{where} (side={evaluated.side!r}) evaluates: give both data sets the '
            f"same {field}=[...] and write side='train' in train_dataloader.dataset"
        )
    print_log(
        f'{where} (side={evaluated.side!r}) evaluates on {len(subjects)} subject(s) '
        f'that are trained on ({shown}): its scores are not those of new faces; for '
        f"these give both data sets held_out=[...], with side='train' and side='test'",
        'current',
        logging.WARNING,
    )


def check_planned_test(loader: dict[str, Any], trained: set[MERDataset]) -> None:
    """See that a test to come, which is a config still, is not of subjects trained on.

    Raises:
        ConfigError: It is.
    """
    config = loader.get('dataset')
    while isinstance(config, dict) and 'ann_file' not in config:
        config = config.get('dataset')
    if not isinstance(config, dict) or config.get('side') != 'test':
        return
    held_out = config.get('held_out') or ()
    held_out = {held_out} if isinstance(held_out, str) else set(held_out)
    path = str(annotation_path(config))
    for dataset in trained:
        shared = held_out & set(dataset.subjects)
        if shared and dataset.ann_file == path:
            raise ConfigError(
                f'train_dataloader (side={dataset.side!r}) trains on '
                f'{", ".join(sorted(shared))}, whom test_dataloader holds out: give '
                f"both data sets the same held_out and write side='train' in "
                f'train_dataloader.dataset'
            )


def watch_runners() -> None:
    """Complete the config of every mmengine Runner, and check it before it runs."""
    call_hook, from_cfg = Runner.call_hook, Runner.from_cfg.__func__
    if hasattr(call_hook, '__wrapped__'):
        return

    @functools.wraps(call_hook)
    def checked(self: Runner, fn_name: str, **kwargs: Any) -> None:
        # The plan of a protocol and the guard of its folds have looked already.
        if fn_name == 'before_run' and not isinstance(self, FoldRunner):
            check_run(self)
        call_hook(self, fn_name, **kwargs)

    @functools.wraps(from_cfg)
    def completed(cls: type[Runner], cfg: Config) -> Runner:
        return from_cfg(cls, with_num_classes(cfg))

    Runner.call_hook, Runner.from_cfg = checked, classmethod(completed)
