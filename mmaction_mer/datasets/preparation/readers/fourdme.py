"""4DME: ``gray_micro/<sub_ID>/<fold_name>/``, 60 Hz."""

from ..disk.clip_folders import ELSEWHERE, Key
from ..disk.walk import Place
from ..issues import Reading, check_spellings
from ..sheets import cells
from .reader import Reader, Source, read_rows

NEEDED = {
    'subject': ('sub_ID',),
    'clip': ('fold_name',),
    'onset': ('Onset',),
    'apex': ('Apex',),
    'offset': ('Offset',),
    'aus': ('AUs',),
    'emotion': ('Emotion',),
}


def read(source: Source) -> Reading:
    """Read the grey micro-expressions."""
    table = source.table(NEEDED)
    places = source.places(_key, 'gray_micro/<sub_ID>/<fold_name>')
    reading = read_rows(table, places, cells.identity, lambda who, clip: (who, clip))
    check_spellings(reading)
    return reading


def _key(place: Place) -> Key | None:
    kinds = [part for part in place.parts if part.lower().endswith('_micro')]
    if kinds and kinds[-1].lower() != 'gray_micro':
        return ELSEWHERE
    if len(place.parts) < 2:
        return None
    return place.parts[-2], place.parts[-1]


READER = Reader('4dme', '4dme', 60.0, read, '4DME, grey micro-expressions')
