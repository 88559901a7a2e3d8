"""CASME: ``sub01/<Filename>/``, 60 Hz; two apex columns."""

from ..issues import Reading
from .casme2 import clip_key, subject
from .reader import Reader, Source, read_rows

NEEDED = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('OnsetF',),
    # The second, ApexF2, is where an expression peaks twice.
    'apex': ('ApexF1',),
    'offset': ('OffsetF',),
    'aus': ('AU',),
    'emotion': ('Emotion',),
}


def read(source: Source) -> Reading:
    """Read the release."""
    table = source.table(NEEDED)
    places = source.places(clip_key, 'sub01/EP01_12')
    return read_rows(table, places, subject, lambda who, clip: (who, clip.lower()))


READER = Reader('casme', 'casme', 60.0, read, 'CASME')
