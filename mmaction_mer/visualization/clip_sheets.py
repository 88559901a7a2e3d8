"""Contact sheets of clips: the onset and the apex of each, side by side."""

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

from ..datasets.annotation import clip_name
from ..datasets.clips import locate
from ..datasets.images.frame_folder import list_frames, read_images
from ..datasets.video.reader import open_video, read_video
from ..utils.errors import MERDataError
from .saving import save_figure

#: Clips on a page, and in a row of it.
PER_PAGE, COLUMNS = 48, 6
#: Side of a frame on the page, in inches and in pixels: 150 dots per inch.
SIDE, PIXELS = 1.0, 150
#: Room in inches between clips, above them for the text, and above the page.
GAP, LINE, TOP = 0.14, 0.34, 0.42
#: So many letters fit above a clip.
LETTERS = 35
UNUSUAL = '#c0392b'


def clip_sheets(
    rows: Sequence[Mapping[str, Any]],
    root: str | Path,
    classes: Sequence[str] | None = None,
    per_page: int = PER_PAGE,
    title: str = '',
) -> Iterator[Figure]:
    """Draw the onset and the apex frame of every clip, page by page.

    Where the apex is not known the middle frame is shown, and the text says so in red;
    so it does where a frame is missing and the nearest one stands in. A clip that
    cannot be read keeps its place, empty and marked.

    Args:
        rows: Valid rows of an annotation file.
        root: The folder that their paths start from.
        classes: Names of the classes; None takes each row's ``emotion`` in the place
            of its class, and rows need no ``label``.
        per_page: Clips on a page, at least 1.
        title: Above each page, before the number of the page.

    Yields:
        One figure per page; pages are drawn when they are asked for.

    Raises:
        ValueError: ``per_page`` is below 1.
    """
    if per_page < 1:
        raise ValueError(f'per_page must be 1 or more, but is {per_page}')
    kinds = [
        row.get('emotion', '') if classes is None else classes[row['label']]
        for row in rows
    ]
    order = sorted(set(kinds)) if classes is None else list(classes)
    labels = [(kind, class_colour(order.index(kind))) for kind in kinds]
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
) -> list[Path]:
    """Write the sheets of :func:`clip_sheets` as ``clips_01.png`` and so on.

    Args:
        rows: Valid rows of an annotation file.
        root: The folder that their paths start from.
        folder: Where to; pages of an earlier set of sheets are replaced when all of
            these are drawn.
        classes: Names of the classes, see :func:`clip_sheets`.
        title: Above each page.

    Returns:
        The pages written.
    """
    pages = math.ceil(len(rows) / PER_PAGE)
    sheets = clip_sheets(rows, root, classes, title=title)
    bar = tqdm(sheets, desc='contact sheets', total=pages, unit='page')
    # All or none: a page of other clips would pass for one of these.
    stage = folder / '.new'
    shutil.rmtree(stage, ignore_errors=True)
    drawn = [
        save_figure(sheet, stage / f'clips_{number:02d}.png')
        for number, sheet in enumerate(bar, start=1)
    ]
    written = [path.replace(folder / path.name) for path in drawn]
    shutil.rmtree(stage, ignore_errors=True)
    for old in folder.glob('clips_*.png'):
        # It would pass for a page of these.
        if re.fullmatch(r'clips_\d+\.png', old.name) and old not in written:
            old.unlink()
    return written


def class_colour(label: int) -> tuple[float, ...]:
    """Return the colour of a class, the same in every figure of a data set."""
    return colormaps['tab10'](label % 10)


def onset_and_apex(
    row: Mapping[str, Any], root: str
) -> tuple[list[np.ndarray], list[str]]:
    """Read the two frames by which a person knows a clip.

    Args:
        row: A valid row of an annotation file.
        root: The folder that its path starts from.

    Returns:
        Onset and apex, or the middle frame where the apex is not known, as (H, W, 3)
        uint8 RGB, and what each of them is in words.

    Raises:
        MERDataError: They cannot be read.
    """
    row = locate(row, root)
    name, onset, offset = clip_name(row), row['onset'], row['offset']
    known = row['apex'] is not None
    wanted = {
        'onset': onset,
        'apex' if known else 'middle': row['apex']
        if known
        else (onset + offset + 1) // 2,
    }
    files: dict[int, str] = {}
    if row.get('video') is None:
        files = list_frames(row['frame_dir'], row['filename_tmpl'], name)
        there = [number for number in files if onset <= number <= offset]
    else:
        length = len(open_video(row['video'], name))
        there = list(range(onset, min(offset, length - 1) + 1))
    if not there:
        raise MERDataError(f'clip {name}: no frame from onset {onset} to {offset}')
    nearest = {
        word: min(there, key=lambda n: abs(n - number))
        for word, number in wanted.items()
    }
    if files:
        paths = [files[number] for number in nearest.values()]
        images = read_images(paths, name, [*files.values()])
    else:
        images = read_video(row['video'], list(nearest.values()), name)
    words = [
        f'{word} {number}' if number == wanted[word] else f'near {word} {number}'
        for word, number in nearest.items()
    ]
    return images, words


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
    # One pair of axes, in inches, is all: hundreds of them would take seconds.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(GAP, TOP / 2, heading, fontsize=11, va='center')
    for number, (row, (kind, colour)) in enumerate(zip(rows, labels, strict=True)):
        line, column = divmod(number, columns)
        left, top = GAP + column * wide, TOP + line * tall
        axes.add_patch(Rectangle((left, top), 0.06, LINE - 0.06, color=colour))
        text = {'fontsize': 7, 'clip_on': True, 'va': 'center'}
        name = _shorten(f'{row["subject"]}/{row["clip"]}', LETTERS - len(kind) - 1)
        axes.text(left + 0.11, top + 0.08, f'{name} {kind}', **text)
        try:
            images, words = onset_and_apex(row, root)
        except MERDataError:
            images, words = [], ['cannot be read', '']
        for place, word in enumerate(words):
            x, y = left + place * SIDE, top + LINE
            shade = '0.4' if word.startswith(('onset', 'apex')) else UNUSUAL
            axes.text(x + 0.11 * (not place), y - 0.13, word, color=shade, **text)
            if not images:
                axes.add_patch(Rectangle((x, y), SIDE, SIDE, color='0.9', hatch='//'))
                continue
            image = _shrink(images[place])
            h, w = SIDE * np.array(image.shape[:2]) / max(image.shape[:2])
            x, y = x + (SIDE - w) / 2, y + (SIDE - h) / 2
            axes.imshow(image, extent=(x, x + w, y + h, y), aspect='auto')
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _shorten(text: str, letters: int) -> str:
    """Leave out the middle of a long name; both its ends tell clips apart.

    >>> _shorten('sub01/a_long_name_01', 12)
    'sub01…ame_01'
    """
    if len(text) <= letters:
        return text
    tail = max(letters // 2, 1)
    return f'{text[: max(letters - tail - 1, 1)]}…{text[-tail:]}'


def _shrink(image: np.ndarray) -> np.ndarray:
    """Make a picture no larger than it is seen; a small one stays as it is."""
    factor = PIXELS / max(image.shape[:2])
    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
