"""Score checkpoints: the folds of a protocol again, or any one checkpoint.

All options of mmaction's ``tools/test.py`` with the same meaning. For a config
with a protocol the checkpoint may be left out (the run in the work directory is
scored), or be the work directory of a run, the folder of a fold or its model.pth.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', nargs='?', help='checkpoint file; for a protocol, see above'
    )
    parser.add_argument('--work-dir', help='folder for the results')
    parser.add_argument(
        '--folds', nargs='+', metavar='NAME', help='score these folds of the protocol'
    )
    parser.add_argument('--dump', help='write all predictions to this pickle file')
    parser.add_argument('--show-dir', help='folder for drawn predictions')
    parser.add_argument(
        '--show', action='store_true', help='show drawn predictions in a window'
    )
    parser.add_argument(
        '--interval', type=int, default=1, help='draw every so many clips'
    )
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds a window stays'
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
    if args.show or args.show_dir is not None:
        drawn = dict(
            enable=True,
            show=args.show,
            wait_time=args.wait_time,
            out_dir=args.show_dir,
            interval=args.interval,
        )
        hooks = dict(cfg.get('default_hooks') or {})
        own = hooks.get('visualization') or {}
        # mmaction's own hook cannot draw what its recognizers are given today.
        if own.get('type', 'VisualizationHook') == 'VisualizationHook':
            own = dict(type='MERVisualizationHook')
        hooks['visualization'] = {**own, **drawn}
        cfg.default_hooks = hooks
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise SystemExit(f'--dump {args.dump}: the file must end in .pkl')
        given = cfg.test_evaluator
        given = list(given) if isinstance(given, list | tuple) else [given]
        dump = dict(type='DumpResults', out_file_path=args.dump)
        cfg.test_evaluator = [*given, dump]
    cfg.launcher = args.launcher
    merge_options(cfg, args.cfg_options)
    named = args.work_dir or cfg.get('work_dir')
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if has_protocol(cfg):
        # The results of a run that is scored again belong beside it.
        run = (
            args.checkpoint
            if Path(args.checkpoint or '', 'loso.json').is_file()
            else ''
        )
        cfg.work_dir = args.work_dir or run or named or default_work_dir(args.config)
        set_loso_option(cfg, 'folds', args.folds)
    else:
        if args.checkpoint is None:
            raise SystemExit('a checkpoint is needed for a config without a protocol')
        cfg.work_dir = named or default_work_dir(args.config)
    return cfg


def test(args: argparse.Namespace) -> None:
    """Score the checkpoints."""
    from mmaction.registry import RUNNERS
    from mmengine.runner import Runner

    from mmaction_mer.utils.cli.command_line import has_protocol

    cfg = build_config(args)
    runner = RUNNERS.build(cfg) if has_protocol(cfg) else Runner.from_cfg(cfg)
    runner.test()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(test)(args)


if __name__ == '__main__':
    sys.exit(main())
