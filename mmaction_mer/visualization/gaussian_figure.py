"""Figures of the Gaussians of motion prompts over time."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

APEX_COLOR = '#c0392b'


def plot_gaussians(
    weights: np.ndarray,
    apexes: Sequence[float | None],
    names: Sequence[str],
    title: str = '',
    columns: int = 3,
) -> Figure:
    """Draw the Gaussians of each clip in a panel, with onset, apex and offset.

    Args:
        weights: Weights of K Gaussians of shape ``(N, K, T)``; of the T frames the
            first is the onset and the last the offset.
        apexes: Position of each apex in 0..T-1, or None where it is unknown.
        names: Name of each clip.
        title: Title of the figure. Defaults to ''.
        columns: Number of panels in a row. Defaults to 3.

    Returns:
        The figure.

    Raises:
        ValueError: The numbers of clips, apexes and names differ.
    """
    count = len(weights)
    if weights.ndim != 3 or len(apexes) != count or len(names) != count:
        raise ValueError(
            f'weights of shape {weights.shape} do not match {len(apexes)} apexes and '
            f'{len(names)} names'
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.4 * columns, 0.8 + 2 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    last = weights.shape[2] - 1
    for index, axes in enumerate(grid.ravel()):
        if index >= count:
            axes.set_axis_off()
            continue
        for time in (0, last):
            axes.axvline(time, color='#5b6b82', linestyle=':', label='onset, offset')
        draw_gaussians(axes, weights[index], apexes[index])
        axes.set_title(names[index], fontsize='small')
    for axes in grid[:, 0]:
        axes.set_ylabel('weight')
    for axes in grid[-1]:
        axes.set_xlabel('frame of the clip')
    grid[0, 0].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[0, 0].set_xlim(-0.4, last + 0.4)
    grid[0, 0].set_ylim(0, None)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(),
        once.keys(),
        loc='outside lower center',
        ncols=min(len(once), 2 * columns + 1),
        frameon=False,
        fontsize='small',
    )
    figure.suptitle(title, fontsize='medium')
    return figure


def draw_gaussians(axes: Axes, weights: np.ndarray, apex: float | None) -> None:
    """Draw the Gaussians of one clip and its apex into axes.

    Args:
        axes: The axes.
        weights: Weights of shape ``(K, T)``.
        apex: Position of the apex, or None where it is unknown.
    """
    times = np.arange(weights.shape[1])
    # Colors follow the mean time, so that neighbors in time look alike.
    order = np.argsort(weights @ times / weights.sum(axis=1))
    colors = colormaps['viridis'](np.linspace(0.1, 0.85, len(weights)))
    for color, index in zip(colors, order, strict=True):
        curve, label = weights[index], f'prompt {index + 1}'
        axes.plot(times, curve, color=color, label=label, clip_on=False, zorder=3)
        axes.fill_between(times, curve, color=color, alpha=0.12)
    if apex is not None:
        axes.axvline(apex, color=APEX_COLOR, linestyle='--', label='apex')
    axes.spines[['top', 'right']].set_visible(False)
