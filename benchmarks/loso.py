r"""What a whole leave-one-subject-out run costs, by the way in which it is run.

    python benchmarks/loso.py configs/mpt_vit-tiny_synthme.py --out work_dirs/bench_loso

The same folds, iterations and clips, one way after the other on one machine:

host-loop    mmaction's own train.py and test.py, called once per fold by a loop
sequential   one process, one fold after the other
parallel     processes side by side
stacked      all folds in one pass

`--stand-in` makes noise in the form of CASME II (247 clips of 26 people, 224 pixels),
for machines that have no data; `--random-backbone` does without pre-trained weights.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mmaction
import torch
from common import machine, row
from mmengine.config import Config
from stand_in import make_stand_in
from training_step import training_share

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.fold_config import mer_dataset
from mmaction_mer.engine.strategies.stacking.compatibility import StackingNotSupported
from mmaction_mer.engine.strategies.stacking.sizing import out_of_memory
from mmaction_mer.engine.work_dir.work_dir import WorkDir
from mmaction_mer.evaluation.predictions import NAMES
from mmaction_mer.utils.cli.command_line import (
    CfgOptions,
    merge_options,
    read_config,
    report_errors,
)
from mmaction_mer.utils.json_files import write_json
from mmaction_mer.utils.parallel import cores

ROOT = Path(__file__).parents[1]
WAYS = ('host-loop', 'sequential', 'parallel', 'stacked')


def call(log: Path, *command: str | Path) -> None:
    """Run a program; what it says goes to a file."""
    paths = filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    with open(log, 'a', encoding='utf-8') as file:
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            stdout=file,
            stderr=file,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f'{command[0]} failed, see {log}')


def host_configs(cfg: Config, folder: Path) -> list[Path]:
    """Write the config of each fold as someone with a loop would."""
    runner = LOSORunner.from_cfg(cfg)
    paths = []
    for fold in runner.plan.wanted:
        part = Config(cfg.to_dict())
        for key in ('runner_type', 'loso'):
            part.pop(key, None)
        for name, side in (('train_dataloader', 'train'), ('test_dataloader', 'test')):
            data = mer_dataset(part[name], name)
            data.update(held_out=list(fold.held_out), side=side)
        part.default_hooks.checkpoint = dict(
            type='CheckpointHook', by_epoch=False, interval=part.train_cfg.max_iters
        )
        part.work_dir = str(folder / fold.name)
        path = folder / f'{fold.name}.py'
        part.dump(path)
        paths.append(path)
    return paths


def host_commands(cfg: Config, folder: Path) -> list[tuple[str | Path, ...]]:
    """List the calls that train and test every fold by mmaction's own tools."""
    tools = Path(mmaction.__file__).parent / '.mim' / 'tools'
    last = f'iter_{cfg.train_cfg.max_iters}.pth'
    commands: list[tuple[str | Path, ...]] = []
    for path in host_configs(cfg, folder):
        work = path.with_suffix('')
        commands += [
            (tools / 'train.py', path, '--work-dir', work),
            (tools / 'test.py', path, work / last, '--work-dir', work),
        ]
    return commands


def run(way: str, cfg: Config, out: Path) -> float:
    """Run all folds in one way from nothing, and give the seconds it took."""
    folder = out / way
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cfg = Config(cfg.to_dict())
    cfg.work_dir = str(folder / 'run')
    path = folder / 'config.py'
    cfg.dump(path)
    if way == 'host-loop':
        commands = host_commands(cfg, folder)
    else:
        commands = [(ROOT / 'tools' / 'train.py', path, '--strategy', way)]
    started = time.perf_counter()
    for command in commands:
        call(folder / 'log.txt', *command)
    return time.perf_counter() - started


def rows_of(seconds: dict[str, float], clips: int) -> list[dict]:
    """A row for every way, from the seconds that its run took."""
    slow = seconds.get('host-loop')
    return [
        row(way, clips / took, took, slow and slow / took)
        for way, took in seconds.items()
    ]


