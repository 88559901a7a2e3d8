"""Run ablation tables: every row is a run of one base config with overrides.

    python tools/ablate.py configs/ablations/table6.py --seeds 0 1 2
    python tools/ablate.py configs/ablations/table7.py --only VPT-Shallow
    python tools/ablate.py configs/ablations/*.py --base configs/mpt_vit-tiny_synthme.py

Rows with the same config, also of different tables, are trained once. Finished rows are
skipped, interrupted ones resumed; a row that fails is named in the table while the
others go on. After every row the tables are written again, to OUT/<base>/<table>.md,
.tex, .json and .png.

Several processes with one --out, on several GPUs for instance, share the rows: each
skips those that another one is training.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('tables', nargs='+', metavar='TABLE', help='files of tables')
    parser.add_argument(
        '--only', nargs='+', metavar='ROW', help='run only the rows of these names'
    )
    parser.add_argument(
        '--base', help="base config in place of the tables' own: other data or backbone"
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/ablations'),
        help='folder for tables and runs (default: %(default)s)',
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        metavar='N',
        help="run every row once per seed (default: the base config's seeds)",
    )
    parser.add_argument(
        '--strategy',
        choices=['sequential', 'stacked', 'parallel'],
        help='how folds are trained; the numbers are the same',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help="change settings of all rows, before a row's own options",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        '--dry-run',
        action='store_true',
        help='print what the rows override and which are done; train nothing',
    )
    mode.add_argument(
        '--table-only',
        action='store_true',
        help='write the tables of the finished rows; train nothing',
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tables."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.ablation import run_tables
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(run_tables)(**vars(args))


if __name__ == '__main__':
    sys.exit(main())
