"""Writing of figures and images."""

import io
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..utils.errors import MERRunError
from ..utils.files import atomic_write


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure atomically, in the format of the file extension.

    Args:
        figure: The figure.
        path: The file (.png, .pdf, .svg); missing parent folders are created.
        dpi: Resolution in pixels per inch. Defaults to 150.

    Returns:
        The path written.

    Raises:
        MERRunError: matplotlib cannot write this format.
    """
    path = Path(path)
    kind = path.suffix[1:] or 'png'
    known = figure.canvas.get_supported_filetypes()
    if kind.lower() not in known:
        raise MERRunError(
            f'figures cannot be written as {kind}',
            path=path,
            hint=f'use one of {", ".join(sorted(known))}',
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, facecolor='white')
    return atomic_write(path, buffer.getvalue())


def figure_pixels(figure: Figure, dpi: int = 100) -> np.ndarray:
    """Render a figure.

    Args:
        figure: The figure.
        dpi: Resolution in pixels per inch. Defaults to 100.

    Returns:
        RGB pixels of shape ``(H, W, 3)``, uint8.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def encode_png(image: np.ndarray, longest_side: int = 224) -> bytes:
    r"""Encode an image as PNG, shrunk to a longest side if it is larger.

    Args:
        image: RGB image of shape ``(H, W, 3)``, in 0..255, of any real type.
        longest_side: Longest side in pixels. Defaults to 224.

    Returns:
        Content of the PNG file.

    Example:
        >>> encode_png(np.zeros((2, 3, 3)))[:4]
        b'\x89PNG'
    """
    pixels = np.rint(np.asarray(image, dtype=np.float32)).clip(0, 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    if (longest := max(height, width)) > longest_side:
        size = [max(1, side * longest_side // longest) for side in (width, height)]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.png', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
