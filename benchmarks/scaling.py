r"""How the cost of a stacked run grows with its folds and its clips, as a plot.

    python benchmarks/scaling.py configs/mpt_vit-tiny_synthme.py --out docs/images

Noise in the form of a release. A step of all folds is set against as many steps of a
fold alone; filling the table (reading the clips and their front end) against the clips.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from common import machine
from mmengine.config import Config
from stand_in import make_stand_in
from training_step import open_group, seconds_of

from mmaction_mer.engine.command_line import CfgOptions, merge_options, read_config
from mmaction_mer.engine.memory import keep_freed_memory
from mmaction_mer.utils import write_json

FOLDS, CLIPS = (8, 26, 68), (250, 442, 860)


def measure(cfg: Config, clips: int, folds: int, folder: Path, steps: int) -> dict:
    """Seconds to open a group, and of its step."""
    size = cfg.model.backbone.vit.img_size
    root = make_stand_in(folder / f'{clips}-{folds}', clips, folds, size)
    cfg = Config(cfg.to_dict())
    crop = (cfg.model.data_preprocessor.get('augmentation') or {}).get('crop')
    side = round(size * 119 / 112) if crop else size
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(data_root=str(root), data_prefix=dict(img='frames'))
        loader.dataset.pipeline = [
            dict(type='LoadMERFrames', max_frames=16),
            dict(type='StandardizeLength', length=16),
            dict(type='Resize', scale=(side, side), keep_ratio=False),
            dict(type='PackMERInputs'),
        ]
    cfg.model.cls_head.num_classes = 5
    started = time.perf_counter()
    with open_group(cfg, folder / 'run') as group:
        opened = time.perf_counter() - started
        group.folds_that_fit()
        wrapper = group.runner.optim_wrapper

        def step(number: int) -> None:
            losses = group._losses(number, *group._draw(number))
            wrapper.update_params(losses.sum())

        step(0)
        step(1)
        times = [
            seconds_of(lambda n=n: step(n), group.device) for n in range(2, 2 + steps)
        ]
    return dict(
        clips=clips, folds=folds, open_s=opened, step_s=statistics.median(times)
    )


def draw(rows: list[dict], alone: float, path: Path) -> None:
    """Draw both curves beside each other."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout='constrained')
    by_folds = [row for row in rows if row['clips'] == CLIPS[0]]
    folds = [row['folds'] for row in by_folds]
    left.plot(folds, [row['step_s'] for row in by_folds], 'o-', label='stacked')
    left.plot(folds, [n * alone for n in folds], 's--', label='as many alone')
    left.set(xlabel='folds', ylabel='seconds a step', title=f'{CLIPS[0]} clips')
    by_clips = [row for row in rows if row['folds'] == FOLDS[0]]
    clips = [row['clips'] for row in by_clips]
    right.plot(clips, [row['open_s'] for row in by_clips], 'o-', label='filling')
    right.plot(clips, [row['step_s'] for row in by_clips], 's-', label='a step')
    right.set(xlabel='clips', ylabel='seconds', title=f'{FOLDS[0]} folds')
    for axis in (left, right):
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print the table and draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/scaling'))
    parser.add_argument('--steps', type=int, default=4)
    parser.add_argument('--json', help='write the numbers there, too')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, default={})
    args = parser.parse_args()
    keep_freed_memory()
    cfg = read_config(args.config)
    cfg.model.backbone.vit.pop('init_cfg', None)
    merge_options(cfg, args.cfg_options)
    batch = cfg.train_dataloader.batch_size
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cfg.loso = dict(folds=None)
        rows = [measure(cfg, CLIPS[0], n, root, args.steps) for n in FOLDS]
        rows += [measure(cfg, n, FOLDS[0], root, args.steps) for n in CLIPS[1:]]
        cfg.loso = dict(folds=['sub00'])
        alone = measure(cfg, CLIPS[0], FOLDS[0], root, args.steps)['step_s']
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else machine()
    print(f'{device}; {Path(args.config).stem}, {batch} clips a fold and step')
    print(f'a fold alone: {alone:.3f} s a step\n')
    print('| clips | folds | filling the table | a step | over as many alone |')
    print('|---:|---:|---:|---:|---:|')
    for row in rows:
        row['over_alone'] = round(row['step_s'] / (row['folds'] * alone), 2)
        print(
            f'| {row["clips"]} | {row["folds"]} | {row["open_s"]:.1f} s '
            f'| {row["step_s"]:.3f} s | {row["over_alone"]} |'
        )
    args.out.mkdir(parents=True, exist_ok=True)
    draw(rows, alone, args.out / 'scaling.png')
    if args.json:
        write_json(args.json, dict(machine=device, alone_s=alone, rows=rows))


if __name__ == '__main__':
    sys.exit(main())
