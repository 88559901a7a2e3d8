"""Figures to files."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..utils.errors import MERRunError
from ..utils.files import atomic_write


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure atomically; the ending (.png, .pdf, .svg) says the format.

    Args:
        figure: The figure.
        path: Where to; missing parent folders are made.
        dpi: Pixels per inch.

    Returns:
        The path written.

    Raises:
        MERRunError: matplotlib does not know the ending.
    """
    path = Path(path)
    kind = path.suffix[1:] or 'png'
    known = figure.canvas.get_supported_filetypes()
    if kind.lower() not in known:
        raise MERRunError(
            f'{path}: pictures are written as {", ".join(sorted(known))}, not {kind}'
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, facecolor='white')
    return atomic_write(path, buffer.getvalue())


def figure_pixels(figure: Figure, dpi: int = 100) -> np.ndarray:
    """Draw a figure into memory.

    Returns:
        Its pixels ``(H, W, 3)`` uint8 RGB.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
