"""MMEW: micro- and macro-expressions of the same people, 90 Hz.

``S03/happiness/S03-01-002/1.jpg`` or ``Micro_Expression/<emotion>/<clip>/``; macro-
expressions are in ``Macro_Expression`` and have no spreadsheet. The spreadsheet counts
frames through the recording, the files of a clip from 1.
"""

import re

from ..disk.clip_folders import OTHER_PART, Key
from ..disk.scan import ClipEntry
from ..issues import Clip, ParsedRelease
from ..labels import LABEL_MAPS, emotion_key
from .casme2 import NEEDED
from .reader import Reader, Source, numbered, read_labeled_folders, read_rows

_subject = numbered('S{:02d}')
_EMOTIONS = frozenset(LABEL_MAPS['mmew-macro'][0].emotions) | {'others', 'contempt'}


def read_micro(source: Source) -> ParsedRelease:
    """Read the micro-expressions."""
    table = source.table(NEEDED)
    folders = source.clip_folders(
        lambda entry: OTHER_PART if _is_macro(source, entry) else _key(entry),
        'S03/happiness/S03-01-002 or Micro_Expression/happiness/S03-01-002',
    )
    return read_rows(table, folders, _subject, str.lower)


def read_macro(source: Source) -> ParsedRelease:
    """Read the macro-expressions: folders are the labels."""
    folders = source.clip_folders(
        lambda entry: _macro_key(entry) if _is_macro(source, entry) else OTHER_PART,
        'Macro_Expression/happiness/S03-01-002',
        skip_copies=True,
    )
    return read_labeled_folders(
        folders,
        lambda key, path: Clip(key[0], key[2], key[1], path, whole=True),
        'no folder above is named by an emotion, or by a subject',
    )


def _is_macro(source: Source, entry: ClipEntry) -> bool:
    names = (source.root.resolve().name, *entry.parts[:-1])
    return any(re.fullmatch(r'(?i)macro([ _-]?expressions?)?', name) for name in names)


def _find_subject(entry: ClipEntry) -> str | None:
    """Return the subject: from its own folder, or the beginning of the clip's name."""
    for part in reversed(entry.parts):
        if match := re.match(r'(?i)s([0-9]+)(?![0-9a-z])', part):
            return _subject(match[1])
    return None


def _key(entry: ClipEntry) -> Key | None:
    subject = _find_subject(entry)
    return None if subject is None else (subject, entry.parts[-1].lower())


def _macro_key(entry: ClipEntry) -> Key | None:
    subject = _find_subject(entry)
    for part in reversed(entry.parts[:-1]):
        if emotion_key(part) in _EMOTIONS and subject is not None:
            # The name of a clip may occur once per emotion.
            return subject, part, f'{emotion_key(part)}_{entry.parts[-1]}'
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
