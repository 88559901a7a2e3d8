"""Bar chart of the accuracy of each class, for one or more runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

COLORS = ('#2166ac', '#b0bccb', '#8c6bb1', '#4d9078')


def plot_class_accuracy(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    clips: Sequence[int],
    title: str = '',
) -> Figure:
    """Draw the accuracy of each class as a bar with its interval, for each run.

    Args:
        runs: By name of the run: accuracies of shape ``(C,)`` and the ends of their
            intervals of shape ``(C, 2)``, in 0..1; NaN where a class has no clips.
        classes: Names of the C classes.
        clips: Number of clips of each class.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure.

    Raises:
        ValueError: A run has another number of classes.
    """
    count = len(classes)
    for name, (values, ends) in runs.items():
        if len(values) != count or ends.shape != (count, 2):
            raise ValueError(f'{name}: {len(values)} accuracies for {count} classes')
    figure = Figure(figsize=(2.2 + 1.5 * count, 3.6), layout='constrained')
    axes = figure.add_subplot()
    width = 0.8 / len(runs)
    for number, (name, (values, ends)) in enumerate(runs.items()):
        positions = np.arange(count) + (number - (len(runs) - 1) / 2) * width
        values, ends = 100 * values, 100 * ends
        axes.bar(
            positions,
            values,
            0.94 * width,
            color=COLORS[number % len(COLORS)],
            label=name,
        )
        known = ~np.isnan(ends).any(1)
        axes.vlines(positions[known], *ends[known].T, color='#1b2a41', linewidth=1.2)
        for position, value in zip(positions, values, strict=True):
            # At the bottom of the bar, where intervals seldom overlap it.
            axes.text(
                position,
                2,
                '–' if np.isnan(value) else f'{value:.0f}',
                ha='center',
                color='white' if number % len(COLORS) != 1 else '#1b2a41',
                fontweight='bold',
            )
    names = [f'{name}\n({one} clips)' for name, one in zip(classes, clips, strict=True)]
    axes.set_xticks(range(count), names)
    axes.set_ylim(0, 100)
    axes.set_ylabel('accuracy in %')
    axes.set_title(title, fontsize='medium')
    axes.tick_params(axis='x', length=0)
    axes.spines[['top', 'right']].set_visible(False)
    if len(runs) > 1:
        figure.legend(loc='outside lower center', ncols=len(runs), frameon=False)
    return figure
