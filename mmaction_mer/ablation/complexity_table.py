"""The table of ``tools/analysis/complexity.py``."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from ..engine.runners.num_classes import with_num_classes
from ..models.utils.complexity import Cost, cost, count_by_part
from ..utils.cli.command_line import merge_options, read_config
from ..utils.errors import MERRunError
from .spec import read_table
from .trials import plan_table

HEADINGS = (
    'trainable',
    'total',
    'multiply-adds per clip',
    'saved per clip in training',
    'checkpoint of a fold',
    'latency of a clip',
    'clips per second, batch of 8',
)


def read_models(
    path: str, options: Sequence[str] | None
) -> Iterator[tuple[str, Config]]:
    """Read a config, or those of the rows of an ablation table, with their names."""
    cfg = read_config(path)
    if 'rows' in cfg:
        for trial in plan_table(read_table(path), Path(), options=options or ()).trials:
            yield trial.row.name, trial.cfg
    elif 'model' in cfg:
        merge_options(cfg, options)
        yield Path(path).stem, cfg
    else:
        raise MERRunError('has no model', path=path)


def build(name: str, cfg: Config, args: argparse.Namespace) -> tuple[nn.Module, int]:
    """Build the model of a config and return it with its frame size."""
    cfg = with_num_classes(cfg)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    if not args.pretrained:
        forget_weights(cfg.model)
    model = MODELS.build(cfg.model).to(args.device)
    if not hasattr(model, 'dummy_inputs'):
        raise MERRunError(
            f'is the config of a {cfg.model.type}; this table is for MPTRecognizer and '
            'MIACRecognizer',
            path=name,
        )
    return model, args.image_size or frame_size(cfg, model)


def forget_weights(part: dict | list) -> None:
    """Remove every ``init_cfg`` of pre-trained weights from a model config."""
    if isinstance(part, dict):
        part.pop('pretrained', None)
        if isinstance(start := part.get('init_cfg'), dict) and 'checkpoint' in start:
            part.pop('init_cfg')
    for value in part.values() if isinstance(part, dict) else part:
        if isinstance(value, dict | list):
            forget_weights(value)


def frame_size(cfg: Config, model: nn.Module) -> int:
    """Return the frame size in pixels: of the ViT, or of the test pipeline."""
    if vit := getattr(model.backbone, 'vit', None):
        return vit.img_size[0]
    if crop := model.data_preprocessor.augmentation.crop:
        return crop
    sizes = [
        step.get('crop_size') or step['scale'][0]
        for step in cfg.test_dataloader.dataset.pipeline
        if step.type in ('CenterCrop', 'Resize')
    ]
    if not sizes:
        raise MERRunError('the test pipeline has no frame size: give --image-size')
    return sizes[-1]


def written(found: Cost) -> list[str]:
    """Format a cost in the order of the headings."""
    return [
        f'{found.trainable:,}',
        f'{found.total:,}',
        f'{found.multiply_adds / 1e9:.2f} G',
        f'{found.activation_bytes / 1e6:.0f} MB',
        f'{found.checkpoint_bytes / 1e6:.2f} MB',
        f'{found.latency_ms:.0f} ms',
        f'{found.clips_per_s:.1f}',
    ]


def print_costs(args: argparse.Namespace) -> None:
    """Build the models and print their table."""
    rows = []
    for path in args.configs:
        for name, cfg in read_models(path, args.cfg_options):
            model, size = build(name, cfg, args)
            prompt = getattr(model.backbone, 'prompt', None)
            length = getattr(prompt, 'length', 16)
            rows.append((name, size, written(cost(model, size, length))))
    if len(rows) == 1:
        print('| part | count |\n|---|---:|')
        for part, number in count_by_part(model).items():
            print(f'| {part} | {number:,} |')
        names = ['all trainable', *HEADINGS[1:]]
        for name, value in zip(names, rows[0][2], strict=True):
            print(f'| {name} | {value} |')
    else:
        print('| model | pixels | ' + ' | '.join(HEADINGS) + ' |')
        print('|---|---:|' + '---:|' * len(HEADINGS))
        for name, size, values in rows:
            print(f'| {name} | {size} | ' + ' | '.join(values) + ' |')
    where = torch.cuda.get_device_name() if 'cuda' in args.device else 'CPU'
    print(f'\nTimed on {where}, {torch.get_num_threads()} threads, float32.')
