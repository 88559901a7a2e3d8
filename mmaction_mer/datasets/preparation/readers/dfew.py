"""DFEW: clips of movies, as folders or videos, with lists of names and labels.

The people in the clips are not identified, so every clip is its own subject.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ..disk.clip_folders import Key
from ..disk.scan import ClipEntry, is_system_path
from ..issues import Clip, ParsedRelease
from ..sheets import cells
from ..sheets.tables import read_table
from .reader import Reader, Source
from .rows import RowParser

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


def read(source: Source) -> ParsedRelease:
    """Read the clips with one label: training and test list of one split are all."""
    release = ParsedRelease(subjects_known=False)
    folders = source.clip_folders(_key, 'clip_224x224/00001')
    # A release contains each clip as a video and as cropped faces.
    faces = {key[1:]: path for key, path in folders.items() if key[0] == _FACES}
    paths = faces or {key[1:]: path for key, path in folders.items()}
    unusable = {key[1:]: one for key, one in folders.unusable.items()}
    for path in [source.sheet] if source.sheet else _find_lists(source.root):
        table = read_table(path, NEEDED)
        release.rows += len(table.rows)
        for row in table.rows:
            parser = RowParser(row)
            parser.clip = f'{path.parent.name}/{cells.text_or_empty(row.cells["clip"])}'
            number = parser.parse('clip', _clip_number)
            label = parser.parse('label', cells.frame)
            if parser.valid and label not in EMOTIONS:
                parser.fail('label', f'is {label}, not one of 1 to 7')
            release.issues += parser.issues()
            if not parser.valid:
                continue
            name = f'{number:05d}'
            key = (str(number),)
            clip = Clip(name, name, EMOTIONS[label], paths.get(key), whole=True)
            reason = str(unusable.get(key, ''))
            release.clips.append(replace(clip, row=row.number, missing_reason=reason))
    release.issues += folders.issues('noted')
    release.spreadsheet = 'set_1.csv' if source.sheet is None else source.sheet.name
    return release


def _clip_number(value: Any) -> int:
    """Parse the number of a clip: ``1``, ``00001`` or ``00001.mp4``."""
    return cells.subject_number(os.path.splitext(cells.text(value))[0])


def _find_lists(root: Path) -> list[Path]:
    # The lists are beside the clips, whose folder the user may have named.
    for base in (root, root.resolve().parent, root.resolve().parent.parent):
        found = [
            path
            for pattern in ('set_1.csv', '*/set_1.csv', '*/*/set_1.csv')
            for path in base.glob(pattern)
            if 'single' in path.parent.name
            and not is_system_path(path.relative_to(base))
        ]
        if found:
            return sorted(found)
    raise MERDataError(
        'no list such as train(single-labeled)/set_1.csv here or above',
        path=root,
        hint='put it there or name one with --sheet',
    )


def _key(entry: ClipEntry) -> Key | None:
    *above, name = entry.parts
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
