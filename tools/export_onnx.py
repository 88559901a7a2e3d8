"""Export a trained recognizer as an ONNX file, from frames to probabilities.

    python tools/export_onnx.py work_dirs/RUN/folds/sub01 --fps 50 --out model.onnx
    python tools/export_onnx.py CONFIG --checkpoint model.pth --out model.onnx

docs/export.md describes the inputs and outputs of the file.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmaction_mer.apis.weights import FoldWeights


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
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
        help='frame rate in Hz of all clips after resampling to the number of frames '
        'of the model; without it the filter of a clip is a second input',
    )
    parser.add_argument(
        '--opset', type=int, default=18, help='version of the ONNX operators (18)'
    )
    return parser.parse_args(arguments)


def one_fold(weights: 'FoldWeights', name: str | None) -> 'FoldWeights':
    """Select the fold to export."""
    from mmaction_mer.utils.errors import MERRunError

    if name is not None:
        return weights.select([name])
    if len(weights.folds) > 1:
        raise MERRunError(
            f'has {len(weights.folds)} folds, but a file contains one',
            path=weights.source,
            hint=f'choose one with --fold: {", ".join(weights.folds)}',
        )
    return weights


def export(args: argparse.Namespace) -> None:
    """Export the model."""
    from mmaction_mer.apis.ensemble import FoldEnsemble
    from mmaction_mer.apis.onnx_export import export_onnx
    from mmaction_mer.apis.weights import load_weights

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported after the command line is parsed: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(export)(args)


if __name__ == '__main__':
    sys.exit(main())
