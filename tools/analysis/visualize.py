"""Draw the figures of a run: what it got right, and what it looked at.

    python tools/analysis/visualize.py RUN --what all
    python tools/analysis/visualize.py RUN --what classes --baseline OTHER_RUN
    python tools/analysis/visualize.py RUN --what magnified --clips 2 --alpha 15

RUN is a work directory of one seed or of several; of several, what models see is that
of the first. Each fold is shown the clips of its own held-out subjects alone. Pictures
go to RUN/figures, and from there into RUN/report.html.

On SynthME, of which the truth is known, hit rates are printed: how often the hottest
place of a map lies where the face moves by half of its most or more, and how well the
Gaussians agree with the true apex.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.analysis.clip_views import has_gaussians
from mmaction_mer.analysis.figure_request import (
    MAPS,
    NEEDS,
    FigureRequest,
    finished_runs,
)
from mmaction_mer.analysis.figures import FIGURES
from mmaction_mer.analysis.pointing_game import print_agreement, print_hits
from mmaction_mer.analysis.run_figures import FOLDER, note_figures
from mmaction_mer.analysis.run_report import clip_rows, write_page
from mmaction_mer.datasets.annotation import clip_name
from mmaction_mer.datasets.transforms.loading import LoadMERFrames
from mmaction_mer.engine.work_dir.stored_runs import read_results
from mmaction_mer.models import MERDataPreprocessor
from mmaction_mer.motion import Film
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization import save_figure, side_by_side, write_video

#: Frames a second of the magnified videos: slow enough to follow.
PLAYED = 12
#: The page has these already.
ON_PAGE = ('confusion', 'mistakes')


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run', type=Path, help='work directory of a finished run')
    parser.add_argument(
        '--what', nargs='+', required=True, metavar='FIGURE',
        help=f'{" ".join(FIGURES)} or all',
    )  # fmt: skip
    parser.add_argument(
        '--baseline', type=Path, metavar='RUN', help='beside the classes of this run'
    )
    parser.add_argument('--out', type=Path, help='folder; default: RUN/figures')
    parser.add_argument('--format', choices=('png', 'pdf'), default='png')
    parser.add_argument(
        '--clips', nargs='+', default=[], metavar='N', help='so many clips, or names'
    )
    parser.add_argument('--alpha', type=float, help="gain; default: the config's")
    parser.add_argument('--low', type=float, help='lower edge of the band in Hz')
    parser.add_argument('--high', type=float, help='upper edge of the band in Hz')
    parser.add_argument('--device', default='cpu')
    return parser.parse_args(arguments)


def write_magnified(request: FigureRequest, folder: Path) -> list[Path]:
    """Write videos of some clips, the magnified beside the original."""
    args, pre = request.args, request.cfg.model.get('data_preprocessor') or {}
    usual = MERDataPreprocessor()
    settings = dict(alpha=usual.alpha, low=usual.band['low'], high=usual.band['high'])
    for name in settings:
        given = getattr(args, name)
        if given is not None and not 0 <= given < math.inf:
            raise MERRunError(f'--{name} is {given}, but must be 0 or more')
        settings[name] = pre.get(name, settings[name]) if given is None else given
    names = [line['clip'] for line in request.run.lines]
    lines = [request.run.lines[one] for one in request.chosen('magnified', names)]
    rows, _ = clip_rows(request.cfg, {clip_name(line) for line in lines})
    written = []
    for line in lines:
        if clip_name(line) not in rows:
            raise MERRunError(
                f'clip {clip_name(line)}: is not in the data set any more'
            )
        loaded = LoadMERFrames(max_frames=None)(dict(rows[clip_name(line)]))
        try:
            film = Film.of(np.stack(loaded['imgs']), float(loaded['fps']))
            magnified, _ = film.magnified(**settings)
        except ValueError as error:
            raise MERRunError(f'clip {clip_name(line)}: {error}') from error
        labels = (
            f'head held still, {film.fps / PLAYED:.3g} x slower',
            f'x {settings["alpha"]:g}, {settings["low"]:g} to {settings["high"]:g} Hz',
        )
        both = side_by_side(film.still, magnified, labels)
        written.append(
            write_video(folder / f'magnified_{line["clip"]}.mp4', both, PLAYED)
        )
    return written


def check_asked(request: FigureRequest) -> None:
    """Check what was asked for; of ``all``, keep what the model has."""
    names = request.what
    if unknown := [one for one in names if one not in (*FIGURES, 'all')]:
        raise MERRunError(
            f'--what {unknown[0]}: there is no such figure; there are '
            f'{", ".join(FIGURES)} and all'
        )
    whole = 'all' in names
    request.what = list(FIGURES) if whole else list(dict.fromkeys(names))
    if not any(one in NEEDS for one in request.what):
        return
    model = request.model
    lacking = {}
    if not has_gaussians(model):
        lacking['gaussians'] = 'has no motion prompts and so no Gaussians'
    if not hasattr(model.backbone, 'vit'):
        lacking |= dict.fromkeys(
            ('gradcam', 'rollout'),
            'is not over a ViT; --what evidence shows where it looks',
        )
        lacking['rank'] = 'is not given rank-pooled images'
    for name in [one for one in request.what if one in lacking]:
        reason = f'--what {name}: the model of {request.run.path} {lacking[name]}'
        if not whole:
            raise MERRunError(reason)
        print(f'left out: {reason}')
        request.what.remove(name)


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Draw what was asked for, write it down, count hits."""
    args = parse_args(arguments)
    request = FigureRequest(args, finished_runs(args.run), list(args.what))
    check_asked(request)
    folder = args.out or args.run / FOLDER
    captions = {}
    for name in request.what:
        if name == 'magnified':
            for path in write_magnified(request, folder):
                print(f'written: {path}')
            continue
        figure, caption = FIGURES[name](request)
        path = save_figure(figure, folder / f'{name}.{args.format}', dpi=100)
        print(f'written: {path}')
        if name not in ON_PAGE:
            captions[path.name] = caption
    if set(request.what) & set(MAPS):
        print_hits(request)
    if 'gaussians' in request.what:
        print_agreement(request)
    if args.out is None and args.format == 'png':
        note_figures(folder, request.runs.values(), captions)
        if read_results(args.run):
            print(f'written: {write_page(args.run, request.cfg)}')


if __name__ == '__main__':
    sys.exit(main())
