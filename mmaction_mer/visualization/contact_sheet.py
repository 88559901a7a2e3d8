"""Contact sheets: many small images on one page."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def contact_sheet(
    images: Sequence[np.ndarray],
    labels: Sequence[str] | None = None,
    columns: int = 8,
    title: str = '',
) -> Figure:
    """Arrange images on a page, row by row.

    Args:
        images: RGB images of shape ``(H, W, 3)`` or gray images of shape ``(H, W)``,
            uint8 or float in 0..1; their sizes may differ.
        labels: One line of text under each image. Defaults to None.
        columns: Number of images in a row. Defaults to 8.
        title: Title of the page. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.

    Raises:
        ValueError: There are no images, or not as many labels as images.

    >>> len(contact_sheet([np.zeros((8, 8))] * 3, ['a', 'b', 'c'], columns=2).axes)
    3
    """
    if not len(images):
        raise ValueError('a contact sheet needs at least one image')
    if labels is not None and len(labels) != len(images):
        raise ValueError(f'{len(images)} images but {len(labels)} labels')
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height, width = images[0].shape[:2]
    tile, line, top = 1.5, 0.22 if labels is not None else 0.05, 0.4 if title else 0.05
    tall = tile * height / width
    figure = Figure(figsize=(columns * (tile + 0.05), rows * (tall + line) + top))
    page_width, page_height = figure.get_size_inches()
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        # Positions are computed here: layout engines take seconds for hundreds of axes.
        axes = figure.add_axes(
            (
                (column * (tile + 0.05) + 0.025) / page_width,
                1 - (top + row * (tall + line) + tall) / page_height,
                tile / page_width,
                tall / page_height,
            )
        )
        bright = 1 if image.dtype.kind == 'f' else 255
        axes.imshow(image, cmap='gray', vmin=0, vmax=bright)
        axes.set_axis_off()
        if labels is not None:
            axes.text(
                0.5,
                -0.03,
                labels[number],
                transform=axes.transAxes,
                ha='center',
                va='top',
                fontsize=7,
            )
    if title:
        figure.text(0.5, 1 - 0.12 / page_height, title, ha='center', va='top')
    return figure
