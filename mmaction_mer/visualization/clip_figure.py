"""Figure of the inputs that a model gets for one clip."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .gaussian_figure import APEX_COLOR, draw_gaussians

#: Number of columns, and of time points at which the motion is shown.
COLUMNS = 4
# Percentile of the motion that is white or black; larger values are clipped.
_WHITE_PERCENTILE = 99.5


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
        frames: RGB frames of shape ``(T, H, W, 3)``, uint8.
        rank_image: Rank-pooled image of shape ``(H, W, 3)``, in 0..255.
        motion: Magnified motion of shape ``(T, H, W, 3)``, signed, in gray levels;
            zero is drawn as mid-gray.
        gaussians: Weights over time of the K motion prompts, of shape ``(K, T)``.
            Defaults to None, which leaves them out.
        apex: Position of the apex among the T frames, in 0..T-1, not necessarily an
            integer. Defaults to None, which means that it is unknown.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.

    Raises:
        ValueError: The shapes do not match, or the apex is out of range.
    """
    length = len(frames)
    if frames.ndim != 4 or length < 2 or motion.shape != frames.shape:
        raise ValueError(
            f'frames and motion must have one shape (T, H, W, 3) with T of at least 2, '
            f'got {frames.shape} and {motion.shape}'
        )
    if gaussians is not None and gaussians.shape[1:] != (length,):
        raise ValueError(
            f'gaussians must be of shape (K, {length}), got {gaussians.shape}'
        )
    if apex is not None and not 0 <= apex <= length - 1:
        raise ValueError(f'apex must be in 0..{length - 1}, got {apex}')

    height, width = frames.shape[1:3]
    tile = 2.3 * height / width
    graph = 0.0 if gaussians is None else 2.1
    heights = [tile, tile] + ([graph] if graph else [])
    size = (2.3 * COLUMNS + 0.6, sum(heights) + 0.35 * len(heights) + 0.2)
    figure = Figure(figsize=size, layout='constrained')
    figure.suptitle(title, fontsize='large')
    grid = figure.add_gridspec(len(heights), COLUMNS, height_ratios=heights)

    middle = (length - 1) / 2 if apex is None else apex
    label = 'middle' if apex is None else 'apex'
    for column, (name, time) in enumerate(
        {'onset': 0, label: middle, 'offset': length - 1}.items()
    ):
        axes = figure.add_subplot(grid[0, column])
        _show(axes, frames[round(time)], f'{name} (t = {time:.3g})')
        if name == 'apex':
            _outline(axes, APEX_COLOR)
    _show(
        figure.add_subplot(grid[0, COLUMNS - 1]),
        np.rint(rank_image).clip(0, 255).astype(np.uint8),
        'rank pooling of all frames',
    )

    # One scale for all time points, so that they can be compared.
    limit = float(np.percentile(np.abs(motion), _WHITE_PERCENTILE)) or 1.0
    times = _times(length, apex)
    for column, time in enumerate(times):
        axes = figure.add_subplot(grid[1, column])
        gray = (motion[time] / limit + 1) / 2
        _show(axes, gray.clip(0, 1), f't = {time}')
        if column == 0:
            axes.set_ylabel(
                f'magnified motion\n±{limit:.0f} gray levels', fontsize='small'
            )
        if apex is not None and time == round(apex):
            _outline(axes, APEX_COLOR)

    if gaussians is not None:
        _draw_gaussians(figure.add_subplot(grid[2, :]), gaussians, apex, times)
    return figure


def _times(length: int, apex: float | None) -> list[int]:
    """Return at most four time points: both ends, and two between, one at the apex."""
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


def _outline(axes: Axes, color: str) -> None:
    axes.spines[:].set(visible=True, color=color, linewidth=2)


def _draw_gaussians(
    axes: Axes, gaussians: np.ndarray, apex: float | None, times: list[int]
) -> None:
    draw_gaussians(axes, gaussians, apex)
    for time in times:
        axes.axvline(time, ymax=0.04, color='black', linewidth=2)
    axes.set_xlim(0, gaussians.shape[1] - 1)
    axes.set_ylim(0, None)
    axes.set_xlabel('frame t of the clip (thick marks: shown above)')
    axes.set_ylabel('weight')
    axes.set_title('Gaussians of the motion prompts', fontsize='medium', loc='left')
    axes.legend(
        loc='lower right',
        bbox_to_anchor=(1.01, 0.98),
        ncols=len(gaussians) + 1,
        frameon=False,
        fontsize='small',
        handlelength=1.2,
        columnspacing=1.0,
    )
