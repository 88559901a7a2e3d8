"""Figure of misclassified clips: their images and their class probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

_CORRECT, _WRONG, _OTHER = '#4d9078', '#b3261e', '#b0bccb'


@dataclass(frozen=True)
class Mistake:
    """A misclassified clip.

    Attributes:
        clip: The clip, as ``dataset/subject/clip``.
        label: Index of the true class.
        prediction: Index of the predicted class.
        probabilities: Probability of each class; over several seeds the mean.
        wrong_seeds: Number of seeds whose prediction was wrong. Defaults to 1.
        images: Caption and RGB image of shape ``(H, W, 3)``, in 0..255, of each image.
            Defaults to none.
        problem: Why there are no images. Defaults to ''.
    """

    clip: str
    label: int
    prediction: int
    probabilities: Sequence[float]
    wrong_seeds: int = 1
    images: Sequence[tuple[str, np.ndarray]] = ()
    problem: str = ''


def plot_mistakes(
    mistakes: Sequence[Mistake], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw a row for each clip, with its images and a bar for each class.

    Args:
        mistakes: The misclassified clips.
        classes: Names of the classes.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure.

    Raises:
        ValueError: ``mistakes`` is empty.
    """
    if not mistakes:
        raise ValueError('there are no mistakes to draw')
    columns = max([len(one.images) for one in mistakes] + [1])
    figure = Figure(
        figsize=(1.7 * columns + 3.2, 0.5 + 1.95 * len(mistakes)), layout='constrained'
    )
    grid = figure.add_gridspec(
        len(mistakes), columns + 1, width_ratios=[1] * columns + [1.5]
    )
    for row, one in enumerate(mistakes):
        for column, (caption, image) in enumerate(one.images):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(np.rint(image).clip(0, 255).astype(np.uint8))
            axes.set_title(caption, fontsize=6.5)
            axes.set_axis_off()
        if not one.images:
            axes = figure.add_subplot(grid[row, :columns])
            axes.text(0, 0.5, f'No images: {one.problem}', wrap=True, va='center')
            axes.set_axis_off()
        axes = figure.add_subplot(grid[row, columns])
        colors = [_OTHER] * len(classes)
        colors[one.label], colors[one.prediction] = _CORRECT, _WRONG
        axes.barh(range(len(classes)), one.probabilities, color=colors, height=0.7)
        axes.set_yticks(range(len(classes)), classes, fontsize='small')
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.tick_params(axis='x', labelsize='x-small')
        axes.spines[['top', 'right']].set_visible(False)
        axes.set_title(
            f'{one.clip}\n{classes[one.label]}, predicted {classes[one.prediction]}',
            fontsize='small',
            loc='left',
        )
    figure.suptitle(title, fontsize='medium')
    return figure
