"""Print what models cost: parameters, multiply-adds, memory, checkpoints, time.

    python tools/analysis/complexity.py configs/mpt_vit-b16_smic.py
    python tools/analysis/complexity.py configs/*_smic.py configs/ablations/table6.py

One model: a list, part by part. Several: a table, one row each (MPT, Table V). Each row
of a table of configs/ablations is a model.
"""

import argparse
import sys
from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'configs', nargs='+', help='config files, or tables of configs/ablations'
    )
    parser.add_argument(
        '--image-size', type=int, help="in pixels (default: the config's)"
    )
    parser.add_argument(
        '--device', default='cpu', help='device of the timing (default: cpu)'
    )
    parser.add_argument(
        '--pretrained',
        action='store_true',
        help='also load the pre-trained weights, which do not change the result',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action='extend', metavar='KEY=VALUE'
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.ablation.complexity_table import print_costs
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(print_costs)(args)


if __name__ == '__main__':
    sys.exit(main())
