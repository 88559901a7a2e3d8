"""From the config of a protocol to the config of one of its folds."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from ...datasets.protocols import Fold, inner_split
from ...utils.errors import MERRunError
from ..work_dir.fold_folder import LAST, FoldFolder

#: Settings of a data set that make it load the clips of all subjects.
ALL_SUBJECTS = dict(side='all', held_out=None, inner=())
# mmengine's vis backend that writes to the work directory.
LOCAL = 'LocalVisBackend'


def mer_dataset(loader: dict[str, Any], field: str) -> dict[str, Any]:
    """Find the data set with the annotation file, inside wrappers like RepeatDataset.

    Args:
        loader: Config of a data loader.
        field: Its name in the config, for the message.

    Returns:
        The part of ``loader`` itself, not a copy.

    Raises:
        MERRunError: There is none.
    """
    dataset = loader.get('dataset')
    while isinstance(dataset, dict) and 'ann_file' not in dataset:
        dataset = dataset.get('dataset')
    if not isinstance(dataset, dict):
        raise MERRunError(
            'has no ann_file: LOSORunner needs a MERDataset', field=f'{field}.dataset'
        )
    return dataset


def annotation_path(dataset: dict[str, Any]) -> Path:
    """Join the annotation file of a data set with its root, as mmengine does.

    >>> str(annotation_path(dict(ann_file='a.json', data_root='data')))
    'data/a.json'
    """
    return Path(dataset.get('data_root') or '', dataset['ann_file'])


def plan_seed(cfg: dict[str, Any]) -> int:
    """Return the seed of a config; 0 if it has none.

    >>> plan_seed(dict(randomness=dict(seed=None)))
    0
    """
    return (cfg.get('randomness') or {}).get('seed') or 0


def fold_config(
    cfg: Config, fold: Fold, folder: FoldFolder, select: str, seed: int
) -> Config:
    """Build the config that trains and tests one fold, an ordinary one of mmengine.

    Args:
        cfg: The config of the protocol; it is not changed.
        fold: The fold.
        folder: The folder that the fold works in.
        select: ``'last'``, ``'inner'``, or ``'test'``.
        seed: Seed of the run.

    Returns:
        A config for :class:`FoldRunner`.
    """
    part = ConfigDict(copy.deepcopy(cfg._cfg_dict))
    for key in ('runner_type', 'loso', 'val_dataloader', 'val_cfg', 'val_evaluator'):
        part.pop(key, None)
    inner = inner_split(fold.train, seed=seed) if select == 'inner' else ()
    split = dict(held_out=list(fold.held_out), inner=list(inner))
    train = mer_dataset(part.train_dataloader, 'train_dataloader')
    test = mer_dataset(part.test_dataloader, 'test_dataloader')
    train.update(split, side='train')
    test.update(split, side='test', test_mode=True)
    for dataset in (train, test):
        # Serialization pays off for millions of clips, and costs half a second.
        dataset.setdefault('serialize_data', False)
    if select != 'last':
        part.val_dataloader = copy.deepcopy(part.test_dataloader)
        side = 'val' if select == 'inner' else 'test'
        mer_dataset(part.val_dataloader, 'val_dataloader').update(side=side)
        part.val_cfg = dict()
        part.val_evaluator = dict(type='MERMetric', **metric_prefix(select))
        if 'max_iters' in part.train_cfg:
            # mmengine's default, 1000, would leave nothing to choose from.
            every = max(1, part.train_cfg.max_iters // 10)
            part.train_cfg.setdefault('val_interval', every)
    part.test_evaluator = evaluators(part.get('test_evaluator'), folder, select)
    part.setdefault('test_cfg', dict())
    part.default_hooks = fold_hooks(part.get('default_hooks') or {})
    part.visualizer = local_visualizer(part.get('visualizer'))
    randomness = part.get('randomness') or {}
    part.randomness = dict(
        seed=seed, deterministic=bool(randomness.get('deterministic'))
    )
    # A fold is trained by one process, whatever launched it.
    part.update(launcher='none', resume=False, load_from=cfg.get('load_from'))
    part.update(work_dir=str(folder.path), experiment_name=fold.name)
    # mmengine takes half a second and more to format the text, every time it is
    # accessed; and the file does not exist yet.
    return Config(
        part,
        cfg_text=' ',
        filename=str(folder.path / 'config.py'),
        format_python_code=False,
    )


def evaluators(
    given: dict[str, Any] | Sequence[dict[str, Any]] | None,
    folder: FoldFolder,
    select: str,
) -> list[dict[str, Any]]:
    """Return the evaluators of a fold, with a MERMetric that writes its predictions."""
    listed = (
        list(given) if isinstance(given, list | tuple) else [given] if given else []
    )
    metrics = [metric for metric in listed if metric.get('type') == 'MERMetric']
    if not metrics:
        metrics = [ConfigDict(type='MERMetric')]
        listed += metrics
    metrics[0].update(predictions_file=str(folder.predictions), **metric_prefix(select))
    for metric in listed:
        if metric.get('type') == 'DumpResults':
            metric['out_file_path'] = str(folder.path / 'dump.pkl')
    return listed


def metric_prefix(select: str) -> dict[str, str]:
    """Return the label of scores in a fold's log if selected on the test subject."""
    return {'prefix': 'selected_on_the_test_subject'} if select == 'test' else {}


def fold_hooks(hooks: dict[str, Any]) -> dict[str, Any]:
    """Return the default hooks of a config, with a slim checkpoint hook."""
    hooks = dict(hooks)
    own = hooks.get('checkpoint')
    if not own or own.get('type') != 'SlimCheckpointHook':
        hooks['checkpoint'] = dict(type='SlimCheckpointHook')
    hooks['checkpoint'] = {**hooks['checkpoint'], 'filename': LAST}
    return hooks


def local_visualizer(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return a visualizer that writes losses to the fold's folder only.

    Other backends receive them from ``tracking.py`` when the fold is done.
    """
    own = dict(vis_backends=[dict(type=LOCAL)])
    return {'type': 'Visualizer', **(given or {}), **own}


def testing_config(cfg: Config) -> Config:
    """Remove everything from a fold's config that only training uses."""
    for key in (
        'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
        'val_dataloader', 'val_cfg', 'val_evaluator', 'auto_scale_lr', 'load_from',
    ):  # fmt: skip
        cfg.pop(key, None)
    return cfg
