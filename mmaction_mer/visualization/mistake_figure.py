"""Clips that were taken for another class: what there was to see, what was said."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

RIGHT, WRONG, OTHER = '#4d9078', '#b3261e', '#b0bccb'


@dataclass(frozen=True)
class MistakenClip:
    """A clip that was taken for another class.

    Attributes:
        name: Its name.
        label: Its class.
        prediction: What it was taken for.
        probabilities: Of each class.
        pictures: Caption and ``(H, W, 3)`` in 0..255 of each picture.
        problem: Why there are none.
    """

    name: str
    label: int
    prediction: int
    probabilities: Sequence[float]
    pictures: Sequence[tuple[str, np.ndarray]] = field(default=())
    problem: str = ''


def plot_mistakes(
    mistakes: Sequence[MistakenClip], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw a row of pictures and a bar per class for each clip.

    Args:
        mistakes: One or more.
        classes: Names of the classes.
        title: Above the picture.

    Returns:
        The figure.

    Raises:
        ValueError: There is no clip.
    """
    if not mistakes:
        raise ValueError('there is no mistake to draw')
    columns = max([len(one.pictures) for one in mistakes] + [1])
    figure = Figure(
        figsize=(1.7 * columns + 3.2, 0.5 + 1.95 * len(mistakes)), layout='constrained'
    )
    grid = figure.add_gridspec(
        len(mistakes), columns + 1, width_ratios=[1] * columns + [1.5]
    )
    for row, one in enumerate(mistakes):
        for column, (caption, picture) in enumerate(one.pictures):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(np.rint(picture).clip(0, 255).astype(np.uint8))
            axes.set_title(caption, fontsize=6.5)
            axes.set_axis_off()
        if not one.pictures:
            axes = figure.add_subplot(grid[row, :columns])
            axes.text(0, 0.5, f'No pictures: {one.problem}', wrap=True, va='center')
            axes.set_axis_off()
        axes = figure.add_subplot(grid[row, columns])
        colours = [OTHER] * len(classes)
        colours[one.label], colours[one.prediction] = RIGHT, WRONG
        axes.barh(range(len(classes)), one.probabilities, color=colours, height=0.7)
        axes.set_yticks(range(len(classes)), classes, fontsize='small')
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.tick_params(axis='x', labelsize='x-small')
        axes.spines[['top', 'right']].set_visible(False)
        axes.set_title(
            f'{one.name}\n{classes[one.label]}, taken for {classes[one.prediction]}',
            fontsize='small',
            loc='left',
        )
    figure.suptitle(title, fontsize='medium')
    return figure
