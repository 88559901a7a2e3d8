"""Future frames as a pre-training makes them, one pair a row."""

import numpy as np
from matplotlib.figure import Figure

#: Grey levels that differences are drawn over: a micro-expression is a few.
RANGE = 24


def plot_reconstruction(
    first: np.ndarray,
    last: np.ndarray,
    made: np.ndarray,
    heat: np.ndarray,
    names: list[str] | None = None,
) -> Figure:
    """Draw pairs: I_t, I_(t+delta), what was made, differences, and where.

    Args:
        first: (N, H, W, 3) in grey levels.
        last: The same.
        made: The same.
        heat: (N, H, W), 0 and up: where the action branch sees movement.
        names: One per pair.

    Returns:
        The figure. Differences are grey where there is none.

    Raises:
        ValueError: The shapes differ.
    """
    if not first.shape == last.shape == made.shape or heat.shape != first.shape[:3]:
        raise ValueError(
            f'pictures must have one shape, but have {first.shape}, {last.shape}, '
            f'{made.shape} and heat {heat.shape}'
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
        pictures = (
            first[row],
            last[row],
            made[row],
            _difference(last[row], first[row]),
            _difference(last[row], made[row]),
        )
        for column, (axes, title) in enumerate(zip(grid[row], titles, strict=True)):
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title)
            if column < len(pictures):
                axes.imshow(np.rint(pictures[column]).clip(0, 255).astype(np.uint8))
            else:
                axes.imshow(heat[row], cmap='magma', vmin=0)
        if names:
            grid[row][0].set_ylabel(names[row], fontsize='x-small')
    return figure


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return 127.5 + (one.astype(np.float32) - other) * (127.5 / RANGE)
