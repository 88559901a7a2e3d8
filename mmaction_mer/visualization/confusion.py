"""Figure of a confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike


def plot_confusion(
    matrix: ArrayLike, classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw a confusion matrix with counts, colored by the fraction of the true class.

    Args:
        matrix: Clip counts of shape ``(C, C)``; rows are true, columns are predicted
            classes.
        classes: Names of the C classes.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.

    Raises:
        ValueError: The matrix does not match the number of classes.

    >>> len(plot_confusion([[3, 1], [0, 2]], ['negative', 'positive']).axes)
    2
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(
            f'matrix must be square for {len(classes)} classes, got {counts.shape}'
        )
    clips = counts.sum(axis=1, keepdims=True)
    fraction = counts / np.maximum(clips, 1)

    side = 1.1 + 0.85 * len(classes)
    figure = Figure(figsize=(side + 1.6, side + 0.7), layout='constrained')
    axes = figure.add_subplot()
    image = axes.imshow(fraction, cmap='Blues', vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            dark = fraction[row, column] > 0.55
            axes.text(
                column,
                row,
                f'{counts[row, column]}\n{fraction[row, column]:.0%}',
                ha='center',
                va='center',
                linespacing=1.3,
                color='white' if dark else '#1b2a41',
                fontweight='bold' if row == column else 'normal',
            )
    names = [
        f'{name}\n({number})' for name, number in zip(classes, clips[:, 0], strict=True)
    ]
    positions = range(len(classes))
    longest = max(map(len, classes))
    axes.set_xticks(positions, classes, rotation=30 if longest > 9 else 0)
    axes.set_yticks(positions, names)
    axes.set_xlabel('prediction')
    axes.set_ylabel('truth (clips)')
    axes.set_title(title, fontsize='medium', pad=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # White lines between the cells.
    axes.set_xticks(np.arange(len(classes) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) - 1) + 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=2)
    axes.tick_params(which='minor', length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format='{x:.0%}')
    bar.set_label('fraction of the true class')
    bar.outline.set_visible(False)
    return figure
