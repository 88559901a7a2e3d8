"""Figure of the frames that a pre-training reconstructs."""

import numpy as np
from matplotlib.figure import Figure

# Difference in gray levels that is drawn white: a micro-expression changes a few.
_WHITE = 24


def plot_reconstruction(
    first: np.ndarray,
    last: np.ndarray,
    reconstructed: np.ndarray,
    heat: np.ndarray,
    names: list[str] | None = None,
) -> Figure:
    """Draw pairs of frames, the reconstructed frame, differences, and action codes.

    Args:
        first: Frames I_t of shape ``(N, H, W, 3)``, in gray levels.
        last: Frames I_(t+delta), of the same shape.
        reconstructed: The reconstruction of ``last``, of the same shape.
        heat: Magnitude of the action code, of shape ``(N, H, W)``.
        names: Name of each pair. Defaults to None.

    Returns:
        The figure, with one row for each pair; a difference of zero is mid-gray.

    Raises:
        ValueError: The shapes differ.
    """
    if (
        not first.shape == last.shape == reconstructed.shape
        or heat.shape != first.shape[:3]
    ):
        raise ValueError(
            f'images must have one shape, got {first.shape}, {last.shape}, '
            f'{reconstructed.shape} and heat {heat.shape}'
        )
    titles = (
        '$I_t$',
        r'$I_{t+\delta}$',
        r'$\hat{I}_{t+\delta}$',
        r'$I_{t+\delta} - I_t$',
        r'$I_{t+\delta} - \hat{I}_{t+\delta}$',
        r'$\|C_\Delta\|$',
    )
    count = len(first)
    figure = Figure(figsize=(1.7 * len(titles), 1.75 * count + 0.3))
    figure.set_layout_engine('constrained')
    grid = figure.subplots(count, len(titles), squeeze=False)
    for row in range(count):
        images = (
            first[row],
            last[row],
            reconstructed[row],
            _difference(last[row], first[row]),
            _difference(last[row], reconstructed[row]),
        )
        for column, (axes, title) in enumerate(zip(grid[row], titles, strict=True)):
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title)
            if column < len(images):
                axes.imshow(np.rint(images[column]).clip(0, 255).astype(np.uint8))
            else:
                axes.imshow(heat[row], cmap='magma', vmin=0)
        if names:
            grid[row][0].set_ylabel(names[row], fontsize='x-small')
    return figure


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return 127.5 + (one.astype(np.float32) - other) * (127.5 / _WHITE)
