"""Heat maps of MIACNet over clips, as ``tools/analysis/heat_maps.py`` draws them."""

import argparse
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..datasets import MERDataset
from ..engine.runners.num_classes import with_num_classes
from ..evaluation import pointing_hits
from ..utils.cli.command_line import (
    merge_options,
    read_config,
)
from ..utils.errors import MERRunError
from ..visualization import plot_heat_maps, save_figure
from .held_out import held_out_clips
from .synthme_truth import true_regions


def plain_difference(frames: Tensor, grid: int) -> np.ndarray:
    """Magnitude of onset to apex in grey levels, as coarse as the code's map."""
    change = (frames[:, 1] - frames[:, 0]).abs().mean(1, keepdim=True)
    coarse = functional.adaptive_avg_pool2d(change, grid)
    return functional.interpolate(coarse, change.shape[-2:], mode='bilinear')[
        :, 0
    ].numpy()


def look(model: nn.Module, dataset: MERDataset) -> tuple[list[str], dict[str, Tensor]]:
    """Names of the clips of a data set, and what the model sees in each."""
    clips, seen = [], []
    for index in tqdm(range(len(dataset)), desc='clips', leave=False, disable=None):
        clips.append(dataset.get_data_info(index)['clip'])
        seen.append(model.saliency_maps(pseudo_collate([dataset[index]])))
    return clips, {
        name: torch.cat([one[name].cpu() for one in seen]) for name in seen[0]
    }


def look_by_fold(
    model: nn.Module, data: dict, run: Path
) -> tuple[list[str], dict[str, Tensor]]:
    """The same of a run: each fold sees the subjects that it has not learnt from."""
    clips, seen = [], []
    for clip in held_out_clips(model, data, run):
        clips.append(clip.row['clip'])
        seen.append(model.saliency_maps(clip.batch))
    return clips, {
        name: torch.cat([one[name].cpu() for one in seen]) for name in seen[0]
    }


def draw_heat_maps(args: argparse.Namespace) -> None:
    """Look at the clips, draw, count hits."""
    if args.draw < 1:
        raise MERRunError(f'--draw is the number of clips to draw, got {args.draw}')
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    if cfg.get('model', {}).get('type') != 'MIACRecognizer':
        raise MERRunError(f'{args.config}: is not the config of a MIACRecognizer')
    data = dict(cfg.test_dataloader.dataset, cache=False, test_mode=True)
    model = MODELS.build(with_num_classes(cfg).model)
    if args.run:
        clips, seen = look_by_fold(model.eval().to(args.device), data, args.run)
    else:
        model.init_weights()
        clips, seen = look(model.eval().to(args.device), DATASETS.build(data))
    frames = seen['frames']
    shown = seen['attribution' if args.run else 'saliency'].numpy()
    regions = true_regions(data, model.data_preprocessor.augmentation, clips)
    if regions is not None:
        maps = {
            'magnitude of the action code': seen['saliency'].numpy(),
            **({'evidence for the predicted class': shown} if args.run else {}),
            'difference of the frames': plain_difference(frames, model.backbone.grid),
        }
        print(f'hottest place where the face moves, of {len(clips)} clips')
        for name, heat in maps.items():
            print(f'  {name:34}{pointing_hits(heat, regions).mean():7.1%}')
        print(f'  {"pointing anywhere":34}{regions.mean():7.1%}')
    # Spread over all subjects, rather than the first clips of the first of them.
    count = min(args.draw, len(clips))
    drawn = np.linspace(0, len(clips) - 1, count).round().astype(int)
    figure = plot_heat_maps(
        frames[drawn, 1].permute(0, 2, 3, 1).numpy(),
        shown[drawn],
        None if regions is None else regions[drawn],
        [clips[index] for index in drawn],
    )
    print(f'written: {save_figure(figure, args.out)}')
