"""Measure how the cost of a stacked run grows with its folds and its clips.

    python benchmarks/scaling.py configs/mpt_vit-tiny_synthme.py --out docs/images

Made-up data in the form of a release. A step of all folds is compared with as many
steps of a fold alone; opening the group (building the model, reading the clips and
their front end, drawing the batches of every fold) with the number of clips. The plot
is `scaling.png` in the folder `--out`.
"""

import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
from common import (
    machine,
    make_parser,
    make_release,
    open_group,
    print_table,
    seconds_per_step,
    use_release,
)
from mmengine.config import Config

from mmaction_mer.utils.cli.command_line import read_config, report_errors
from mmaction_mer.utils.memory import keep_freed_memory


def measure(
    cfg: Config, clips: int, folds: int, folder: Path, steps: int
) -> tuple[float, float]:
    """Return the seconds of opening a group and of one of its steps."""
    size = cfg.model.backbone.vit.img_size
    cfg = Config(cfg.to_dict())
    use_release(cfg, make_release(folder / f'{clips}-{folds}', clips, folds, size))
    crop = (cfg.model.data_preprocessor.get('augmentation') or {}).get('crop')
    side = round(size * 119 / 112) if crop else size
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline = [
            dict(type='LoadMERFrames', max_frames=16),
            dict(type='StandardizeLength', length=16),
            dict(type='Resize', scale=(side, side), keep_ratio=False),
            dict(type='PackMERInputs'),
        ]
    started = time.perf_counter()
    with open_group(cfg, folder / 'run') as group:
        opened = time.perf_counter() - started
        return opened, seconds_per_step(group, steps)


@report_errors
def main() -> None:
    """Measure, print the table and draw it."""
    parser = make_parser(__doc__)
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs'))
    parser.add_argument('--folds', type=int, nargs='+', default=[8, 26, 68])
    parser.add_argument('--clips', type=int, nargs='+', default=[250, 442, 860])
    parser.add_argument('--steps', type=int, default=4)
    args = parser.parse_args()
    keep_freed_memory()
    cfg = read_config(args.config)
    cfg.model.backbone.vit.pop('init_cfg', None)
    sizes = [(args.clips[0], folds) for folds in args.folds]
    sizes += [(clips, args.folds[0]) for clips in args.clips[1:]]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cfg.loso = dict(folds=['sub00'])
        # Twice: imports and the like count for the first.
        alone = [measure(cfg, *sizes[0], root, args.steps)[1] for _ in range(2)][1]
        cfg.loso = dict(folds=None)
        found = {size: measure(cfg, *size, root, args.steps) for size in sizes}
    print(f'{machine()}; all folds in one group\n')
    print_table(
        ('clips', 'folds', 'opening the group', 'a step', 'as many alone, over it'),
        [
            (*size, f'{opened:.1f} s', f'{step:.3f} s', f'{size[1] * alone / step:.2f}')
            for size, (opened, step) in found.items()
        ],
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout='constrained')
    few = [found[args.clips[0], folds][1] for folds in args.folds]
    left.plot(args.folds, few, 'o-', label='stacked')
    left.plot(args.folds, [n * alone for n in args.folds], 's--', label='as many alone')
    left.set(xlabel='folds', ylabel='seconds a step', title=f'{args.clips[0]} clips')
    for index, label in enumerate(('opening', 'a step')):
        times = [found[clips, args.folds[0]][index] for clips in args.clips]
        right.plot(args.clips, times, 'o-', label=label)
    right.set(xlabel='clips', ylabel='seconds', title=f'{args.folds[0]} folds')
    for axis in (left, right):
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.legend()
    args.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out / 'scaling.png', dpi=110)


if __name__ == '__main__':
    sys.exit(main())
