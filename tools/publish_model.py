"""Pack a run, or some of its folds, into one file for MERInferencer.

    python tools/publish_model.py work_dirs/mpt_vit-tiny_synthme --out model.pth

The file contains the config of model and pipeline, the classes, and the trained weights
of each fold; no optimizer state and no data. Frozen weights stay in the file that the
config names.
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
    parser.add_argument('run', help='work directory of a run, or folder of a fold')
    parser.add_argument('--folds', nargs='+', help='only these folds')
    parser.add_argument('--out', type=Path, required=True, help='file to write')
    return parser.parse_args(arguments)


def publish(args: argparse.Namespace) -> None:
    """Load the run, check it and write the file."""
    from mmaction_mer.apis.ensemble import FoldEnsemble
    from mmaction_mer.apis.weights import load_weights, save_weights

    weights = load_weights(args.run)
    if args.folds:
        weights = weights.select(args.folds)
    FoldEnsemble(weights, 'cpu')  # checks that the weights can be loaded
    path = save_weights(weights, args.out)
    size = path.stat().st_size / 1e6
    print(f'written: {path} ({len(weights.folds)} folds, {size:.1f} MB)')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported after the command line is parsed: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(publish)(args)


if __name__ == '__main__':
    sys.exit(main())
