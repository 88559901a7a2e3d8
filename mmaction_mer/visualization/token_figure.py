"""Clips as points: what lies near each other looks alike to the models."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .clip_sheets import class_colour

#: With more subjects their names do not fit beside the points.
NAMED = 24


def plot_tokens(
    points: np.ndarray,
    labels: Sequence[int],
    subjects: Sequence[str],
    classes: Sequence[str],
    title: str = '',
    note: str = '',
) -> Figure:
    """Draw the same points twice: coloured by class, and by subject.

    Args:
        points: ``(N, 2)``.
        labels: Class of each.
        subjects: Subject of each.
        classes: Names of the classes.
        title: Above the picture.
        note: Below it: how the points came about.

    Returns:
        The figure.

    Raises:
        ValueError: There is not one label and one subject for each point.
    """
    if points.shape != (len(labels), 2) or len(subjects) != len(labels):
        raise ValueError(
            f'points {points.shape}, {len(labels)} labels and {len(subjects)} subjects '
            'do not fit together'
        )
    figure = Figure(figsize=(10, 5.2), layout='constrained')
    left, right = figure.subplots(1, 2)
    labels = np.asarray(labels)
    _scatter(
        left,
        points,
        {name: labels == label for label, name in enumerate(classes)},
        [class_colour(label) for label in range(len(classes))],
    )
    people = sorted(set(subjects))
    shades = [colormaps['turbo'](x) for x in np.linspace(0.05, 0.95, len(people))]
    _scatter(
        right,
        points,
        {name: np.array([one == name for one in subjects]) for name in people},
        shades,
    )
    left.set_title('by class', fontsize='medium')
    right.set_title('by subject', fontsize='medium')
    left.legend(fontsize='small', framealpha=0.8)
    if len(people) <= NAMED:
        right.legend(
            fontsize='x-small',
            loc='center left',
            bbox_to_anchor=(1, 0.5),
            frameon=False,
        )
    figure.suptitle(title)
    if note:
        figure.supxlabel(note, fontsize='small')
    return figure


def _scatter(
    axes: Axes, points: np.ndarray, groups: dict[str, np.ndarray], colours: list
) -> None:
    for (name, chosen), colour in zip(groups.items(), colours, strict=True):
        axes.scatter(*points[chosen].T, color=colour, s=22, label=name, alpha=0.85)
    axes.set_xticks([])
    axes.set_yticks([])
