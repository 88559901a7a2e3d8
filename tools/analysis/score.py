"""Score stored predictions: of a run's folder, of folds, or of files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

#: Ways to choose the iteration.
SELECTIONS = ('last', 'inner', 'test')


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'paths',
        nargs='+',
        type=Path,
        help="a run's folder (with folds/*/predictions.jsonl), fold folders, or files",
    )
    parser.add_argument(
        '--selection',
        choices=SELECTIONS,
        help='how the iteration was chosen (default: as stored with the run)',
    )
    parser.add_argument('--classes', nargs='+', help='names of the classes')
    parser.add_argument('--annotation', help='annotation file with those names')
    parser.add_argument('--out', help='JSON file for the results')
    parser.add_argument('--megc-log', help='text file for a log in the MEGC format')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.analysis.scoring import print_scores
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(print_scores)(args)


if __name__ == '__main__':
    sys.exit(main())
