"""Make one data set of several prepared ones, such as the composite of MEGC 2019.

    python tools/data/compose.py data/casme2 data/samm data/smic --out data/megc2019

Frames are hard links where the file system has them. Cut short, it goes on when it is
started again.
"""

import argparse
import sys
from pathlib import Path

from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.datasets.preparation.compose import make_composite
from mmaction_mer.datasets.preparation.composite_report import as_markdown
from mmaction_mer.utils.cli.command_line import report_errors


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    add = parser.add_argument
    add('folders', nargs='+', type=Path, metavar='FOLDER', help='prepared data sets')
    add('--out', type=Path, required=True, help='folder to make')
    add('--labels', default='3class', help='which of their annotations (3class)')
    add('--strict', action='store_true', help='fail where MEGC 2019 counts otherwise')
    add('--store', action='store_true', help='also write a clip store')
    add('--workers', type=int, help='processes that write it (one per core)')
    return parser.parse_args(argv)


@report_errors
def main(argv: list[str] | None = None) -> None:
    """Make the composite and say what came out."""
    args = parse_args(argv)
    report = make_composite(
        args.folders, args.out, args.labels, args.store, args.workers
    )
    print(as_markdown(report))
    print(f'annotation: {args.out / "annotations.json"}')
    print(f'report: {args.out / "report.md"}')
    if args.strict and report['compared_with'] is None:
        raise MERDataError(
            '--strict: nothing is published to compare these data sets with: leave it '
            'out'
        )
    if args.strict and report['differences']:
        raise MERDataError(
            f'--strict: {args.out} differs from {report["compared_with"]}:\n  '
            + '\n  '.join(report['differences'])
        )


if __name__ == '__main__':
    sys.exit(main())
