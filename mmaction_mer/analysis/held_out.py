"""Clips as folds that have not learnt from them see them."""

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

from ..datasets.annotation import clip_name
from ..engine.runners.fold_config import mer_dataset
from ..engine.work_dir.fold_check import read_model
from ..engine.work_dir.fold_folder import FoldFolder
from ..models.utils.slim_checkpoint import load_slim
from ..utils.errors import MERRunError


@dataclass(frozen=True)
class HeldOutClip:
    """A clip of a fold's held-out subjects.

    Attributes:
        fold: Name of the fold.
        row: The clip's row of the data set.
        batch: The clip alone, as the model takes a batch.
    """

    fold: str
    row: dict[str, Any]
    batch: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the clip among all data sets."""
        return clip_name(self.row)


def clips_config(cfg: Config) -> dict[str, Any]:
    """Copy the config of a run's test clips, none kept in memory.

    Raises:
        MERRunError: The config has none.
    """
    loader = cfg.get('test_dataloader')
    if not loader:
        raise MERRunError(f'{cfg.filename}: the config has no test_dataloader')
    data = copy.deepcopy(mer_dataset(loader, 'test_dataloader'))
    data.update(test_mode=True, cache=False, serialize_data=False)
    return data


def build_model(cfg: Config, device: str = 'cpu') -> nn.Module:
    """Build a run's model, for its folds' weights, ready to be asked."""
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    return MODELS.build(cfg.model).eval().to(device)


def held_out_clips(
    model: nn.Module, data: Mapping[str, Any], run: str | Path
) -> Iterator[HeldOutClip]:
    """Go through the clips of a run; the model has the weights of each one's fold.

    Args:
        model: The run's model; while a clip is yielded it is that of its fold.
        data: Config of the data set, see :func:`clips_config`.
        run: Work directory of one seed.

    Yields:
        Every clip of every finished fold, folds in the order of their names.

    Raises:
        MERRunError: There is no finished fold, or its checkpoint does not fit.
    """
    folds = [FoldFolder(path) for path in sorted(Path(run).glob('folds/*'))]
    folds = [fold for fold in folds if fold.done()]
    if not folds:
        raise MERRunError(
            f'{run}: has no finished fold; train it, or name the folder of one seed'
        )
    for fold in tqdm(folds, desc='folds', disable=None):
        load_slim(model, read_model(fold)['state_dict'])
        dataset = DATASETS.build(
            dict(data, held_out=fold.state()['held_out'], inner=(), side='test')
        )
        for index in range(len(dataset)):
            row = dataset.get_data_info(index)
            yield HeldOutClip(fold.name, row, pseudo_collate([dataset[index]]))
