"""The Gaussians of motion prompts over time, a clip a panel."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .clip_figure import APEX_COLOUR


def plot_gaussians(
    weights: np.ndarray,
    apexes: Sequence[float | None],
    names: Sequence[str],
    title: str = '',
    columns: int = 3,
) -> Figure:
    """Draw K Gaussians of each clip, with onset, apex and offset.

    Args:
        weights: ``(N, K, T)`` over the T frames, of which the first is the onset and
            the last the offset.
        apexes: Position of each apex, 0..T-1; ``None`` where it is not known.
        names: One per clip.
        title: Above the picture.
        columns: Clips in a row.

    Returns:
        The figure.

    Raises:
        ValueError: There is not one apex and one name for each clip.
    """
    count = len(weights)
    if weights.ndim != 3 or len(apexes) != count or len(names) != count:
        raise ValueError(
            f'weights {weights.shape}, {len(apexes)} apexes and {len(names)} names do '
            'not fit together'
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.4 * columns, 0.8 + 2 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    last = weights.shape[2] - 1
    times = np.arange(last + 1)
    shades = colormaps['viridis'](np.linspace(0.1, 0.85, weights.shape[1]))
    for index, axes in enumerate(grid.ravel()):
        if index >= count:
            axes.set_axis_off()
            continue
        for number, (curve, shade) in enumerate(
            zip(weights[index], shades, strict=True)
        ):
            axes.plot(times, curve, color=shade, label=f'prompt {number + 1}', zorder=3)
            axes.fill_between(times, curve, color=shade, alpha=0.1)
        for time in (0, last):
            axes.axvline(time, color='#5b6b82', linestyle=':', label='onset, offset')
        if apexes[index] is not None:
            axes.axvline(apexes[index], color=APEX_COLOUR, linestyle='--', label='apex')
        axes.set_title(names[index], fontsize='small')
        axes.spines[['top', 'right']].set_visible(False)
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
