"""SMIC: cameras HS (100 Hz), VIS and NIR (25 Hz); clips alone, or long recordings.

Short form: ``HS/s1/micro/negative/s1_ne_01/``, folders are the labels. Long form: a
sheet per camera. The three cameras filmed the same people.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..disk.clip_folders import ELSEWHERE, Key, read_labelled
from ..disk.copies import drop_equal
from ..disk.walk import Place
from ..issues import Clip, Finding, Reading
from ..sheets import cells
from .reader import Reader, Source, numbered, read_rows

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


def read_short(camera: str, source: Source) -> Reading:
    """Read the short form: one folder per clip, below the name of its emotion.

    Every folder below a subject is a clip or a finding.
    """
    places = source.places(
        lambda place: _short_key(camera, source, place),
        f'{camera}/s1/micro/negative/s1_ne_01',
        without_copies=True,
    )
    reading = read_labelled(
        places,
        lambda key, path: Clip(key[0], key[2], key[1], path, whole=True),
        'not in <subject>/micro/<negative, positive or surprise>/<clip>',
    )
    drop_equal(reading)
    _note_camera(camera, source, places.values(), reading)
    return reading


def read_long(camera: str, source: Source) -> Reading:
    """Read the long form; a recording may hold two micro-expressions."""
    table = source.table(LONG, sheet=camera)
    places = source.places(
        lambda place: _long_key(camera, source, place), f'{camera}/s01/s01_ne_01'
    )
    reading = read_rows(
        table, places, _subject, lambda who, clip: (who, _clip_key(clip))
    )
    _note_camera(camera, source, places.values(), reading)
    rows = {row.number: row for row in table.rows}
    seconds = []
    for clip in reading.clips:
        try:
            onset, offset = (
                cells.frame(rows[clip.row].cells[field])  # type: ignore[index]
                for field in ('onset2', 'offset2')
            )
        except cells.CellError as error:
            reading.findings.append(
                Finding(clip.row, clip.title, 'onset2', 'skipped', str(error))
            )
            continue
        # Releases write 0 as well as nothing where there is no second one.
        if onset or offset:
            seconds.append(
                replace(clip, name=f'{clip.name}_2', onset=onset, offset=offset)
            )
    reading.clips += seconds
    return reading


def _note_camera(
    camera: str, source: Source, paths: Iterable[Path], reading: Reading
) -> None:
    """Say it where no folder says which camera this is."""
    places = [Place(path.relative_to(source.root).parts, path) for path in paths]
    if any(_camera_of(source, place) is None for place in places):
        reason = f'no folder is called HS, VIS or NIR: taken as {camera}'
        reading.findings.append(
            Finding(None, str(source.root.name), 'camera', 'noted', reason)
        )


def _camera_of(source: Source, place: Place) -> str | None:
    """Which camera a path names, by the folder nearest to the clip.

    Only the release and its own name are asked, not the folders it lies in.
    """
    for name in reversed((source.root.resolve().name, *place.parts)):
        found = CAMERAS.keys() & re.split(r'[^A-Z]+', name.upper())
        if len(found) == 1:
            return found.pop()
    return None


def _short_key(camera: str, source: Source, place: Place) -> Key | None:
    parts = place.parts
    lower = [part.lower() for part in parts]
    other = any(re.fullmatch(r'non[ _-]?micro', part) for part in lower)
    if other or _camera_of(source, place) not in (camera, None):
        return ELSEWHERE
    if len(parts) < 4 or lower[-3] != 'micro' or lower[-2] not in EMOTIONS:
        return None
    return _subject(parts[-4]), lower[-2], parts[-1]


def _long_key(camera: str, source: Source, place: Place) -> Key | None:
    if _camera_of(source, place) not in (camera, None):
        return ELSEWHERE
    who = [part for part in place.parts[:-1] if re.fullmatch(r'(?i)s[0-9]+', part)]
    if not who:
        return None
    return _subject(who[-1]), _clip_key(place.parts[-1])


def _clip_key(clip: str) -> str:
    """Write a clip's name so that ``s1_ne_01`` and ``s01_ne_01`` are one.

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
