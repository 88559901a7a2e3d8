r"""How the cost of a stacked run grows with its folds and its clips, as a plot.

    python benchmarks/scaling.py configs/mpt_vit-tiny_synthme.py --out docs/images

Noise in the form of a release. A step of all folds is set against as many steps of a
fold alone; opening the group (building the model, reading the clips and their front
end, drawing the batches of every fold) against the clips.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from common import machine, row
from mmengine.config import Config
from stand_in import make_stand_in
from training_step import open_group, seconds_of

from mmaction_mer.engine.command_line import (
    CfgOptions,
    merge_options,
    read_config,
    report_errors,
)
from mmaction_mer.engine.memory import keep_freed_memory
from mmaction_mer.utils import write_json

FOLDS, CLIPS = [8, 26, 68], [250, 442, 860]


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


def rows_of(found: list[dict], alone: float, batch: int) -> list[dict]:
    """A row for every measured step, beside as many steps of a fold alone."""
    return [
        row(
            f'{one["folds"]} folds, {one["clips"]} clips',
            one['folds'] * batch / one['step_s'],
            one['step_s'],
            one['folds'] * alone / one['step_s'],
            clips=one['clips'],
            folds=one['folds'],
            open_s=round(one['open_s'], 3),
        )
        for one in found
    ]


def draw(rows: list[dict], alone: float, path: Path) -> None:
    """Draw both curves beside each other; the first row is in both."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout='constrained')
    few = {key: rows[0][key] for key in ('clips', 'folds')}
    by_folds = [r for r in rows if r['clips'] == few['clips']]
    folds = [r['folds'] for r in by_folds]
    left.plot(folds, [r['wall_s'] for r in by_folds], 'o-', label='stacked')
    left.plot(folds, [n * alone for n in folds], 's--', label='as many alone')
    left.set(xlabel='folds', ylabel='seconds a step', title=f'{few["clips"]} clips')
    by_clips = [r for r in rows if r['folds'] == few['folds']]
    clips = [r['clips'] for r in by_clips]
    right.plot(clips, [r['open_s'] for r in by_clips], 'o-', label='opening')
    right.plot(clips, [r['wall_s'] for r in by_clips], 's-', label='a step')
    right.set(xlabel='clips', ylabel='seconds', title=f'{few["folds"]} folds')
    for axis in (left, right):
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.legend()
    figure.savefig(path, dpi=110)


@report_errors
def main() -> None:
    """Measure, print the table and draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/scaling'))
    parser.add_argument('--folds', type=int, nargs='+', default=FOLDS)
    parser.add_argument('--clips', type=int, nargs='+', default=CLIPS)
    parser.add_argument('--steps', type=int, default=4)
    parser.add_argument('--json', help='write the numbers there, too')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, default={})
    args = parser.parse_args()
    folds, clips = (list(dict.fromkeys(n)) for n in (args.folds, args.clips))
    if args.steps < 1 or min(folds) < 2:
        parser.error('--steps: 1 or more; --folds: 2 or more')
    if clips[0] < 3 * max(folds) or min(clips) < 3 * folds[0]:
        parser.error('--clips: three or more for each of --folds')
    keep_freed_memory()
    cfg = read_config(args.config)
    cfg.model.backbone.vit.pop('init_cfg', None)
    merge_options(cfg, args.cfg_options)
    batch = cfg.train_dataloader.batch_size
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cfg.loso = dict(folds=None)
        # Imports and the like would be counted to whatever comes first.
        measure(cfg, clips[0], folds[0], root, 1)
        found = [measure(cfg, clips[0], n, root, args.steps) for n in folds]
        found += [measure(cfg, n, folds[0], root, args.steps) for n in clips[1:]]
        cfg.loso = dict(folds=['sub00'])
        alone = measure(cfg, clips[0], folds[0], root, args.steps)['step_s']
    rows = rows_of(found, alone, batch)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else machine()
    print(f'{device}; {Path(args.config).stem}, {batch} clips a fold and step')
    print(f'a fold alone: {alone:.3f} s a step\n')
    print('| clips | folds | opening the group | a step | over as many alone |')
    print('|---:|---:|---:|---:|---:|')
    for r in rows:
        print(
            f'| {r["clips"]} | {r["folds"]} | {r["open_s"]:.1f} s '
            f'| {r["wall_s"]:.3f} s | {r["speedup"]:.2f} |'
        )
    args.out.mkdir(parents=True, exist_ok=True)
    draw(rows, alone, args.out / 'scaling.png')
    if args.json:
        write_json(args.json, dict(machine=device, alone_s=round(alone, 4), rows=rows))


if __name__ == '__main__':
    sys.exit(main())
