"""CASME II: ``sub01/EP02_01f/img46.jpg``, 200 Hz, one spreadsheet."""

import re

from ..disk.clip_folders import Key
from ..disk.scan import ClipEntry
from ..issues import ParsedRelease
from ..labels import emotion_key
from .reader import Reader, Source, numbered, read_rows

NEEDED = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('OnsetFrame',),
    'apex': ('ApexFrame',),
    'offset': ('OffsetFrame',),
    'aus': ('Action Units',),
    'emotion': ('Estimated Emotion',),
}
subject = numbered('sub{:02d}')


def read(source: Source) -> ParsedRelease:
    """Read the release, and recognize the edition of its spreadsheet."""
    table = source.table(NEEDED)
    folders = source.clip_folders(clip_key, 'sub01/EP02_01f')
    release = read_rows(table, folders, subject, str.lower)
    release.edition = recognize_edition(
        {clip.title.lower(): emotion_key(clip.emotion) for clip in release.clips}
    )
    return release


def recognize_edition(emotions: dict[str, str]) -> str:
    """Recognize the edition of the spreadsheet by the rows in which they differ.

    Args:
        emotions: Emotion by ``'subject/clip'`` in lower case.

    >>> recognize_edition({'sub24/ep02_07': 'disgust'})
    'with EP02_07'
    """
    added = emotions.get('sub24/ep02_07') == 'disgust'
    surprised = {
        emotions.get(f'sub24/{clip}') == 'surprise'
        for clip in ('ep07_01', 'ep07_04f', 'ep10_03')
    }
    if len(surprised) == 2 or (added and True in surprised):
        return 'none that is known'
    if added:
        return 'with EP02_07'
    return 'with EP07_01' if True in surprised else '20140508'


def clip_key(entry: ClipEntry) -> Key | None:
    """Return subject and clip of a folder; None if it is not in a subject's."""
    if len(entry.parts) < 2 or not re.fullmatch(r'(?i)sub[0-9]+', entry.parts[-2]):
        return None
    return subject(entry.parts[-2]), entry.parts[-1].lower()


READER = Reader('casme2', 'casme2', 200.0, read, 'CASME II')
