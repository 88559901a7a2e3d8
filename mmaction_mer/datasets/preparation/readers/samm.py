"""SAMM: ``006/006_1_2/006_05562.jpg``, grey, 200 Hz; header below a page of text."""

import re

from ..disk.clip_folders import Key
from ..disk.walk import Place
from ..issues import Reading
from .reader import Reader, Source, numbered, read_rows

NEEDED = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('Onset Frame',),
    'apex': ('Apex Frame',),
    'offset': ('Offset Frame',),
    'aus': ('Action Units',),
    'emotion': ('Estimated Emotion',),
}
_subject = numbered('{:03d}')


def read(source: Source) -> Reading:
    """Read the release's micro-expressions."""
    table = source.table(NEEDED, sheet='MICRO_ONLY')
    places = source.places(_key, '006/006_1_2')
    return read_rows(table, places, _subject, lambda who, clip: (who, clip))


def _key(place: Place) -> Key | None:
    if len(place.parts) < 2 or not re.fullmatch(r'[0-9]{1,3}', place.parts[-2]):
        return None
    return _subject(place.parts[-2]), place.parts[-1]


READER = Reader('samm', 'samm', 200.0, read, 'SAMM')
