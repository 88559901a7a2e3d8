"""How much of each class is recognised, one run beside another."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

COLOURS = ('#2166ac', '#b0bccb', '#8c6bb1', '#4d9078')


def plot_class_accuracy(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    clips: Sequence[int],
    title: str = '',
) -> Figure:
    """Draw a bar per class and run, with its interval.

    Args:
        runs: By the name of the run, its own first: accuracies ``(C,)`` and the ends of
            their intervals ``(C, 2)``, of 1; NaN where there is none.
        classes: Names of the C classes.
        clips: Clips of each class.
        title: Above the picture.

    Returns:
        The figure.

    Raises:
        ValueError: A run has other classes.
    """
    count = len(classes)
    for name, (values, ends) in runs.items():
        if len(values) != count or ends.shape != (count, 2):
            raise ValueError(f'{name}: {len(values)} accuracies of {count} classes')
    figure = Figure(figsize=(2.2 + 1.5 * count, 3.6), layout='constrained')
    axes = figure.add_subplot()
    width = 0.8 / len(runs)
    for number, (name, (values, ends)) in enumerate(runs.items()):
        places = np.arange(count) + (number - (len(runs) - 1) / 2) * width
        values, ends = 100 * values, 100 * ends
        axes.bar(
            places,
            values,
            0.94 * width,
            color=COLOURS[number % len(COLOURS)],
            label=name,
        )
        known = ~np.isnan(ends).any(1)
        axes.vlines(places[known], *ends[known].T, color='#1b2a41', linewidth=1.2)
        for place, value in zip(places, values, strict=True):
            # At the foot, where no interval crosses it.
            axes.text(
                place,
                2,
                '–' if np.isnan(value) else f'{value:.0f}',
                ha='center',
                color='white' if number % len(COLOURS) != 1 else '#1b2a41',
                fontweight='bold',
            )
    names = [f'{name}\n({one} clips)' for name, one in zip(classes, clips, strict=True)]
    axes.set_xticks(range(count), names)
    axes.set_ylim(0, 100)
    axes.set_ylabel('clips recognised in %')
    axes.set_title(title, fontsize='medium')
    axes.tick_params(axis='x', length=0)
    axes.spines[['top', 'right']].set_visible(False)
    if len(runs) > 1:
        figure.legend(loc='outside lower center', ncols=len(runs), frameon=False)
    return figure
