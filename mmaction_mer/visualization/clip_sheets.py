"""Contact sheets of clips: the onset and the apex frame of each, side by side."""

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from tqdm import tqdm

from ..datasets.clips import locate
from ..datasets.key_frames import read_key_frames
from ..utils.errors import MERDataError
from .saving import save_figure

#: Number of clips on a page, and in a row of it.
PER_PAGE, COLUMNS = 48, 6
#: Side of a frame on the page, in inches and in pixels (150 per inch).
SIDE, PIXELS = 1.0, 150
#: Space in inches between clips, above them for text, and at the top of the page.
GAP, LINE, TOP = 0.14, 0.34, 0.42
#: Number of letters that fit above a clip.
LETTERS = 35
WARNING_COLOR = '#c0392b'


def clip_sheets(
    rows: Sequence[Mapping[str, Any]],
    root: str | Path,
    classes: Sequence[str] | None = None,
    per_page: int = PER_PAGE,
    title: str = '',
) -> Iterator[Figure]:
    """Draw the onset and the apex frame of every clip, page by page.

    The middle frame replaces an unknown apex, and the nearest frame one that is
    missing; both are labeled in red. A clip that cannot be read is drawn as an empty,
    labeled box.

    Args:
        rows: Valid rows of an annotation file.
        root: The folder that their paths are relative to.
        classes: Names of the classes. Defaults to None, which shows the ``emotion`` of
            each row; rows then need no ``label``.
        per_page: Number of clips on a page, at least 1. Defaults to 48.
        title: Title of each page, before the page's range. Defaults to ''.

    Yields:
        One figure per page, drawn when it is requested.

    Raises:
        ValueError: ``per_page`` is below 1.
    """
    if per_page < 1:
        raise ValueError(f'per_page must be at least 1, got {per_page}')
    kinds = [
        row.get('emotion', '') if classes is None else classes[row['label']]
        for row in rows
    ]
    order = sorted(set(kinds)) if classes is None else list(classes)
    labels = [(kind, class_color(order.index(kind))) for kind in kinds]
    for start in range(0, len(rows), per_page):
        part = slice(start, start + per_page)
        end = min(start + per_page, len(rows))
        counted = f'clips {start + 1} to {end} of {len(rows)}'
        heading = ' · '.join(filter(None, [title, counted]))
        yield _page(rows[part], labels[part], str(root), heading)


def write_clip_sheets(
    rows: Sequence[Mapping[str, Any]],
    root: str | Path,
    folder: Path,
    classes: Sequence[str] | None = None,
    title: str = '',
    per_page: int = PER_PAGE,
) -> list[Path]:
    """Write the sheets of :func:`clip_sheets` as ``clips_01.png`` and so on.

    Args:
        rows: Valid rows of an annotation file.
        root: The folder that their paths are relative to.
        folder: The output folder; earlier pages in it are replaced once all new ones
            are drawn.
        classes: Names of the classes, see :func:`clip_sheets`. Defaults to None.
        title: Title of each page. Defaults to ''.
        per_page: Number of clips on a page, at least 1. Defaults to 48.

    Returns:
        The files written.
    """
    pages = math.ceil(len(rows) / per_page)
    sheets = clip_sheets(rows, root, classes, per_page, title)
    bar = tqdm(sheets, desc='contact sheets', total=pages, unit='page')
    # All or none, so that pages of different runs are never mixed.
    stage = folder / '.new'
    shutil.rmtree(stage, ignore_errors=True)
    drawn = [
        save_figure(sheet, stage / f'clips_{number:02d}.png')
        for number, sheet in enumerate(bar, start=1)
    ]
    written = [path.replace(folder / path.name) for path in drawn]
    shutil.rmtree(stage, ignore_errors=True)
    for old in folder.glob('clips_*.png'):
        if re.fullmatch(r'clips_\d+\.png', old.name) and old not in written:
            old.unlink()
    return written


def class_color(label: int) -> tuple[float, ...]:
    """Return the color of a class, the same in every figure of a dataset."""
    return colormaps['tab10'](label % 10)


def _page(
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[tuple[str, Any]],
    root: str,
    heading: str,
) -> Figure:
    columns = min(COLUMNS, len(rows))
    lines = math.ceil(len(rows) / columns)
    wide, tall = 2 * SIDE + GAP, SIDE + LINE + GAP
    width, height = columns * wide + GAP, TOP + lines * tall + GAP
    figure = Figure(figsize=(width, height))
    # One pair of axes in inches for everything: hundreds of them would take seconds.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(GAP, TOP / 2, heading, fontsize=11, va='center')
    for number, (row, (kind, color)) in enumerate(zip(rows, labels, strict=True)):
        line, column = divmod(number, columns)
        left, top = GAP + column * wide, TOP + line * tall
        axes.add_patch(Rectangle((left, top), 0.06, LINE - 0.06, color=color))
        text = {'fontsize': 7, 'clip_on': True, 'va': 'center'}
        name = _shorten(f'{row["subject"]}/{row["clip"]}', LETTERS - len(kind) - 1)
        axes.text(left + 0.11, top + 0.08, f'{name} {kind}', **text)
        try:
            frames = read_key_frames(locate(row, root))
        except MERDataError:
            frames = [('cannot be read', None), ('', None)]
        for place, (caption, image) in enumerate(frames):
            x, y = left + place * SIDE, top + LINE
            shade = '0.4' if caption.startswith(('onset', 'apex')) else WARNING_COLOR
            axes.text(x + 0.11 * (not place), y - 0.13, caption, color=shade, **text)
            if image is None:
                axes.add_patch(Rectangle((x, y), SIDE, SIDE, color='0.9', hatch='//'))
                continue
            image = _shrink(image)
            h, w = SIDE * np.array(image.shape[:2]) / max(image.shape[:2])
            x, y = x + (SIDE - w) / 2, y + (SIDE - h) / 2
            axes.imshow(image, extent=(x, x + w, y + h, y), aspect='auto')
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _shorten(text: str, letters: int) -> str:
    """Shorten a long name in the middle, since both its ends identify the clip.

    >>> _shorten('sub01/a_long_name_01', 12)
    'sub01…ame_01'
    """
    if len(text) <= letters:
        return text
    tail = max(letters // 2, 1)
    return f'{text[: max(letters - tail - 1, 1)]}…{text[-tail:]}'


def _shrink(image: np.ndarray) -> np.ndarray:
    """Shrink an image to the size at which it is shown; keep smaller ones."""
    factor = PIXELS / max(image.shape[:2])
    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
