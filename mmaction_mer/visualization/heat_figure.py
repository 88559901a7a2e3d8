"""Figures of heat maps over faces."""

import numpy as np
from matplotlib.figure import Figure


def plot_heat_maps(
    frames: np.ndarray,
    heat: np.ndarray,
    regions: np.ndarray | None = None,
    names: list[str] | None = None,
    columns: int = 6,
) -> Figure:
    """Draw heat maps over faces, with true regions as outlines (MA2MI, Fig. 6).

    Args:
        frames: Frames of shape ``(N, H, W, 3)``, in gray levels.
        heat: Non-negative maps of shape ``(N, H, W)``; each is scaled by its maximum.
        regions: Masks of shape ``(N, H, W)``, bool, of the true movement. Defaults to
            None.
        names: Name of each clip. Defaults to None.
        columns: Number of clips in a row. Defaults to 6.

    Returns:
        The figure.

    Raises:
        ValueError: The shapes differ.
    """
    if heat.shape != frames.shape[:3] or (
        regions is not None and regions.shape != heat.shape
    ):
        raise ValueError(
            f'shapes of frames {frames.shape}, heat {heat.shape} and regions differ'
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
        # Low values are transparent, so that the face remains visible.
        hot = heat[index] / max(float(heat[index].max()), 1e-12)
        axes.imshow(hot, cmap='inferno', vmin=0, vmax=1, alpha=0.75 * hot)
        if regions is not None:
            axes.contour(regions[index], levels=[0.5], colors='cyan', linewidths=0.8)
        if names:
            axes.set_title(names[index], fontsize='x-small')
    return figure
