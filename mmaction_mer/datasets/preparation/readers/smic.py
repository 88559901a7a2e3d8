"""SMIC: cameras HS (100 Hz), VIS and NIR (25 Hz); clips only, or long recordings.

Short form: ``HS/s1/micro/negative/s1_ne_01/``, folders are the labels. Long form: a
sheet per camera. The three cameras recorded the same people.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..disk.clip_folders import OTHER_PART, Key
from ..disk.copies import drop_identical_clips
from ..disk.scan import ClipEntry
from ..issues import Clip, Issue, ParsedRelease
from ..sheets import cells
from .reader import Reader, Source, numbered, read_labeled_folders, read_rows

CAMERAS = {'HS': 100.0, 'VIS': 25.0, 'NIR': 25.0}
LONG = {
    'subject': ('Subject',),
    'clip': ('Filename',),
    'onset': ('OnsetF',),
    'offset': ('OffsetF',),
    'onset2': ('Onset2F',),
    'offset2': ('Offset2F',),
    'emotion': ('Emotion',),
}
EMOTIONS = ('negative', 'positive', 'surprise')
_subject = numbered('s{:02d}')


def read_short(camera: str, source: Source) -> ParsedRelease:
    """Read the short form: one folder per clip, in a folder named by its emotion.

    Every folder of a subject is a clip or an issue.
    """
    folders = source.clip_folders(
        lambda entry: _short_key(camera, source, entry),
        f'{camera}/s1/micro/negative/s1_ne_01',
        skip_copies=True,
    )
    release = read_labeled_folders(
        folders,
        lambda key, path: Clip(key[0], key[2], key[1], path, whole=True),
        'not in <subject>/micro/<negative, positive or surprise>/<clip>',
    )
    drop_identical_clips(release)
    _note_camera(camera, source, folders.values(), release)
    return release


def read_long(camera: str, source: Source) -> ParsedRelease:
    """Read the long form; a recording may contain two micro-expressions."""
    table = source.table(LONG, sheet=camera)
    folders = source.clip_folders(
        lambda entry: _long_key(camera, source, entry), f'{camera}/s01/s01_ne_01'
    )
    release = read_rows(table, folders, _subject, _clip_key)
    _note_camera(camera, source, folders.values(), release)
    rows = {row.number: row for row in table.rows}
    seconds = []
    for clip in release.clips:
        try:
            onset, offset = (
                cells.frame(rows[clip.row].cells[field])  # type: ignore[index]
                for field in ('onset2', 'offset2')
            )
        except cells.CellError as error:
            release.issues.append(clip.issue('onset2', 'skipped', str(error)))
            continue
        # Both 0 and an empty cell mean that there is no second one.
        if onset or offset:
            seconds.append(
                replace(clip, name=f'{clip.name}_2', onset=onset, offset=offset)
            )
    release.clips += seconds
    return release


def _note_camera(
    camera: str, source: Source, paths: Iterable[Path], release: ParsedRelease
) -> None:
    """Add an issue if no folder names the camera."""
    entries = [ClipEntry(path.relative_to(source.root).parts, path) for path in paths]
    if any(_find_camera(source, entry) is None for entry in entries):
        reason = f'no folder is named HS, VIS or NIR: taken as {camera}'
        release.issues.append(Issue(None, source.root.name, 'camera', 'noted', reason))


def _find_camera(source: Source, entry: ClipEntry) -> str | None:
    """Return the camera that a path names, by the folder closest to the clip.

    The folders above the release are not considered.
    """
    for name in reversed((source.root.resolve().name, *entry.parts)):
        found = CAMERAS.keys() & re.split(r'[^A-Z]+', name.upper())
        if len(found) == 1:
            return found.pop()
    return None


def _short_key(camera: str, source: Source, entry: ClipEntry) -> Key | None:
    parts = entry.parts
    lower = [part.lower() for part in parts]
    other = any(re.fullmatch(r'non[ _-]?micro', part) for part in lower)
    if other or _find_camera(source, entry) not in (camera, None):
        return OTHER_PART
    if len(parts) < 4 or lower[-3] != 'micro' or lower[-2] not in EMOTIONS:
        return None
    return _subject(parts[-4]), lower[-2], parts[-1]


def _long_key(camera: str, source: Source, entry: ClipEntry) -> Key | None:
    if _find_camera(source, entry) not in (camera, None):
        return OTHER_PART
    who = [part for part in entry.parts[:-1] if re.fullmatch(r'(?i)s[0-9]+', part)]
    if not who:
        return None
    return _subject(who[-1]), _clip_key(entry.parts[-1])


def _clip_key(clip: str) -> str:
    """Normalize the name of a clip, so that ``s1_ne_01`` and ``s01_ne_01`` are equal.

    >>> _clip_key('s1_ne_01') == _clip_key('S01_ne_01')
    True
    """
    return re.sub(r'^s0*', 's', clip.lower())


def _reader(camera: str, long: bool) -> Reader:
    labels = 'smic' if camera == 'HS' else f'smic-{camera.lower()}'
    return Reader(
        labels,
        'smic',
        CAMERAS[camera],
        functools.partial(read_long if long else read_short, camera),
        f'SMIC, camera {camera}' + (', long form' if long else ''),
    )


READERS = {
    f'smic{"" if camera == "HS" else "-" + camera.lower()}{"-long" if long else ""}': (
        _reader(camera, long)
    )
    for camera in CAMERAS
    for long in (False, True)
}
