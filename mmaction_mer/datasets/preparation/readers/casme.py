"""CASME: ``sub01/<Filename>/``, 60 Hz; two apex columns."""

from ..issues import ParsedRelease
from .casme2 import clip_key, subject
from .reader import Reader, Source, read_rows

NEEDED = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('OnsetF',),
    # The second, ApexF2, is given if an expression has two peaks.
    'apex': ('ApexF1',),
    'offset': ('OffsetF',),
    'aus': ('AU',),
    'emotion': ('Emotion',),
}


def read(source: Source) -> ParsedRelease:
    """Read the release."""
    table = source.table(NEEDED)
    folders = source.clip_folders(clip_key, 'sub01/EP01_12')
    return read_rows(table, folders, subject, str.lower)


READER = Reader('casme', 'casme', 60.0, read, 'CASME')
