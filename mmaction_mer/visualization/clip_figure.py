"""What the model is shown of one clip, in one picture."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Columns of the picture; so many time points of the motion are shown.
COLUMNS = 4
#: Share of the motion values that the grey scale holds; the rest is clipped.
HELD = 99.5
APEX_COLOUR = '#c0392b'


def plot_clip(
    frames: np.ndarray,
    rank_image: np.ndarray,
    motion: np.ndarray,
    gaussians: np.ndarray | None = None,
    apex: float | None = None,
    title: str = '',
) -> Figure:
    """Draw a clip, its rank-pooled image, its magnified motion and the Gaussians.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        rank_image: (H, W, 3) in 0..255.
        motion: (T, H, W, 3) magnified motion, signed, in grey levels; drawn with
            mid-grey for zero.
        gaussians: (K, T) weights over time of the K motion prompts, or None.
        apex: Position of the apex among the T frames, 0..T-1, need not be whole;
            None where it is not known.
        title: Above the picture.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.

    Raises:
        ValueError: The shapes do not fit each other, or the apex lies outside.
    """
    length = len(frames)
    if frames.ndim != 4 or length < 2 or motion.shape != frames.shape:
        raise ValueError(
            f'frames and motion must both be (T, H, W, 3) with T of 2 or more, but are '
            f'{frames.shape} and {motion.shape}'
        )
    if gaussians is not None and gaussians.shape[1:] != (length,):
        raise ValueError(f'gaussians must be (K, {length}), but are {gaussians.shape}')
    if apex is not None and not 0 <= apex <= length - 1:
        raise ValueError(f'apex must lie in 0..{length - 1}, but is {apex}')

    height, width = frames.shape[1:3]
    tile = 2.3 * height / width
    graph = 0.0 if gaussians is None else 2.1
    heights = [tile, tile] + ([graph] if graph else [])
    size = (2.3 * COLUMNS + 0.6, sum(heights) + 0.35 * len(heights) + 0.2)
    figure = Figure(figsize=size, layout='constrained')
    figure.suptitle(title, fontsize='large')
    grid = figure.add_gridspec(len(heights), COLUMNS, height_ratios=heights)

    middle = (length - 1) / 2 if apex is None else apex
    what = 'middle' if apex is None else 'apex'
    for column, (name, time) in enumerate(
        {'onset': 0, what: middle, 'offset': length - 1}.items()
    ):
        axes = figure.add_subplot(grid[0, column])
        _show(axes, frames[round(time)], f'{name} (t = {time:.3g})')
        if name == 'apex':
            _frame(axes, APEX_COLOUR)
    _show(
        figure.add_subplot(grid[0, COLUMNS - 1]),
        np.rint(rank_image).clip(0, 255).astype(np.uint8),
        'rank pooling of all frames',
    )

    # One scale for all time points, so that they can be compared.
    limit = float(np.percentile(np.abs(motion), HELD)) or 1.0
    times = _times(length, apex)
    for column, time in enumerate(times):
        axes = figure.add_subplot(grid[1, column])
        grey = (motion[time] / limit + 1) / 2
        _show(axes, grey.clip(0, 1), f't = {time}')
        if column == 0:
            axes.set_ylabel(
                f'magnified motion\n±{limit:.0f} grey levels', fontsize='small'
            )
        if apex is not None and time == round(apex):
            _frame(axes, APEX_COLOUR)

    if gaussians is not None:
        _draw_gaussians(figure.add_subplot(grid[2, :]), gaussians, apex, times)
    return figure


def _times(length: int, apex: float | None) -> list[int]:
    """At most four time points: the ends and two between, one moved to the apex."""
    times = np.linspace(0, length - 1, COLUMNS).round().astype(int)
    if apex is not None:
        times[1 + np.abs(times[1:-1] - apex).argmin()] = round(apex)
    return np.unique(times).tolist()


def _show(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image, interpolation='nearest')
    axes.set_title(title, fontsize='medium')
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _frame(axes: Axes, colour: str) -> None:
    axes.spines[:].set(visible=True, color=colour, linewidth=2)


def _draw_gaussians(
    axes: Axes, gaussians: np.ndarray, apex: float | None, times: list[int]
) -> None:
    positions = np.arange(gaussians.shape[1])
    # In the order of their time, so that colours follow it.
    order = np.argsort(gaussians @ positions / gaussians.sum(axis=1))
    shades = np.linspace(0.1, 0.85, len(gaussians))
    for shade, index in zip(shades, order, strict=True):
        colour = colormaps['viridis'](shade)
        axes.plot(
            positions,
            gaussians[index],
            color=colour,
            marker='o',
            markersize=3,
            label=f'prompt {index + 1}',
            clip_on=False,
            zorder=3,
        )
        axes.fill_between(positions, gaussians[index], color=colour, alpha=0.12)
    if apex is not None:
        axes.axvline(apex, color=APEX_COLOUR, linestyle='--', label='apex')
    for time in times:
        axes.axvline(time, ymax=0.04, color='black', linewidth=2)
    axes.set_xlim(0, gaussians.shape[1] - 1)
    axes.set_ylim(0, None)
    axes.set_xlabel('frame t of the clip (thick marks: shown above)')
    axes.set_ylabel('weight')
    axes.set_title('Gaussians of the motion prompts', fontsize='medium', loc='left')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(
        loc='lower right',
        bbox_to_anchor=(1.01, 0.98),
        ncols=len(gaussians) + 1,
        frameon=False,
        fontsize='small',
        handlelength=1.2,
        columnspacing=1.0,
    )
