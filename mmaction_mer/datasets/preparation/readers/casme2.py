"""CASME II: ``sub01/EP02_01f/img46.jpg``, 200 Hz, one spreadsheet."""

import re

from ..disk.clip_folders import Key
from ..disk.walk import Place
from ..issues import Reading
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


def read(source: Source) -> Reading:
    """Read the release, and recognise which edition of the sheet it has."""
    table = source.table(NEEDED)
    places = source.places(clip_key, 'sub01/EP02_01f')
    reading = read_rows(table, places, subject, lambda who, clip: (who, clip.lower()))
    reading.variant = recognise(
        {clip.title.lower(): emotion_key(clip.emotion) for clip in reading.clips}
    )
    return reading


def recognise(emotions: dict[str, str]) -> str:
    """Name the edition of the sheet by the three places in which they differ.

    Args:
        emotions: Emotion by ``'subject/clip'`` in small letters.

    >>> recognise({'sub24/ep02_07': 'disgust'})
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


def clip_key(place: Place) -> Key | None:
    """Name the clip that lies in a place; None where that is no clip's."""
    if len(place.parts) < 2 or not re.fullmatch(r'(?i)sub[0-9]+', place.parts[-2]):
        return None
    return subject(place.parts[-2]), place.parts[-1].lower()


READER = Reader('casme2', 'casme2', 200.0, read, 'CASME II')
