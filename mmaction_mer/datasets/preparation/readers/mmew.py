"""MMEW: micro- and macro-expressions of the same people, 90 Hz.

``S03/happiness/S03-01-002/1.jpg`` or ``Micro_Expression/<emotion>/<clip>/``; macro-
expressions lie in ``Macro_Expression`` and have no sheet. The sheet counts frames
through the recording, the files of a clip count from 1.
"""

import re

from ..disk.clip_folders import ELSEWHERE, Key, read_labelled
from ..disk.walk import Place
from ..issues import Clip, Reading
from ..labels import LABEL_MAPS, emotion_key
from .casme2 import NEEDED
from .reader import Reader, Source, numbered, read_rows

_subject = numbered('S{:02d}')
_EMOTIONS = frozenset(LABEL_MAPS['mmew-macro'][0].emotions) | {'others', 'contempt'}


def read_micro(source: Source) -> Reading:
    """Read the micro-expressions."""
    table = source.table(NEEDED)
    places = source.places(
        lambda place: ELSEWHERE if _is_macro(source, place) else _key(place),
        'S03/happiness/S03-01-002 or Micro_Expression/happiness/S03-01-002',
    )
    return read_rows(table, places, _subject, lambda who, clip: (who, clip.lower()))


def read_macro(source: Source) -> Reading:
    """Read the macro-expressions: folders are the labels."""
    places = source.places(
        lambda place: _macro_key(place) if _is_macro(source, place) else ELSEWHERE,
        'Macro_Expression/happiness/S03-01-002',
        without_copies=True,
    )
    return read_labelled(
        places,
        lambda key, path: Clip(key[0], key[2], key[1], path, whole=True),
        'no folder above is called by an emotion, or by a subject',
    )


def _is_macro(source: Source, place: Place) -> bool:
    names = (source.root.resolve().name, *place.parts[:-1])
    return any(re.fullmatch(r'(?i)macro([ _-]?expressions?)?', name) for name in names)


def _who(place: Place) -> str | None:
    """The subject: a folder of its own, or the beginning of the clip's name."""
    for part in reversed(place.parts):
        if match := re.match(r'(?i)s([0-9]+)(?![0-9a-z])', part):
            return _subject(match[1])
    return None


def _key(place: Place) -> Key | None:
    who = _who(place)
    return None if who is None else (who, place.parts[-1].lower())


def _macro_key(place: Place) -> Key | None:
    who = _who(place)
    for part in reversed(place.parts[:-1]):
        if emotion_key(part) in _EMOTIONS and who is not None:
            # A clip's name may occur once per emotion.
            return who, part, f'{emotion_key(part)}_{place.parts[-1]}'
    return None


READERS = {
    'mmew': Reader('mmew', 'mmew', 90.0, read_micro, 'MMEW, micro-expressions'),
    'mmew-macro': Reader(
        'mmew-macro',
        'mmew',
        90.0,
        read_macro,
        'MMEW, macro-expressions',
        'macro-expression recognition',
    ),
}
