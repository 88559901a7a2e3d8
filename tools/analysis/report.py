"""Write the report of a run, report.html, again from its work directory."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dir', type=Path, help="a run's work directory, of one seed or of several"
    )
    parser.add_argument(
        '--config', help='config file (default: the one in the work directory)'
    )
    return parser.parse_args(arguments)


def write_report(args: argparse.Namespace) -> None:
    """Read the run and write its report."""
    from mmaction_mer.analysis.run_report import write_page
    from mmaction_mer.engine.work_dir.work_dir import WorkDir
    from mmaction_mer.utils.cli.command_line import read_config

    cfg = read_config(str(args.config or WorkDir(args.work_dir).config_file()))
    print(f'written: {write_page(args.work_dir, cfg)}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(write_report)(args)


if __name__ == '__main__':
    sys.exit(main())
