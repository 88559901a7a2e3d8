"""Write the page of a run, report.html, again from its work directory."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# First of all: it repairs the host stack and registers this package's parts.
import mmaction_mer  # noqa: F401

# isort: split
from mmaction_mer.analysis.run_report import write_page
from mmaction_mer.engine.work_dir.stored_runs import find_config
from mmaction_mer.utils.cli.command_line import read_config, report_errors


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dir', type=Path, help="a run's work directory, of one seed or of several"
    )
    parser.add_argument(
        '--config', help='config file; default: the one in the work directory'
    )
    return parser.parse_args(arguments)


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Read, write."""
    args = parse_args(arguments)
    cfg = read_config(str(args.config or find_config(args.work_dir)))
    print(f'written: {write_page(args.work_dir, cfg)}')


if __name__ == '__main__':
    sys.exit(main())