def agreement(works: Sequence[Path]) -> tuple[int, int]:
    """Count the clips for which all of some runs predict the same class.

    Args:
        works: Their work directories.

    Returns:
        Those clips, and all clips that any of the runs has predicted.

    Raises:
        MERRunError: A work directory holds no run.
        MERDataError: Predictions cannot be read.
    """
    said: dict[tuple, list[int]] = {}
    for work in works:
        for seed, done in WorkDir(work).runs().items():
            for line in done.lines:
                clip = (seed, *(line[field] for field in NAMES))
                said.setdefault(clip, []).append(line['prediction'])
    same = sum(
        len(classes) == len(works) and len(set(classes)) == 1
        for classes in said.values()
    )
    return same, len(said)


def closing_step(cfg: Config, folder: Path) -> dict | None:
    """Measure a stacked step and print it, or why there is none."""
    try:
        share = training_share(cfg, folder)
    except StackingNotSupported as error:
        print(f'\nNo stacked step: {error}')
        return None
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        print(f'\nNo stacked step of all folds, memory does not hold it: {reason[0]}')
        return None
    print(
        f'\nA stacked step of {share["folds"]} folds: {share["seconds"]:.3f} s, '
        f'{share["rate"] / 1e12:.3f} TFLOP/s, {share["share"]:.0%} of the '
        f'{share["matrix_rate"] / 1e12:.3f} that a matrix product reaches here '
        f'({share["precision"]})'
    )
    if share['compiled']:
        first, others = share['compiled']
        print(f'With torch.compile: {others:.3f} s, the first one {first:.1f} s')
    else:
        print('torch.compile does not work here')
    return share


@report_errors
def main() -> None:
    """Measure one way after the other and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/bench_loso'))
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    parser.add_argument('--stand-in', action='store_true')
    parser.add_argument('--random-backbone', action='store_true')
    parser.add_argument('--json', help='write the numbers there, too')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, default={})
    args = parser.parse_args()
    cfg = read_config(args.config)
    if args.random_backbone:
        cfg.model.backbone.vit.pop('init_cfg', None)
    if args.stand_in:
        root = make_stand_in(args.out / 'stand_in')
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.update(data_root=str(root), data_prefix=dict(img='frames'))
    merge_options(cfg, args.cfg_options)
    cfg.work_dir = str(args.out / 'plan')
    plan = LOSORunner.from_cfg(cfg).plan
    size = cfg.train_cfg.max_iters * cfg.train_dataloader.batch_size
    clips = len(plan.wanted) * size
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else machine()
    print(
        f'{device}; {cores()} cores; {Path(args.config).stem}: '
        f'{len(plan.wanted)} folds of {cfg.train_cfg.max_iters} iterations, '
        f'{clips} clips trained on\n',
        flush=True,
    )
    found: dict = dict(machine=device, rows=[])

    def save() -> None:
        if args.json:
            write_json(args.json, found)

    seconds: dict[str, float] = {}
    for way in dict.fromkeys(args.ways):
        seconds[way] = run(way, cfg, args.out)
        print(f'{way}: {seconds[way]:.0f} s', flush=True)
        # After every way: what is measured is not lost with a cut.
        found['rows'] = rows_of(seconds, clips)
        save()
    print('\n| way | wall time | clips/s | over host-loop |\n|---|---:|---:|---:|')
    for r in found['rows']:
        print(
            f'| {r["name"]} | {r["wall_s"]:.0f} s | {r["clips_per_s"]:.1f} '
            f'| {r["speedup"]} |'
        )
    # mmaction's own tools write no predictions.
    ours = [way for way in seconds if way != 'host-loop']
    if len(ours) > 1:
        same, of = agreement([args.out / way / 'run' for way in ours])
        print(f'\n{", ".join(ours)}: the same class for {same} of {of} clips')
        found['agreement'] = dict(ways=ours, same=same, clips=of)
        save()
    found['step'] = closing_step(cfg, args.out / 'step')
    save()


if __name__ == '__main__':
    sys.exit(main())
