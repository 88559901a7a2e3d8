"""Figures to files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from ..utils import atomic_write


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure atomically; the ending (.png, .pdf, .svg) says the format.

    Args:
        figure: The figure.
        path: Where to; missing parent folders are made.
        dpi: Pixels per inch.

    Returns:
        The path written.

    Raises:
        ValueError: matplotlib does not know the ending.
    """
    path = Path(path)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:] or 'png', dpi=dpi, facecolor='white')
    return atomic_write(path, buffer.getvalue())
