"""Heat maps of MIACNet over clips, for ``tools/analysis/heat_maps.py``."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import DATASETS
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from tqdm import tqdm

from ..utils.cli.command_line import merge_options, read_config
from ..utils.errors import ConfigError, MERRunError
from ..visualization import plot_heat_maps, save_figure
from .clip_views import change_map
from .held_out import build_model, held_out_clips
from .pointing_game import print_hits
from .synthme_truth import true_regions


def _batches(
    model: nn.Module, data: dict, run: Path | None
) -> Iterator[tuple[str, dict]]:
    """Iterate over clips; with a run, the model has the weights that hold them out."""
    if run is not None:
        for clip in held_out_clips(model, data, run):
            yield clip.row['clip'], clip.batch
        return
    dataset = DATASETS.build(data)
    for index in tqdm(range(len(dataset)), desc='clips', leave=False, disable=None):
        yield dataset.get_data_info(index)['clip'], pseudo_collate([dataset[index]])


def draw_heat_maps(args: argparse.Namespace) -> None:
    """Compute the maps of all clips, print hit rates and draw some of the maps."""
    if args.draw < 1:
        raise MERRunError(f'must be at least 1, got {args.draw}', field='--draw')
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    kind = cfg.get('model', {}).get('type')
    if kind != 'MIACRecognizer':
        raise ConfigError(
            f'must be MIACRecognizer, got {kind}', path=args.config, field='model.type'
        )
    data = dict(cfg.test_dataloader.dataset, cache=False, test_mode=True)
    model = build_model(cfg, args.device)
    if not args.run:
        model.init_weights()
    clips, outputs = [], []
    for clip, batch in _batches(model, data, args.run):
        clips.append(clip)
        outputs.append(model.saliency_maps(batch))
    maps: dict[str, Tensor] = {
        name: torch.cat([one[name].cpu() for one in outputs]) for name in outputs[0]
    }
    frames = maps['frames']
    shown = maps['attribution' if args.run else 'saliency'].numpy()
    regions = true_regions(data, model.data_preprocessor.augmentation, clips)
    if regions is not None:
        grid = model.backbone.grid
        changes = [change_map(one[1] - one[0], grid) for one in frames]
        print_hits(
            {
                'magnitude of the action code': maps['saliency'].numpy(),
                **({'evidence for the predicted class': shown} if args.run else {}),
                'difference of the frames': torch.stack(changes).numpy(),
            },
            regions,
        )
    # Spread over all subjects, rather than the first clips of the first subject.
    count = min(args.draw, len(clips))
    drawn = np.linspace(0, len(clips) - 1, count).round().astype(int)
    figure = plot_heat_maps(
        frames[drawn, 1].permute(0, 2, 3, 1).numpy(),
        shown[drawn],
        None if regions is None else regions[drawn],
        [clips[index] for index in drawn],
    )
    print(f'written: {save_figure(figure, args.out)}')
