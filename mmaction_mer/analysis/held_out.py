"""Iteration over the clips of a run, each with the model that holds it out."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import nn
from tqdm import tqdm

from ..engine.runners.fold_config import mer_dataset
from ..engine.runners.num_classes import with_num_classes
from ..engine.work_dir.fold_check import read_model
from ..engine.work_dir.fold_folder import FoldFolder
from ..models.utils.slim_checkpoint import load_slim
from ..utils.errors import ConfigError, MERRunError


@dataclass(frozen=True)
class HeldOutClip:
    """A clip of a held-out subject.

    Attributes:
        row: Row of the dataset.
        batch: Collated batch of this clip.
    """

    row: dict[str, Any]
    batch: dict[str, Any]


def clips_config(cfg: Config) -> dict[str, Any]:
    """Return the config of the test dataset of a run, without caching.

    Raises:
        ConfigError: The config has no ``test_dataloader``.
    """
    loader = cfg.get('test_dataloader')
    if not loader:
        raise ConfigError('is missing', path=cfg.filename, field='test_dataloader')
    data = copy.deepcopy(mer_dataset(loader, 'test_dataloader'))
    data.update(test_mode=True, cache=False, serialize_data=False)
    return data


def build_model(cfg: Config, device: str = 'cpu') -> nn.Module:
    """Build the model of a run in evaluation mode, to load weights of folds into."""
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    return MODELS.build(with_num_classes(cfg).model).eval().to(device)


def held_out_clips(
    model: nn.Module, data: Mapping[str, Any], run: str | Path
) -> Iterator[HeldOutClip]:
    """Iterate over the clips of a run, with the weights of their folds in the model.

    Args:
        model: Model of the run; it has the weights of the clip's fold when a clip is
            yielded.
        data: Config of the dataset, see :func:`clips_config`.
        run: Work directory of one seed.

    Yields:
        Every clip of every finished fold, with folds in the order of their names.

    Raises:
        MERRunError: No fold is finished, or a checkpoint does not match the model.
    """
    folds = [FoldFolder(path) for path in sorted(Path(run).glob('folds/*'))]
    folds = [fold for fold in folds if fold.done()]
    if not folds:
        raise MERRunError(
            'has no finished fold',
            path=run,
            hint='train it, or pass the folder of one seed',
        )
    for fold in tqdm(folds, desc='folds', disable=None):
        load_slim(model, read_model(fold)['state_dict'])
        dataset = DATASETS.build(
            dict(data, held_out=fold.state()['held_out'], inner=(), side='test')
        )
        for index in range(len(dataset)):
            row = dataset.get_data_info(index)
            yield HeldOutClip(row, pseudo_collate([dataset[index]]))
