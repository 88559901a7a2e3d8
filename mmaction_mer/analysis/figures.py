"""The figures of a run, each from what is asked for to a picture and its caption."""

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
from ..visualization.mistake_figure import MistakenClip, plot_mistakes
from ..visualization.token_figure import plot_tokens
from .figure_request import MAPS, SHOWN, FigureRequest, finished_runs
from .run_report import clip_images, clip_rows, confident_mistakes, removes_head_motion

Drawn = tuple[Figure, str]


def draw_confusion(request: FigureRequest) -> Drawn:
    """Confusion matrix of all seeds."""
    lines = [line for run in request.runs.values() for line in run.lines]
    matrix = confusion_matrix(
        [line['label'] for line in lines],
        [line['prediction'] for line in lines],
        len(request.run.classes),
    )
    return plot_confusion(matrix, request.run.classes, request.title), (
        'Confusion matrix' + _seeds(request)
    )


def draw_classes(request: FigureRequest) -> Drawn:
    """Accuracy of each class, beside that of a baseline."""
    runs = {request.args.run.resolve().name: request.runs}
    if request.args.baseline:
        name = request.args.baseline.resolve().name
        runs[name if name not in runs else f'{name} (baseline)'] = finished_runs(
            request.args.baseline
        )
    classes = request.run.classes
    bars, clips = {}, []
    for name, seeds in runs.items():
        first = next(iter(seeds.values()))
        if first.classes != classes:
            raise MERRunError(
                f'{first.path}: its classes are {", ".join(first.classes)}, those of '
                f'{request.run.path} are {", ".join(classes)}: they cannot be compared'
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


def draw_tsne(request: FigureRequest) -> Drawn:
    """The class tokens of all clips in a plane."""
    views = request.views
    points = tsne(np.stack(views.tokens), request.run.seed)
    note = (
        'Each clip as the fold sees it that has not learnt from its subject: points of '
        'different folds come from\ndifferent models, so that clusters on the right '
        'may be of models as well as of people.'
    )
    figure = plot_tokens(
        points,
        [row['label'] for row in views.rows],
        [str(row['subject']) for row in views.rows],
        request.run.classes,
        f'{request.title}: t-SNE of what the head is given',
        note,
    )
    return figure, 't-SNE of the class tokens, every clip by its own fold’s model'


def draw_map(name: str, caption: str) -> Callable[[FigureRequest], Drawn]:
    """Make the function that draws one of the maps over the faces."""

    def draw(request: FigureRequest) -> Drawn:
        views, maps = request.views, request.views.maps
        if MAPS[name] not in maps:
            raise MERRunError(
                f'--what {name}: a {type(request.model).__name__} has no such map; '
                f'--what evidence is what it has'
            )
        chosen = request.chosen(name, views.clips)
        regions = request.regions
        figure = plot_heat_maps(
            np.stack(views.frames)[chosen],
            np.stack(maps[MAPS[name]])[chosen],
            None if regions is None else regions[chosen],
            [views.clips[index] for index in chosen],
        )
        outlined = '' if regions is None else '; outlined: where the face truly moves'
        return figure, f'{caption}, of held-out clips{outlined}'

    return draw


def draw_gaussians(request: FigureRequest) -> Drawn:
    """The Gaussians of some clips over time."""
    views = request.views
    chosen = request.chosen('gaussians', views.clips)
    figure = plot_gaussians(
        np.stack(views.weights)[chosen],
        [views.apexes[index] for index in chosen],
        [views.clips[index] for index in chosen],
        request.title,
    )
    return figure, 'Gaussians of the motion prompts over time, of held-out clips'


def draw_rank(request: FigureRequest) -> Drawn:
    """Rank-pooled images of some clips."""
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
    return figure, 'Rank-pooled images, as the model sees them'


def draw_mistakes(request: FigureRequest) -> Drawn:
    """The most confident mistakes."""
    seeds = [run.lines for run in request.runs.values()]
    given = request.args.clips
    limit = SHOWN['mistakes']
    if len(given) == 1 and given[0].isdigit():
        limit = max(1, int(given[0]))
    found = confident_mistakes(seeds, limit)
    if not found:
        raise MERRunError(f'{request.args.run}: no clip was taken for another class')
    rows, transforms = clip_rows(request.cfg, {one['name'] for one in found})
    shown = []
    for one in found:
        pictures: list[tuple[str, np.ndarray]] = []
        if one['name'] in rows:
            remove_head_motion = removes_head_motion(request.cfg)
            pictures = clip_images(rows[one['name']], transforms, remove_head_motion)
        shown.append(
            MistakenClip(
                one['clip'],
                one['label'],
                one['prediction'],
                one['probabilities'],
                pictures,
                '' if pictures else 'the clip is not in the data set any more',
            )
        )
    figure = plot_mistakes(shown, request.run.classes, request.title)
    return figure, 'Most confident mistakes' + _seeds(request)


FIGURES: dict[str, Callable[[FigureRequest], Drawn] | None] = {
    'confusion': draw_confusion,
    'classes': draw_classes,
    'tsne': draw_tsne,
    'gradcam': draw_map('gradcam', 'Grad-CAM of the predicted class'),
    'rollout': draw_map('rollout', 'Attention roll-out from the class token'),
    'evidence': draw_map('evidence', 'What speaks for the predicted class'),
    'gaussians': draw_gaussians,
    'magnified': None,  # videos
    'rank': draw_rank,
    'mistakes': draw_mistakes,
}


def _seeds(request: FigureRequest) -> str:
    count = len(request.runs)
    return f', {count} seeds together' if count > 1 else ''
