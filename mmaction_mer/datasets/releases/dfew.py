"""DFEW: clips of films, as folders or videos, with lists of names and labels.

Who is seen in a clip is not known, so every clip is its own subject.
"""

import os
from dataclasses import replace
from pathlib import Path

from ..annotation import MERDataError
from . import cells
from .findings import CellReader, Clip, Reading, drop_repeated
from .folders import Place
from .reader import Key, Reader, Source
from .sheets import read_table

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


def read(source: Source) -> Reading:
    """Read the clips with one label: one split's two halves are all of them."""
    reading = Reading()
    places = source.places(_key, 'clip_224x224/00001')
    for path in [source.sheet] if source.sheet else _lists(source.root):
        table = read_table(path, NEEDED)
        reading.rows += len(table.rows)
        for row in table.rows:
            cell = CellReader(row, reading.findings)
            cell.clip = f'{path.parent.name}/{row.cells["clip"]}'
            clip = cell.must('clip', cells.one_number)
            label = cell.must('label', cells.frame)
            if not cell.sound:
                continue
            if label not in EMOTIONS:
                cell.note('label', 'skipped', f'is {label}, not one of 1 to 7')
                continue
            name = f'{clip:05d}'
            found = Clip(name, name, EMOTIONS[label], places.get((str(clip),)))
            reading.clips.append(replace(found, row=row.number, whole=True))
    reading.source = 'set_1.csv' if source.sheet is None else source.sheet.name
    drop_repeated(reading)
    return reading


def _lists(root: Path) -> list[Path]:
    found = [
        Path(folder) / 'set_1.csv'
        for folder, _, files in os.walk(root)
        if 'set_1.csv' in files and 'single' in Path(folder).name
    ]
    if not found:
        raise MERDataError(
            f'{root}: no list such as train(single-labeled)/set_1.csv here: put it '
            f'there or name one with --sheet'
        )
    return sorted(found)


def _key(place: Place) -> Key | None:
    name = place.parts[-1]
    return (str(int(name)),) if name.isascii() and name.isdigit() else None


READER = Reader(
    'dfew',
    'dfew',
    25.0,
    read,
    'DFEW, clips with one label',
    'macro-expression recognition',
)
