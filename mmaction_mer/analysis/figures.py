"""The figures of a run, each drawn from a request and returned with its caption."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.bootstrap import class_recalls
from ..evaluation.functional import confusion_matrix
from ..utils.errors import MERRunError
from ..visualization.class_bars import plot_class_accuracy
from ..visualization.confusion import plot_confusion
from ..visualization.contact_sheet import contact_sheet
from ..visualization.embedding import tsne
from ..visualization.gaussian_figure import plot_gaussians
from ..visualization.heat_figure import plot_heat_maps
from ..visualization.mistake_figure import plot_mistakes
from ..visualization.token_figure import plot_tokens
from .figure_request import MAPS, SHOWN, FigureRequest, finished_runs
from .mistakes import load_mistakes

CaptionedFigure = tuple[Figure, str]


def draw_confusion(request: FigureRequest) -> CaptionedFigure:
    """Draw the confusion matrix of all seeds."""
    lines = [line for run in request.runs.values() for line in run.lines]
    matrix = confusion_matrix(
        [line['label'] for line in lines],
        [line['prediction'] for line in lines],
        len(request.run.classes),
    )
    return plot_confusion(matrix, request.run.classes, request.title), (
        'Confusion matrix' + _seeds(request)
    )


def draw_classes(request: FigureRequest) -> CaptionedFigure:
    """Draw the accuracy of each class, beside that of a baseline if there is one."""
    runs = {request.args.run.resolve().name: request.runs}
    if request.args.baseline:
        name = request.args.baseline.resolve().name
        runs[name if name not in runs else f'{name} (baseline)'] = finished_runs(
            request.args.baseline
        )
    classes = request.run.classes
    bars = {}
    for name, seeds in runs.items():
        first = next(iter(seeds.values()))
        if first.classes != classes:
            raise MERRunError(
                f'are {", ".join(first.classes)}, but those of {request.run.path} are '
                f'{", ".join(classes)}',
                path=first.path,
                field='classes',
                hint='compare runs of one annotation',
            )
        lines = [line for run in seeds.values() for line in run.lines]
        bars[name] = class_recalls(
            [line['label'] for line in lines],
            [line['prediction'] for line in lines],
            [f'{line["dataset"]}/{line["subject"]}' for line in lines],
            len(classes),
        )
    labels = [line['label'] for line in request.run.lines]
    clips = np.bincount(labels, minlength=len(classes)).tolist()
    figure = plot_class_accuracy(bars, classes, clips, request.title)
    return figure, (
        'Accuracy of each class, with 95 % intervals over subjects' + _seeds(request)
    )


def draw_tsne(request: FigureRequest) -> CaptionedFigure:
    """Draw the class tokens of all clips, embedded in two dimensions."""
    views = request.views
    points = tsne(np.stack(views.tokens), request.run.seed)
    note = (
        'The token of each clip is that of the fold that holds out its subject: points '
        'of different folds come from\ndifferent models, so that clusters on the right '
        'may be of models as well as of subjects.'
    )
    figure = plot_tokens(
        points,
        [row['label'] for row in views.rows],
        [str(row['subject']) for row in views.rows],
        request.run.classes,
        f'{request.title}: t-SNE of the input of the head',
        note,
    )
    return (
        figure,
        't-SNE of the class tokens, each of the model that holds out the clip',
    )


def draw_map(name: str, caption: str) -> Callable[[FigureRequest], CaptionedFigure]:
    """Return the function that draws one of the maps over faces."""

    def draw(request: FigureRequest) -> CaptionedFigure:
        views, maps = request.views, request.views.maps
        if MAPS[name] not in maps:
            raise MERRunError(
                f'--what {name}: {type(request.model).__name__} has no such map',
                hint='use --what evidence',
            )
        chosen = request.chosen(name, views.clips)
        regions = request.regions
        figure = plot_heat_maps(
            np.stack(views.frames)[chosen],
            np.stack(maps[MAPS[name]])[chosen],
            None if regions is None else regions[chosen],
            [views.clips[index] for index in chosen],
        )
        outlined = '' if regions is None else '; outlined: the true movement'
        return figure, f'{caption}, of held-out clips{outlined}'

    return draw


def draw_gaussians(request: FigureRequest) -> CaptionedFigure:
    """Draw the Gaussians of some clips over time."""
    views = request.views
    chosen = request.chosen('gaussians', views.clips)
    figure = plot_gaussians(
        np.stack(views.weights)[chosen],
        [views.apexes[index] for index in chosen],
        [views.clips[index] for index in chosen],
        request.title,
    )
    return figure, 'Gaussians of the motion prompts over time, of held-out clips'


def draw_rank(request: FigureRequest) -> CaptionedFigure:
    """Draw the rank-pooled images of some clips."""
    views = request.views
    chosen = request.chosen('rank', views.clips)
    classes = request.run.classes
    figure = contact_sheet(
        [
            np.rint(views.rank_images[index]).clip(0, 255).astype(np.uint8)
            for index in chosen
        ],
        [
            f'{views.clips[index]} · {classes[views.rows[index]["label"]]}'
            for index in chosen
        ],
        columns=6,
    )
    return figure, 'Rank-pooled images, after augmentation'


def draw_mistakes(request: FigureRequest) -> CaptionedFigure:
    """Draw the most confident mistakes."""
    lines = [run.lines for run in request.runs.values()]
    given = request.args.clips
    limit = SHOWN['mistakes']
    if len(given) == 1 and given[0].isdigit():
        limit = max(1, int(given[0]))
    mistakes = load_mistakes(lines, request.cfg, limit)
    if not mistakes:
        raise MERRunError('no clip was misclassified', path=request.args.run)
    figure = plot_mistakes(mistakes, request.run.classes, request.title)
    return figure, 'Most confident mistakes' + _seeds(request)


FIGURES: dict[str, Callable[[FigureRequest], CaptionedFigure] | None] = {
    'confusion': draw_confusion,
    'classes': draw_classes,
    'tsne': draw_tsne,
    'gradcam': draw_map('gradcam', 'Grad-CAM of the predicted class'),
    'rollout': draw_map('rollout', 'Attention roll-out from the class token'),
    'evidence': draw_map('evidence', 'Evidence for the predicted class'),
    'gaussians': draw_gaussians,
    'magnified': None,  # videos, see visualize.py
    'rank': draw_rank,
    'mistakes': draw_mistakes,
}


def _seeds(request: FigureRequest) -> str:
    count = len(request.runs)
    return f', {count} seeds together' if count > 1 else ''
