"""Measure a whole leave-one-subject-out run, by the way in which it is run.

    python benchmarks/loso.py configs/mpt_vit-tiny_synthme.py --out work_dirs/bench_loso

The same folds, iterations and clips, one way after the other on one machine:

host-loop    mmaction's own train.py and test.py, called once per fold by a loop
sequential   one process, one fold after the other
parallel     processes side by side
stacked      all folds in one pass

`--stand-in` makes data in the form of CASME II (247 clips of 26 subjects, 224 pixels);
`--random-backbone` does without pre-trained weights.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mmaction
import torch
from common import (
    machine,
    make_parser,
    make_release,
    open_group,
    print_table,
    seconds_of,
    seconds_per_step,
    use_release,
)
from mmengine.config import Config
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.fold_config import mer_dataset
from mmaction_mer.engine.strategies.stacking.fold_stack import total_loss
from mmaction_mer.utils.cli.command_line import (
    merge_options,
    read_config,
    report_errors,
)

ROOT = Path(__file__).parents[1]
WAYS = ('host-loop', 'sequential', 'parallel', 'stacked')


def host_commands(cfg: Config, folder: Path) -> list[tuple[str | Path, ...]]:
    """List the calls that train and test every fold by mmaction's own tools."""
    tools = Path(mmaction.__file__).parent / '.mim' / 'tools'
    last = cfg.train_cfg.max_iters
    commands: list[tuple[str | Path, ...]] = []
    for fold in LOSORunner.from_cfg(cfg).plan.wanted:
        part = Config(cfg.to_dict())
        for key in ('runner_type', 'loso'):
            part.pop(key, None)
        for name, side in (('train_dataloader', 'train'), ('test_dataloader', 'test')):
            data = mer_dataset(part[name], name)
            data.update(held_out=list(fold.held_out), side=side)
        part.default_hooks.checkpoint = dict(
            type='CheckpointHook', by_epoch=False, interval=last
        )
        work = folder / fold.name
        path = folder / f'{fold.name}.py'
        part.work_dir = str(work)
        part.dump(path)
        commands += [
            (tools / 'train.py', path, '--work-dir', work),
            (tools / 'test.py', path, work / f'iter_{last}.pth', '--work-dir', work),
        ]
    return commands


def run(way: str, cfg: Config, out: Path) -> float:
    """Run all folds in one way from the start, and return the seconds it took."""
    folder = out / way
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cfg = Config(cfg.to_dict())
    cfg.work_dir = str(folder / 'run')
    path = folder / 'config.py'
    cfg.dump(path)
    commands: list[tuple[str | Path, ...]]
    if way == 'host-loop':
        commands = host_commands(cfg, folder)
    else:
        commands = [(ROOT / 'tools' / 'train.py', path, '--strategy', way)]
    paths = filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join(paths))

    def call_all() -> None:
        for command in commands:
            words = [sys.executable, *map(str, command)]
            done = subprocess.run(words, stdout=log, stderr=log, env=environment)
            if done.returncode:
                raise SystemExit(f'{command[0]} failed, see {log.name}')

    with open(folder / 'log.txt', 'w', encoding='utf-8') as log:
        return seconds_of(call_all)


def print_step(cfg: Config, folder: Path) -> None:
    """Compare a stacked step with what a large matrix product reaches.

    The operations of a step are those of one fold, attention included, times the folds.
    """
    with open_group(cfg, folder) as group:
        seconds = seconds_per_step(group, 6)
        model = group.runner.model
        counter = FlopCounterMode(display=False)
        with sdpa_kernel(SDPBackend.MATH), counter:
            batch = group.table.batch(group.batches[0, 0].tolist())
            with group.runner.optim_wrapper.optim_context(model):
                data = model.data_preprocessor(batch, True)
                parts = model(**data, mode='loss')
            total_loss(parts).backward()
        rate = counter.get_total_flops() * len(group.jobs) / seconds
        size = 8192 if group.device.type == 'cuda' else 2048
        options = dict(device=group.device, dtype=group._precision())
        a, b = (torch.randn(size, size, **options) for _ in 'ab')
        best = 2 * size**3 / min(seconds_of(lambda: a @ b) for _ in range(8))
    print(
        f'\nA stacked step of {len(group.jobs)} folds: {seconds:.3f} s, '
        f'{rate / 1e12:.3f} TFLOP/s, {rate / best:.0%} of the {best / 1e12:.3f} that a '
        f'matrix product reaches here ({options["dtype"]})'
    )


@report_errors
def main() -> None:
    """Measure one way after the other and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/bench_loso'))
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    parser.add_argument('--stand-in', action='store_true')
    parser.add_argument('--random-backbone', action='store_true')
    parser.add_argument('--cfg-options', nargs='+', action='extend')
    args = parser.parse_args()
    cfg = read_config(args.config)
    if args.random_backbone:
        cfg.model.backbone.vit.pop('init_cfg', None)
    if args.stand_in:
        use_release(cfg, make_release(args.out / 'stand_in'))
    merge_options(cfg, args.cfg_options)
    cfg.work_dir = str(args.out / 'plan')
    folds = len(LOSORunner.from_cfg(cfg).plan.wanted)
    clips = folds * cfg.train_cfg.max_iters * cfg.train_dataloader.batch_size
    print(
        f'{machine()}; {Path(args.config).stem}: {folds} folds of '
        f'{cfg.train_cfg.max_iters} iterations, {clips} clips\n',
        flush=True,
    )
    seconds: dict[str, float] = {}
    for way in args.ways:
        seconds[way] = run(way, cfg, args.out)
        print(f'{way}: {seconds[way]:.0f} s', flush=True)
    first = seconds[args.ways[0]]
    print_table(
        ('way', 'wall time', 'clips/s', f'over {args.ways[0]}'),
        [
            (way, f'{took:.0f} s', f'{clips / took:.1f}', f'{first / took:.2f}')
            for way, took in seconds.items()
        ],
    )
    print_step(cfg, args.out / 'step')


if __name__ == '__main__':
    sys.exit(main())
