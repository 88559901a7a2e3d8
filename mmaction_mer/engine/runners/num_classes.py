"""The number of classes of a model's head, which the annotation file determines."""

import copy
from collections.abc import Iterator, Sequence
from inspect import isclass
from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS
from mmengine.config import Config

from ...datasets.annotation import read_annotation
from ...datasets.mer_dataset import MERDataset
from ...utils.errors import ConfigError
from .fold_config import annotation_path


def set_num_classes(cfg: Config, classes: Sequence[str], path: Path) -> None:
    """Set ``model.cls_head.num_classes`` to the number of classes of an annotation.

    Args:
        cfg: The config, changed in place; one without a ``cls_head`` is left as it is.
        classes: Names of the classes.
        path: The annotation file, for the message.

    Raises:
        ConfigError: The config gives another number.
    """
    head = (cfg.get('model') or {}).get('cls_head') or {}
    if head.get('num_classes') is None:
        head['num_classes'] = len(classes)
    elif head['num_classes'] != len(classes):
        raise ConfigError(
            f'is {head["num_classes"]}, but {path} has {len(classes)} classes '
            f'({", ".join(classes)})',
            field='model.cls_head.num_classes',
            hint='leave num_classes out of the config, or give the annotation file '
            'that fits the model',
        )


def with_num_classes(cfg: Config) -> Config:
    """Return a config whose head has the number of classes of its annotation file.

    ``LOSORunner`` sets the number when it plans its folds. This function is for
    everything else that builds a model from a config: mmengine's own ``Runner`` and
    the tools.

    Args:
        cfg: The config; not changed.

    Returns:
        The config itself where there is nothing to set: the number is given, or the
        config has no ``cls_head`` or no :class:`MERDataset`. Otherwise a copy.

    Raises:
        ConfigError: The annotation file does not exist.
        MERDataError: The annotation file cannot be used.
    """
    head = (cfg.get('model') or {}).get('cls_head')
    dataset = next(_mer_datasets(cfg), None)
    if not head or head.get('num_classes') is not None or dataset is None:
        return cfg
    path = annotation_path(dataset)
    if not path.is_file():
        raise ConfigError(
            f'is not set, and the annotation file {path} does not exist',
            field='model.cls_head.num_classes',
            hint='prepare the data set (docs/datasets.md), or set the number, for '
            'example by --cfg-options model.cls_head.num_classes=3',
        )
    cfg = copy.deepcopy(cfg)
    set_num_classes(cfg, read_annotation(path)['metainfo']['classes'], path)
    return cfg


def _mer_datasets(cfg: Config) -> Iterator[dict[str, Any]]:
    """Find the configs of our data sets, those of training first."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if isinstance(loader, dict):
            yield from _inside(loader.get('dataset'))


def _inside(config: Any) -> Iterator[dict[str, Any]]:
    """Look into ``ConcatDataset``, ``RepeatDataset`` and the like, too."""
    if not isinstance(config, dict):
        return
    kind = config.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    if isclass(kind) and issubclass(kind, MERDataset):
        yield config
    for inner in (config.get('dataset'), *(config.get('datasets') or ())):
        yield from _inside(inner)
