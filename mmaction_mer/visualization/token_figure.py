"""Scatter plots of embedded clips."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .clip_sheets import class_color

# With more subjects than this the legend does not fit.
_MAX_NAMED = 24


def plot_tokens(
    points: np.ndarray,
    labels: Sequence[int],
    subjects: Sequence[str],
    classes: Sequence[str],
    title: str = '',
    note: str = '',
) -> Figure:
    """Draw the same points twice: colored by class, and by subject.

    Args:
        points: Points of shape ``(N, 2)``.
        labels: Class index of each point.
        subjects: Subject of each point.
        classes: Names of the classes.
        title: Title of the figure. Defaults to ''.
        note: Text below the figure. Defaults to ''.

    Returns:
        The figure.

    Raises:
        ValueError: The numbers of points, labels and subjects differ.
    """
    if points.shape != (len(labels), 2) or len(subjects) != len(labels):
        raise ValueError(
            f'points of shape {points.shape} do not match {len(labels)} labels and '
            f'{len(subjects)} subjects'
        )
    figure = Figure(figsize=(10, 5.2), layout='constrained')
    left, right = figure.subplots(1, 2)
    labels = np.asarray(labels)
    _scatter(
        left,
        points,
        {name: labels == label for label, name in enumerate(classes)},
        [class_color(label) for label in range(len(classes))],
    )
    names = sorted(set(subjects))
    colors = [colormaps['turbo'](x) for x in np.linspace(0.05, 0.95, len(names))]
    _scatter(
        right,
        points,
        {name: np.array([one == name for one in subjects]) for name in names},
        colors,
    )
    left.set_title('by class', fontsize='medium')
    right.set_title('by subject', fontsize='medium')
    left.legend(fontsize='small', framealpha=0.8)
    if len(names) <= _MAX_NAMED:
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
    axes: Axes, points: np.ndarray, groups: dict[str, np.ndarray], colors: list
) -> None:
    for (name, chosen), color in zip(groups.items(), colors, strict=True):
        axes.scatter(*points[chosen].T, color=color, s=22, label=name, alpha=0.85)
    axes.set_xticks([])
    axes.set_yticks([])
