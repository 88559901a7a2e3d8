"""CAS(ME)^3, parts A and C: ``spNO.1/a/color/175.jpg``, 30 Hz.

A recording contains several expressions, so subject and file name do not identify a
clip: the frame numbers become part of its name.
"""

from ..disk.clip_folders import OTHER_PART, Key
from ..disk.scan import ClipEntry
from ..issues import Clip, ParsedRelease
from .reader import Reader, Source, numbered, read_rows

PART_A = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('Onset',),
    'apex': ('Apex',),
    'offset': ('Offset',),
    'aus': ('AU',),
    'emotion': ('emotion',),
}
PART_C = {
    'subject': ('sub',),
    'clip': ('count',),
    'onset': ('onset',),
    'offset': ('offset',),
    'aus': ('au',),
    'emotion': ('emotion',),
}
_subject = numbered('spNO.{}')


def read_a(source: Source) -> ParsedRelease:
    """Read part A."""
    return _read(source, PART_A, 'label', 'part_A/spNO.1/a/color', 'part_c')


def read_c(source: Source) -> ParsedRelease:
    """Read part C, which has no apex."""
    return _read(source, PART_C, None, 'part_C/spNO.1/1/color', 'part_a')


def _read(
    source: Source, columns: dict, sheet: str | None, example: str, other: str
) -> ParsedRelease:
    table = source.table(columns, sheet=sheet)
    folders = source.clip_folders(lambda entry: _key(entry, other), example)
    return read_rows(table, folders, _subject, str.lower, name=_name)


def _name(clip: Clip) -> str:
    ends = ['none' if end is None else end for end in (clip.onset, clip.offset)]
    return f'{clip.name}_{ends[0]}-{ends[1]}'


def _key(entry: ClipEntry, other: str) -> Key | None:
    parts = entry.parts
    # Depth maps are beside the images.
    if any(part.lower() in (other, 'depth') for part in parts):
        return OTHER_PART
    if len(parts) < 3 or parts[-1].lower() != 'color':
        return None
    return _subject(parts[-3]), parts[-2].lower()


READERS = {
    'cas3': Reader('cas3', 'cas3', 30.0, read_a, 'CAS(ME)^3, part A'),
    'cas3-c': Reader('cas3-c', 'cas3-c', 30.0, read_c, 'CAS(ME)^3, part C'),
}
