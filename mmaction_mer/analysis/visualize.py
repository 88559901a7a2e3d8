"""The figures of a run, as ``tools/analysis/visualize.py`` draws them."""

import argparse
import math
from pathlib import Path

import numpy as np

from ..datasets.annotation import clip_name
from ..datasets.transforms.loading import LoadMERFrames
from ..engine.work_dir.work_dir import WorkDir
from ..models import MERDataPreprocessor
from ..motion import MagnifiedClip
from ..utils.errors import MERRunError
from ..visualization import save_figure, side_by_side, write_video
from .clip_views import has_gaussians
from .figure_request import (
    MAPS,
    NEEDS,
    FigureRequest,
    finished_runs,
)
from .figures import FIGURES
from .pointing_game import print_agreement, print_hits
from .run_figures import FOLDER, note_figures
from .run_report import clip_rows, write_page

#: Frames a second of the magnified videos: slow enough to follow.
PLAYED = 12
#: The page has these already.
ON_PAGE = ('confusion', 'mistakes')


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
            film = MagnifiedClip.of(np.stack(loaded['imgs']), float(loaded['fps']))
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


def draw_figures(args: argparse.Namespace) -> None:
    """Draw what was asked for, write it down, count hits."""
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
        if WorkDir(args.run).results():
            print(f'written: {write_page(args.run, request.cfg)}')
