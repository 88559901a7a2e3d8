"""Readers of releases: what each data set looks like on disk.

``READERS`` has one reader per release, by the name that ``tools/data/prepare.py``
accepts. A reader is short: the place of the clips, and the columns of the spreadsheet.
``sheets`` finds and parses spreadsheets, ``disk`` finds folders, and ``prepare.py``
does the rest, from comparing frame ranges with the disk to the report.
"""

from collections.abc import Mapping

from ..issues import Clip, Issue, ParsedRelease
from . import cas3, casme, casme2, ckplus, dfew, fourdme, generic, mmew, samm, smic
from .reader import Reader, Source

READERS: Mapping[str, Reader] = {
    'casme2': casme2.READER,
    'samm': samm.READER,
    **smic.READERS,
    'casme': casme.READER,
    **mmew.READERS,
    **cas3.READERS,
    '4dme': fourdme.READER,
    **generic.READERS,
    'dfew': dfew.READER,
    'ckplus': ckplus.READER,
}

__all__ = ['READERS', 'Clip', 'Issue', 'ParsedRelease', 'Reader', 'Source']
