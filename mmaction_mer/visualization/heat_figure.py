"""Where a model sees movement, laid over the face, one clip a column."""

import numpy as np
from matplotlib.figure import Figure


def plot_heat_maps(
    frames: np.ndarray,
    heat: np.ndarray,
    regions: np.ndarray | None = None,
    names: list[str] | None = None,
    columns: int = 6,
) -> Figure:
    """Draw heat maps over faces, true regions as outlines (MA2MI, Fig. 6).

    Args:
        frames: (N, H, W, 3) in grey levels.
        heat: (N, H, W), 0 and up; each is drawn over its own range.
        regions: (N, H, W) bool, where the face truly moves, if that is known.
        names: One per clip.
        columns: Clips in a row.

    Returns:
        The figure.

    Raises:
        ValueError: The shapes differ.
    """
    if heat.shape != frames.shape[:3] or (
        regions is not None and regions.shape != heat.shape
    ):
        raise ValueError(
            f'frames {frames.shape}, heat {heat.shape} and regions do not fit together'
        )
    count = len(frames)
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(1.7 * columns, 1.9 * rows))
    figure.set_layout_engine('constrained')
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for index, axes in enumerate(grid[:count]):
        axes.imshow(np.rint(frames[index]).clip(0, 255).astype(np.uint8))
        # Cold places stay as transparent as they are cold, so that the face is seen.
        hot = heat[index] / max(float(heat[index].max()), 1e-12)
        axes.imshow(hot, cmap='inferno', vmin=0, vmax=1, alpha=0.75 * hot)
        if regions is not None:
            axes.contour(regions[index], levels=[0.5], colors='cyan', linewidths=0.8)
        if names:
            axes.set_title(names[index], fontsize='x-small')
    return figure
