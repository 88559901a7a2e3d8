"""Releases: what the data sets look like on disk, and how they are read.

``READERS`` has one reader per release, by the name that ``tools/data/prepare.py``
takes. A reader is small: where clips lie, which columns the sheet has. The shared
pieces find sheets and headers (``sheets``), read cells (``cells``), list folders
(``folders``), compare frame ranges with the disk (``settle``, by ``habits`` and
``ranges``) and write the prepared folder (``prepare``) with its report (``report``).
"""

from collections.abc import Mapping

from ..issues import Clip, Finding, Reading
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

__all__ = ['READERS', 'Clip', 'Finding', 'Reader', 'Reading', 'Source']
