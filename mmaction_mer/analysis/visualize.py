"""Figures and videos of a run, for ``tools/analysis/visualize.py``."""

import argparse
import math
from pathlib import Path

import numpy as np

from ..datasets.annotation import clip_name
from ..datasets.transforms.loading import LoadMERFrames
from ..engine.work_dir.work_dir import WorkDir
from ..models import MERDataPreprocessor
from ..motion import MagnifiedClip
from ..utils.errors import MERDataError, MERRunError
from ..visualization import save_figure, side_by_side, write_video
from .clip_views import has_gaussians
from .figure_request import MAPS, NEEDS, FigureRequest, finished_runs
from .figures import FIGURES
from .mistakes import clip_rows
from .pointing_game import print_agreement, print_map_hits
from .run_figures import FOLDER, record_figures
from .run_report import write_page

# Frame rate of the magnified videos in Hz: slow motion.
_PLAYBACK_FPS = 12
# Figures that the report contains anyway.
_IN_REPORT = ('confusion', 'mistakes')


def write_magnified(request: FigureRequest, folder: Path) -> list[Path]:
    """Write videos of some clips, each beside its magnified version.

    Raises:
        MERRunError: A clip or a value of ``--alpha --low --high`` cannot be used.
    """
    args, pre = request.args, request.cfg.model.get('data_preprocessor') or {}
    default = MERDataPreprocessor()
    band = default.band
    settings = dict(alpha=default.alpha, low=band['low'], high=band['high'])
    for name in settings:
        given = getattr(args, name)
        if given is not None and not 0 <= given < math.inf:
            raise MERRunError(f'must be at least 0, got {given}', field=f'--{name}')
        settings[name] = pre.get(name, settings[name]) if given is None else given
    names = [line['clip'] for line in request.run.lines]
    lines = [request.run.lines[one] for one in request.chosen('magnified', names)]
    rows, _ = clip_rows(request.cfg, {clip_name(line) for line in lines})
    written = []
    for line in lines:
        if clip_name(line) not in rows:
            raise MERDataError('is no longer in the dataset', clip=clip_name(line))
        loaded = LoadMERFrames(max_frames=None)(dict(rows[clip_name(line)]))
        try:
            clip = MagnifiedClip.of(np.stack(loaded['imgs']), float(loaded['fps']))
            magnified, _ = clip.magnified(**settings)
        except ValueError as error:
            raise MERRunError(str(error), clip=clip_name(line)) from error
        labels = (
            f'stabilized, {clip.fps / _PLAYBACK_FPS:.3g} x slower',
            f'x {settings["alpha"]:g}, {settings["low"]:g} to {settings["high"]:g} Hz',
        )
        path = folder / f'magnified_{line["clip"]}.mp4'
        both = side_by_side(clip.still, magnified, labels)
        written.append(write_video(path, both, _PLAYBACK_FPS))
    return written


def select_figures(request: FigureRequest) -> None:
    """Check the requested figures; of ``all``, keep those that the model supports.

    Raises:
        MERRunError: A figure is unknown, or the model does not support it.
    """
    names = request.what
    if unknown := [one for one in names if one not in (*FIGURES, 'all')]:
        raise MERRunError(
            f'there is no figure {unknown[0]}',
            field='--what',
            hint=f'use any of {", ".join(FIGURES)}, or all',
        )
    all_figures = 'all' in names
    request.what = list(FIGURES) if all_figures else list(dict.fromkeys(names))
    if not any(one in NEEDS for one in request.what):
        return
    model = request.model
    unsupported = {}
    if not has_gaussians(model):
        unsupported['gaussians'] = 'has no motion prompts and so no Gaussians'
    if not hasattr(model.backbone, 'vit'):
        unsupported |= dict.fromkeys(
            ('gradcam', 'rollout'), 'is not a ViT; use --what evidence'
        )
        unsupported['rank'] = 'has no rank-pooled images'
    for name in [one for one in request.what if one in unsupported]:
        reason = f'--what {name}: the model {unsupported[name]}'
        if not all_figures:
            raise MERRunError(reason, path=request.run.path)
        print(f'left out: {reason}')
        request.what.remove(name)


def draw_figures(args: argparse.Namespace) -> None:
    """Draw the requested figures, record them, and print hit rates."""
    request = FigureRequest(args, finished_runs(args.run), list(args.what))
    select_figures(request)
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
        if name not in _IN_REPORT:
            captions[path.name] = caption
    if set(request.what) & set(MAPS):
        print_map_hits(request)
    if 'gaussians' in request.what:
        print_agreement(request)
    if args.out is None and args.format == 'png':
        record_figures(folder, request.runs.values(), captions)
        if WorkDir(args.run).results():
            print(f'written: {write_page(args.run, request.cfg)}')
