"""Print what models cost: parameters, multiply-adds, memory, checkpoints, time.

    python tools/analysis/complexity.py configs/mpt_vit-b16_smic.py
    python tools/analysis/complexity.py configs/*_smic.py configs/ablations/table6.py

One model: a list, part by part. Several: a table, one row each (MPT, table V). Each row
of a list of configs/ablations is a model.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine import with_num_classes
from mmaction_mer.engine.ablation import read_table
from mmaction_mer.engine.ablation_trials import plan_trials
from mmaction_mer.engine.command_line import (
    CfgOptions,
    merge_options,
    read_config,
    report_errors,
)
from mmaction_mer.engine.errors import MERRunError
from mmaction_mer.models import Cost, cost, count_by_part

HEADINGS = (
    'learns',
    'all',
    'multiply-adds a clip',
    'kept a clip in training',
    'checkpoint of a fold',
    'a clip takes',
    'clips a second, 8 at once',
)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'configs', nargs='+', help='config files, or lists of configs/ablations'
    )
    parser.add_argument('--image-size', type=int, help="default: the config's own")
    parser.add_argument('--device', default='cpu', help='where it is timed')
    parser.add_argument(
        '--pretrained',
        action='store_true',
        help='load the pre-trained weights too; they do not change the figures',
    )
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    return parser.parse_args(arguments)


def configs(path: str, args: argparse.Namespace) -> Iterator[tuple[str, Config]]:
    """Read a config, or those of the rows of an ablation table, with their names."""
    cfg = read_config(path)
    if 'rows' in cfg:
        table = read_table(path)
        for trial in plan_trials(table, Path(), options=args.cfg_options):
            yield trial.row.name, trial.cfg
    elif 'model' in cfg:
        merge_options(cfg, args.cfg_options)
        yield Path(path).stem, cfg
    else:
        raise MERRunError(f'{path}: has no model')


def build(name: str, cfg: Config, args: argparse.Namespace) -> tuple[nn.Module, int]:
    """Build the model of a config, and return the size of its frames in pixels."""
    cfg = with_num_classes(cfg)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    if not args.pretrained:
        forget_weights(cfg.model)
    model = MODELS.build(cfg.model).to(args.device)
    if not hasattr(model, 'blank_inputs'):
        raise MERRunError(
            f'{name}: is a {cfg.model.type}; this table is of MPTRecognizer and '
            'MIACRecognizer'
        )
    return model, args.image_size or frame_size(cfg, model)


def forget_weights(part: dict | list) -> None:
    """Take every ``init_cfg`` of pre-trained weights out of a model's config."""
    if isinstance(part, dict):
        part.pop('pretrained', None)
        if isinstance(start := part.get('init_cfg'), dict) and 'checkpoint' in start:
            part.pop('init_cfg')
    for value in part.values() if isinstance(part, dict) else part:
        if isinstance(value, dict | list):
            forget_weights(value)


def frame_size(cfg: Config, model: nn.Module) -> int:
    """Side of the frames in pixels: the ViT's own, or what the data ends in."""
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
        raise MERRunError('the test pipeline sets no size of frames; give --image-size')
    return sizes[-1]


def written(found: Cost) -> list[str]:
    """Write a cost in the order of the headings."""
    return [
        f'{found.trainable:,}',
        f'{found.total:,}',
        f'{found.multiply_adds / 1e9:.2f} G',
        f'{found.activation_bytes / 1e6:.0f} MB',
        f'{found.checkpoint_bytes / 1e6:.2f} MB',
        f'{found.latency_ms:.0f} ms',
        f'{found.clips_per_s:.1f}',
    ]


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Build the models and print their table."""
    args = parse_args(arguments)
    rows = []
    for path in args.configs:
        for name, cfg in configs(path, args):
            model, size = build(name, cfg, args)
            prompt = getattr(model.backbone, 'prompt', None)
            length = getattr(prompt, 'length', 16)
            rows.append((name, size, written(cost(model, size, length))))
    if len(rows) == 1:
        print('| what | count |\n|---|---:|')
        for part, number in count_by_part(model).items():
            print(f'| {part} | {number:,} |')
        names = ['all that learns', *HEADINGS[1:]]
        for name, value in zip(names, rows[0][2], strict=True):
            print(f'| {name} | {value} |')
    else:
        print('| model | pixels | ' + ' | '.join(HEADINGS) + ' |')
        print('|---|---:|' + '---:|' * len(HEADINGS))
        for name, size, values in rows:
            print(f'| {name} | {size} | ' + ' | '.join(values) + ' |')
    where = torch.cuda.get_device_name() if 'cuda' in args.device else 'CPU'
    print(f'\nTimed on {where}, {torch.get_num_threads()} threads, float32.')


if __name__ == '__main__':
    sys.exit(main())
