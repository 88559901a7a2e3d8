"""Compare two runs on the same clips: B against A."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

#: Resamples of the subjects.
RESAMPLES = 2000


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('a', 'b'):
        parser.add_argument(
            name,
            type=Path,
            metavar=name.upper(),
            help="a run's work directory, of one seed or of several",
        )
    parser.add_argument('--json', type=Path, help='write the comparison there')
    parser.add_argument(
        '--resamples',
        type=int,
        default=RESAMPLES,
        help='number of resamples of the subjects (default: %(default)s)',
    )
    args = parser.parse_args(arguments)
    if args.resamples < 1:
        parser.error(f'--resamples {args.resamples}: at least one is needed')
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.analysis.comparison import print_comparison
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(print_comparison)(args)


if __name__ == '__main__':
    sys.exit(main())
