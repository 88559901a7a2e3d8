"""SAMM: ``006/006_1_2/006_05562.jpg``, grayscale, 200 Hz; header on row 14."""

import re

from ..disk.clip_folders import Key
from ..disk.scan import ClipEntry
from ..issues import ParsedRelease
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


def read(source: Source) -> ParsedRelease:
    """Read the micro-expressions of the release."""
    table = source.table(NEEDED, sheet='MICRO_ONLY')
    folders = source.clip_folders(_key, '006/006_1_2')
    return read_rows(table, folders, _subject)


def _key(entry: ClipEntry) -> Key | None:
    if len(entry.parts) < 2 or not re.fullmatch(r'[0-9]{1,3}', entry.parts[-2]):
        return None
    return _subject(entry.parts[-2]), entry.parts[-1]


READER = Reader('samm', 'samm', 200.0, read, 'SAMM')
