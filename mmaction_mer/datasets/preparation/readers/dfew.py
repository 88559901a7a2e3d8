"""DFEW: clips of films, as folders or videos, with lists of names and labels.

Who is seen in a clip is not known, so every clip is its own subject.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ..disk.clip_folders import Key
from ..disk.walk import Place, is_of_system
from ..issues import CellReader, Clip, Reading
from ..sheets import cells
from ..sheets.sheet import read_table
from .reader import Reader, Source

NEEDED = {'clip': ('video_name',), 'label': ('label',)}
EMOTIONS = {
    1: 'happiness',
    2: 'sadness',
    3: 'neutral',
    4: 'anger',
    5: 'surprise',
    6: 'disgust',
    7: 'fear',
}


_FACES = 'clip_224x224'


def read(source: Source) -> Reading:
    """Read the clips with one label: one split's two halves are all of them."""
    reading = Reading(subjects_known=False)
    places = source.places(_key, 'clip_224x224/00001')
    # The same clips lie there twice, as videos and as cut out faces.
    faces = {key[1:]: path for key, path in places.items() if key[0] == _FACES}
    paths = faces or {key[1:]: path for key, path in places.items()}
    blocked = {key[1:]: one for key, one in places.blocked.items()}
    for path in [source.sheet] if source.sheet else _lists(source.root):
        table = read_table(path, NEEDED)
        reading.rows += len(table.rows)
        for row in table.rows:
            clip = f'{path.parent.name}/{cells.text_or_nothing(row.cells["clip"])}'
            cell = CellReader(row, clip)
            number = cell.read('clip', _number)
            label = cell.read('label', cells.frame)
            if cell.sound and label not in EMOTIONS:
                cell.fail('label', f'is {label}, not one of 1 to 7')
            reading.findings += cell.findings()
            if not cell.sound:
                continue
            name = f'{number:05d}'
            key = (str(number),)
            why_not = str(blocked.get(key, ''))
            found = Clip(name, name, EMOTIONS[label], paths.get(key), whole=True)
            reading.clips.append(replace(found, row=row.number, why_not=why_not))
    reading.findings += places.findings('noted')
    reading.source = 'set_1.csv' if source.sheet is None else source.sheet.name
    return reading


def _number(value: Any) -> int:
    """Read a clip's number: ``1``, ``00001`` or ``00001.mp4``."""
    return cells.one_number(os.path.splitext(cells.text(value))[0])


def _lists(root: Path) -> list[Path]:
    # The lists lie beside the clips, which may be what the user has named.
    for base in (root, root.resolve().parent, root.resolve().parent.parent):
        found = [
            path
            for pattern in ('set_1.csv', '*/set_1.csv', '*/*/set_1.csv')
            for path in base.glob(pattern)
            if 'single' in path.parent.name and not is_of_system(path.relative_to(base))
        ]
        if found:
            return sorted(found)
    raise MERDataError(
        f'{root}: no list such as train(single-labeled)/set_1.csv here or above: put '
        f'it there or name one with --sheet'
    )


def _key(place: Place) -> Key | None:
    *above, name = place.parts
    if not (name.isascii() and name.isdigit()):
        return None
    return _FACES if _FACES in above else 'videos', str(int(name))


READER = Reader(
    'dfew',
    'dfew',
    25.0,
    read,
    'DFEW, clips with one label',
    'macro-expression recognition',
)
