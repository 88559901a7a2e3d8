"""Write a trained recognizer as an ONNX file: from frames to probabilities.

    python tools/export_onnx.py work_dirs/RUN/folds/sub01 --fps 50 --out model.onnx
    python tools/export_onnx.py CONFIG --checkpoint model.pth --out model.onnx

docs/export.md says what the file takes and gives.
"""

import argparse
import sys
from collections.abc import Sequence

# First of all: it repairs the host stack and registers this package's parts.
import mmaction_mer  # noqa: F401

# isort: split
from mmaction_mer.apis.ensemble import FoldEnsemble
from mmaction_mer.apis.onnx_export import export_onnx
from mmaction_mer.apis.weights import FoldWeights, load_weights
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source',
        help='work directory of a run, folder or model.pth of a fold, a file of '
        "weights, 'demo', or a config with --checkpoint",
    )
    parser.add_argument('--checkpoint', help='weights for a config')
    parser.add_argument('--fold', help='which fold of a run')
    parser.add_argument('--out', default='model.onnx', help='default: %(default)s')
    parser.add_argument(
        '--fps',
        type=float,
        help='frame rate of all clips to come, in Hz, once each has the number of '
        "frames that the model takes; without it a clip's filter is a second input",
    )
    parser.add_argument(
        '--opset', type=int, default=18, help="version of ONNX's operators (18)"
    )
    return parser.parse_args(arguments)


def one_fold(weights: FoldWeights, name: str | None) -> FoldWeights:
    """Choose the fold that is written."""
    if name is not None:
        return weights.only([name])
    if len(weights.folds) > 1:
        raise MERRunError(
            f'{weights.source}: has {len(weights.folds)} folds, and a file holds one: '
            f'choose by --fold, of {", ".join(weights.folds)}'
        )
    return weights


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Export."""
    args = parse_args(arguments)
    weights = one_fold(load_weights(args.source, args.checkpoint), args.fold)
    (fold,) = weights.folds
    model = FoldEnsemble(weights, 'cpu').model
    path = export_onnx(
        model,
        args.out,
        weights.pipeline,
        weights.classes,
        args.fps,
        args.opset,
        dict(fold=fold, held_out=weights.held_out.get(fold, [])),
    )
    print(f'written: {path} ({path.stat().st_size / 1e6:.1f} MB)')


if __name__ == '__main__':
    sys.exit(main())
