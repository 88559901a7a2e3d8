"""``python -m mmaction_mer``: predict clips, or serve the demo page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import register_all_modules

if TYPE_CHECKING:
    from .apis.clip_prediction import ClipPrediction
    from .apis.mer_inferencer import MERInferencer

# apis.weights.DEMO and apis.face_crop.FACE_MODES, which a test compares: importing them
# takes seconds, and --help should not.
DEMO = 'demo'
FACE_MODES = ('align', 'as-is')


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m mmaction_mer', description='Micro-expressions in videos.'
    )
    commands = parser.add_subparsers(dest='command', required=True)
    predict = commands.add_parser(
        'predict', help='predict clips: label, probabilities, apex, location'
    )
    predict.add_argument(
        'inputs', nargs='+', help='video files, or folders with the frames of a clip'
    )
    predict.add_argument(
        '--fps',
        type=float,
        help='frames per second of the recording; by default that of the video file, '
        'which is wrong for high-speed recordings that are stored to be played slowly',
    )
    predict.add_argument('--out', type=Path, help='JSON file for the results')
    predict.add_argument(
        '--render', type=Path, help='mp4 with the result drawn in; a folder for many'
    )
    predict.add_argument(
        '--timeline', type=Path, help='PNG of the scores over time; a folder for many'
    )
    predict.add_argument(
        '--window', type=float, help='seconds of a window of a long video (0.5)'
    )
    predict.add_argument(
        '--stride', type=float, help='seconds between windows (half a window)'
    )
    predict.add_argument('--batch-size', type=int, default=8, metavar='N')
    app = commands.add_parser('app', help='serve a page to try it')
    app.add_argument('--port', type=int, default=7860)
    app.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen on; with any but the default, others have access',
    )
    for one in (predict, app):
        one.add_argument(
            '--model',
            default=DEMO,
            help=f'{DEMO!r} (default), the work directory of a run, the folder or '
            f'model.pth of a fold, or a file of tools/publish_model.py',
        )
        one.add_argument('--weights', help='checkpoint, where --model is a config file')
        one.add_argument('--folds', nargs='+', help='use only these folds')
        one.add_argument('--device', help='device, as in torch (a GPU if there is one)')
        one.add_argument(
            '--face',
            choices=FACE_MODES,
            default=FACE_MODES[0],
            help='detect and align the face, or take frames that are cropped already',
        )
        one.add_argument('--face-model', help='file of the face finder')
    return parser.parse_args(arguments)


def predict(args: argparse.Namespace, inferencer: 'MERInferencer') -> None:
    """Read every input; one that cannot be read does not stop the others."""
    from .apis.frame_sources import open_frame_source
    from .utils.errors import MERDataError, MERRunError
    from .utils.json_files import write_json

    many = len(args.inputs) > 1
    for place in (args.render, args.timeline):
        if many and place is not None and place.suffix:
            raise MERRunError(
                f'{len(args.inputs)} clips need a folder, not a file', path=place
            )
    if args.render and not many and args.render.suffix != '.mp4':
        raise MERRunError('videos are written as .mp4', path=args.render)
    for place in (args.out, args.render, args.timeline):
        # Checked before all the work.
        if place is not None and not many and place.is_dir():
            raise MERRunError('is a folder', path=place, hint='name a file in it')
    predictions, failed = [], []
    for number, given in enumerate(args.inputs):
        try:
            source = open_frame_source(given, args.fps)
            prediction = inferencer.predict(
                source, args.window, args.stride, args.batch_size
            )
        except MERDataError as error:
            if not many:
                raise
            failed.append(str(error))
            print(f'error: {error}', file=sys.stderr)
            continue
        predictions.append({**prediction.as_dict(), 'input': str(given)})
        print(_line(prediction))
        if args.out:  # after each clip: a later one may fail
            write_json(args.out, {'predictions': predictions, 'failed': failed})
        name = f'{number:03d}_{Path(given).stem}'
        if args.render:
            from .apis.overlay import write_overlay

            path = args.render / f'{name}.mp4' if many else args.render
            print(f'written: {write_overlay(path, prediction, source)}')
        if args.timeline:
            from .apis.timeline import plot_timeline
            from .visualization.saving import save_figure

            path = args.timeline / f'{name}.png' if many else args.timeline
            print(f'written: {save_figure(plot_timeline(prediction), path)}')
    if args.out:
        path = write_json(args.out, {'predictions': predictions, 'failed': failed})
        print(f'written: {path}')
    if failed:
        raise MERDataError(f'{len(failed)} of {len(args.inputs)} clips failed')


def _line(prediction: 'ClipPrediction') -> str:
    scores = ', '.join(
        f'{name} {value:.0%}'
        for name, value in zip(prediction.classes, prediction.window.mean, strict=True)
    )
    apex = prediction.apex
    when = '' if apex is None else f', apex about frame {apex:.0f}'
    windows = len(prediction.windows)
    where = f' (strongest of {windows} windows)' if windows > 1 else ''
    notes = ''.join(f'; {note}' for note in prediction.notes)
    return f'{prediction.name}: {prediction.label}{where} ({scores}){when}{notes}'


def run(args: argparse.Namespace) -> None:
    """Run the command that was asked for."""
    if args.command == 'app':
        from .app.serving import launch

        launch(
            args.model,
            args.weights,
            folds=args.folds,
            device=args.device,
            face=args.face,
            face_model=args.face_model,
            host=args.host,
            port=args.port,
        )
        return
    from .apis.mer_inferencer import MERInferencer

    inferencer = MERInferencer(
        args.model,
        args.weights,
        args.device,
        args.folds,
        args.face,
        args.face_model,
        show_progress=sys.stderr.isatty(),
    )
    predict(args, inferencer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    register_all_modules()
    from .utils.cli.command_line import report_errors

    return report_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
