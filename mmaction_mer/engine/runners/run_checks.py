"""Checks of data sets, model, and metric together, before a Runner starts.

The plan of a protocol checks these. mmengine's own Runner, as mmaction's ``train.py``
starts it, ignores subjects, and a label without a class would only fail within the
loss; it is checked here if it has a :class:`MERDataset`.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from ...datasets.mer_dataset import MERDataset
from ...evaluation.metrics import MERMetric
from ...evaluation.predictions import NAMES
from ...utils.errors import ConfigError
from ...utils.host.wrapping import wrap_method
from .fold_config import annotation_path
from .fold_runner import FoldRunner
from .num_classes import with_num_classes

Subject = tuple[str, str]


def check_run(runner: Runner) -> None:
    """Check the loops that a Runner has built, and the config of its test.

    Args:
        runner: A Runner whose loops are built.

    Raises:
        ConfigError: A label has no class in the model's head, subjects are both trained
            and evaluated on, or predictions could not be assigned to subjects.
    """
    loops = {
        'train_dataloader': runner._train_loop,
        'val_dataloader': runner._val_loop,
        'test_dataloader': runner._test_loop,
    }
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    heads = dict(head_classes(model))
    trained: dict[Subject, MERDataset] = {}
    for where, loop in loops.items():
        # A loop that is not started stays a config.
        if not isinstance(loop, BaseLoop):
            continue
        metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', [])
        scored = [one for one in metrics if isinstance(one, MERMetric)]
        for dataset in mer_datasets(loop.dataloader.dataset):
            rows = [dataset.get_data_info(place) for place in range(len(dataset))]
            subjects = {(row['dataset'], row['subject']) for row in rows}
            if not dataset.multi_class:
                most = max(row['label'] for row in rows)
                check_heads(heads, dataset, most, where)
            if scored:
                check_scored(heads, dataset, scored, where)
            if where == 'train_dataloader':
                trained.update(dict.fromkeys(subjects, dataset))
            elif shared := trained.keys() & subjects:
                names = sorted({subject for _, subject in shared})
                check_not_shared(names, trained[min(shared)], dataset, where)
    config = runner._test_dataloader
    if trained and not isinstance(config, DataLoader) and config is not None:
        check_planned_test(config, set(trained.values()))


def mer_datasets(dataset: Any) -> Iterator[MERDataset]:
    """Find the MERDatasets in a data set, inside wrappers like ``ConcatDataset``."""
    if isinstance(dataset, MERDataset):
        yield dataset
        return
    for inner in (*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)):
        if inner is not None:
            yield from mer_datasets(inner)


def head_classes(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of classes of each head of a model.

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
    """Check that each label has a class in each head.

    Raises:
        ConfigError: The highest label, ``most``, has none.
    """
    classes = list(dataset.metainfo['classes'])
    for name, count in heads.items():
        if most >= count:
            raise ConfigError(
                f'is {count}, but {where} reads {dataset.ann_file}, which has '
                f'{len(classes)} classes ({", ".join(classes)}) and a clip with label '
                f'{most}',
                field=f'model.{name}.num_classes',
                hint=f'set model.{name}.num_classes={len(classes)}',
            )


def check_scored(
    heads: dict[str, int], dataset: MERDataset, metrics: list[MERMetric], where: str
) -> None:
    """Check that a MERMetric can score a data set: its classes, and its names.

    Raises:
        ConfigError: It cannot.
    """
    classes = list(dataset.metainfo['classes'])
    for metric in metrics:
        wanted = metric.num_classes or len(classes)
        for name, count in heads.items():
            if name == 'cls_head' and count != wanted:
                raise ConfigError(
                    f'is {count}, but MERMetric scores {wanted} classes in {where} '
                    f'({dataset.ann_file}: {", ".join(classes)})',
                    field=f'model.{name}.num_classes',
                    hint=f'set model.{name}.num_classes={wanted}',
                )
    packer = (dataset.pipeline.transforms or [None])[-1]
    kept = getattr(packer, 'meta_keys', NAMES)
    if missing := [name for name in NAMES if name not in kept]:
        kind = type(packer).__name__
        raise ConfigError(
            f'{kind} at the end of its pipeline drops {", ".join(missing)}, so that '
            f'MERMetric could not assign predictions to subjects',
            field=where,
            hint=f"write dict(type='{kind}', meta_keys={NAMES})",
        )


def check_not_shared(
    subjects: list[str], trained: MERDataset, evaluated: MERDataset, where: str
) -> None:
    """Check whether subjects that are trained on are held out; else warn about them.

    Raises:
        ConfigError: The evaluated data set is of held-out subjects.
    """
    shown = ', '.join(subjects[:8]) + (', ...' if len(subjects) > 8 else '')
    if evaluated.side in ('val', 'test'):
        field = 'held_out' if evaluated.side == 'test' else 'inner'
        raise ConfigError(
            f'trains on {shown} (side={trained.side!r}), on which {where} evaluates '
            f'(side={evaluated.side!r})',
            field='train_dataloader',
            hint=f'give both data sets the same {field}=[...], and the training set '
            f"side='train'",
        )
    print_log(
        f'{where} (side={evaluated.side!r}) evaluates on {len(subjects)} subject(s) '
        f'that are trained on ({shown}): its scores are not those of unseen subjects; '
        f"for these give both data sets held_out=[...], with side='train' and "
        f"side='test'",
        'current',
        logging.WARNING,
    )


def check_planned_test(loader: dict[str, Any], trained: set[MERDataset]) -> None:
    """Check that a test that is not built yet holds out no subject of the training.

    Raises:
        ConfigError: It does.
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
                f'trains on {", ".join(sorted(shared))} (side={dataset.side!r}), which '
                f'test_dataloader holds out',
                field='train_dataloader',
                hint='give both data sets the same held_out, and the training set '
                "side='train'",
            )


def watch_runners() -> None:
    """Complete the model config of every mmengine Runner and check it before a run."""

    def checked(call_hook: Callable[..., None]) -> Callable[..., None]:
        def call(self: Runner, fn_name: str, **kwargs: Any) -> None:
            # Folds are checked by the plan of their protocol and SubjectGuardHook.
            if fn_name == 'before_run' and not isinstance(self, FoldRunner):
                check_run(self)
            call_hook(self, fn_name, **kwargs)

        return call

    def completed(build_model: Callable[..., Any]) -> Callable[..., Any]:
        def build(self: Runner, model: Any) -> Any:
            # Here rather than in from_cfg: a config may import this package while the
            # Runner is being built.
            if isinstance(model, dict) and model == self.cfg.get('model'):
                # Checkpoints hold the config of the runner.
                self.cfg = with_num_classes(self.cfg)
                model = self.cfg.model
            return build_model(self, model)

        return build

    wrap_method(Runner, 'call_hook', checked)
    wrap_method(Runner, 'build_model', completed)
