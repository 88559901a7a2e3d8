"""Train by a config: a whole protocol, or any ordinary mmaction config.

All options of mmaction's ``tools/train.py`` with the same meaning, and more for
protocols: ``--folds``, ``--select``, ``--strategy``, ``--seeds``, ``--share`` and a
plain ``--resume`` that goes on with what was cut.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for folds, checkpoints and results')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on with the run in the work directory; for an ordinary config a '
        'checkpoint may be named',
    )
    parser.add_argument(
        '--folds', nargs='+', metavar='NAME', help='run these folds of the protocol'
    )
    parser.add_argument(
        '--select',
        choices=['last', 'inner', 'test'],
        help='which iteration of a fold counts: the last (default), the best on inner '
        'validation subjects, or the best on the held-out subjects themselves (every '
        'number is then labelled so)',
    )
    parser.add_argument(
        '--strategy',
        choices=['sequential', 'stacked', 'parallel'],
        help='how folds are trained: one after the other, all in one pass, or by '
        'processes side by side; the numbers are the same',
    )
    parser.add_argument(
        '--seeds', nargs='+', type=int, metavar='N', help='run all folds once per seed'
    )
    parser.add_argument(
        '--share',
        type=share,
        metavar='K/N',
        help='train share K (from 0) of N of the folds and pool nothing, as the tasks '
        'of a job array do',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train with automatic mixed precision (a protocol: in bfloat16)',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not validate during training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size',
    )
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument(
        '--diff-rank-seed', action='store_true', help='another seed on every rank'
    )
    parser.add_argument(
        '--deterministic', action='store_true', help='deterministic algorithms only'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        metavar='KEY=VALUE',
        help='change settings of the config, as in model.cls_head.num_classes=3; lists '
        'as key="[a,b]" or key=a,b, nested ones as key="[(a,b),(c,d)]", a text with a '
        'comma as key="\'a, b\'"',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher that started this process',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args(arguments)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def share(text: str) -> tuple[int, int]:
    """Read ``'0/8'``, the first of eight shares."""
    number, _, count = text.partition('/')
    return int(number), int(count)


def build_config(args: argparse.Namespace) -> 'Config':
    """Read the config file and merge the command line into it."""
    from mmaction_mer.utils.cli.command_line import (
        default_work_dir,
        has_protocol,
        merge_options,
        read_config,
        set_loso_option,
    )

    cfg = read_config(args.config)
    if args.no_validate:
        cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
        if args.select not in (None, 'last'):
            raise SystemExit('--no-validate contradicts --select ' + args.select)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(args.config)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper'):
            raise SystemExit(f'--amp does not work with the optimizer wrapper {kind}')
        if has_protocol(cfg):
            # Needs no scale of the loss, which folds in one pass could not share.
            cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
            for name in ('loss_scale', 'dtype', 'use_fsdp'):
                cfg.optim_wrapper.pop(name, None)
        else:
            cfg.optim_wrapper.type = 'AmpOptimWrapper'
            cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        if (cfg.get('auto_scale_lr') or {}).get('base_batch_size') is None:
            raise SystemExit(
                '--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=N) in the '
                'config, N being the batch size that its learning rate is meant for'
            )
        cfg.auto_scale_lr.enable = True
    if args.seed is not None and args.seeds:
        raise SystemExit('--seed contradicts --seeds: give the one or the other')
    randomness = dict(cfg.get('randomness') or {})
    # mmaction drops --seed without a word where the config names one.
    if args.seed is not None:
        randomness['seed'] = args.seed
    for name in ('diff_rank_seed', 'deterministic'):
        if getattr(args, name):
            randomness[name] = True
    cfg.randomness = dict(seed=randomness.pop('seed', None), **randomness)
    merge_options(cfg, args.cfg_options)
    set_loso_option(cfg, 'folds', args.folds)
    for name in ('select', 'strategy', 'seeds', 'share'):
        set_loso_option(cfg, name, getattr(args, name))
    return cfg


def train(args: argparse.Namespace) -> None:
    """Train, and test where the runner of the config does so."""
    from mmaction.registry import RUNNERS
    from mmengine.runner import Runner

    from mmaction_mer.engine.runners.clip_limits import check_config_clips
    from mmaction_mer.utils.cli.command_line import has_protocol

    cfg = build_config(args)
    if has_protocol(cfg):
        runner = RUNNERS.build(cfg)
    else:
        for note in check_config_clips(cfg):
            print(f'note: {note}', flush=True)
        runner = Runner.from_cfg(cfg)
    runner.train()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(train)(args)


if __name__ == '__main__':
    sys.exit(main())
