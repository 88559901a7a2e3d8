"""Compose several prepared data sets into one, such as the composite of MEGC 2019.

    python tools/data/compose.py data/casme2 data/samm data/smic --out data/megc2019

Frames are hard links if the file system has them. An interrupted run continues when it
is started again.
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    add = parser.add_argument
    add('folders', nargs='+', type=Path, metavar='FOLDER', help='prepared data sets')
    add('--out', type=Path, required=True, help='folder to create')
    add('--labels', default='3class', help='which of their annotations (3class)')
    add('--strict', action='store_true', help='fail if MEGC 2019 has other counts')
    add('--store', action='store_true', help='also write a clip store')
    add('--workers', type=int, help='processes that write it (one per core)')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Make the composite and print its report.

    Raises:
        MERDataError: It cannot be made, or differs under ``--strict``.
    """
    from mmaction_mer.datasets.preparation.compose import make_composite
    from mmaction_mer.datasets.preparation.composite_report import as_markdown
    from mmaction_mer.utils.errors import MERDataError

    report = make_composite(
        args.folders, args.out, args.labels, args.store, args.workers
    )
    print(as_markdown(report))
    print(f'annotation: {args.out / "annotations.json"}')
    print(f'report: {args.out / "report.md"}')
    if args.strict and report['compared_with'] is None:
        raise MERDataError(
            'nothing is published to compare these data sets with',
            field='--strict',
            hint='leave it out',
        )
    if args.strict and report['differences']:
        lines = '\n  '.join(report['differences'])
        raise MERDataError(
            f'differs from {report["compared_with"]}:\n  {lines}', path=args.out
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(argv)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
