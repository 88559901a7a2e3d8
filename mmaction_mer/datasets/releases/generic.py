"""Any other release: a folder of clips with a table, or folders named by emotion."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...utils import quote
from ..rules import MAX_FPS, path_problem
from . import cells
from .findings import (
    CellReader,
    Clip,
    Finding,
    Reading,
    refuse_spellings,
    row_name,
)
from .places import Key, Places
from .reader import Reader, Source
from .selection import select_kind
from .walk import Blocked, Place

NEEDED = {
    'subject': ('subject',),
    'clip': ('clip', 'filename', 'name'),
    'emotion': ('emotion', 'label', 'class'),
}
BESIDES = {
    'path': ('path', 'folder', 'video'),
    'onset': ('onset', 'onset frame', 'onsetf'),
    'apex': ('apex', 'apex frame', 'apexf'),
    'offset': ('offset', 'offset frame', 'offsetf'),
    'aus': ('aus', 'au', 'action units'),
    'fps': ('fps', 'frame rate'),
}
# Folders of this name part a data set; they are nobody's.
_SIDES = frozenset({'train', 'training', 'test', 'val', 'valid', 'validation'})
# Whose clips these are is not known here.
_TASK = 'facial expression recognition'


def read_table_of_clips(source: Source) -> Reading:
    """Read a table with a row per clip.

    Without a path, a clip is the folder or video that is called ``<subject>/<clip>``
    or ``<clip>``, wherever it lies. Without onset and offset it is all of it. Of a
    table that holds micro- and macro-expressions, the former are read.
    """
    table = source.table(NEEDED, BESIDES)
    table, left_out, kind = select_kind(table, None)
    unknown = sum(one.action == 'skipped' for one in left_out)
    reading = Reading(rows=len(table.rows) + unknown, source=table.title)
    reading.findings += left_out
    reading.task = f'{kind}-expression recognition' if kind else ''
    found_places, all_places = _all_places(source, '<subject>/<clip>')
    places = _by_ending(all_places)
    found_places.others += found_places.blocked.values()
    blocked = _by_ending(found_places.others)
    why_not = {one.path: one.why for one in found_places.others}
    people = {cells.text_or_nothing(row.cells['subject']) for row in table.rows}
    names = Counter(cells.text_or_nothing(row.cells['clip']) for row in table.rows)
    for row in table.rows:
        cell = CellReader(row, reading.findings, row_name(row))
        who, name = cell.must('subject', cells.name), cell.must('clip', cells.name)
        cell.clip = f'{who or "?"}/{name or "?"}'
        emotion = cell.must('emotion', cells.name)
        path = cell.may('path', cells.text)
        clip = Clip(who or '?', name or '?', emotion or '?', None, row=row.number)
        if cell.sound and path and (problem := path_problem(path)):
            cell.note('path', 'skipped', problem)
            cell.sound = False
        if not cell.sound:
            reading.lost.append(clip)
            continue
        if path:
            found = next(filter(None, map(places.get, _endings(path))), [])
            if source.root / path in found:
                found = [source.root / path]
            elif len(found) == 1:
                cell.note('path', 'noted', f'{path} is {found[0]}')
        else:
            found = places.get((who, name), [])
            if not found and names[name] == 1:
                # A folder below another person's is that person's clip.
                found = [
                    one
                    for one in places.get((name,), [])
                    if not people.intersection(one.relative_to(source.root).parts[:-1])
                ]
        if len(found) > 1:
            cell.note('path', 'skipped', f'{found[0]} or {found[1]}? Add a path')
            reading.lost.append(clip)
            continue
        reason = ''
        if not found:
            ends = _endings(path) if path else [(who, name), (name,)]
            for place in next(filter(None, map(blocked.get, ends)), [])[:1]:
                reason = f'not on disk as a clip: {place} {why_not[place]}'
        onset, apex, offset = (
            cell.may(field, cells.frame) for field in ('onset', 'apex', 'offset')
        )
        if apex is None and cells.text_or_nothing(row.cells['apex']):
            cell.note('apex', 'repaired', 'not given: taken as not known')
        reading.clips.append(
            replace(
                clip,
                path=found[0] if found else None,
                why_not=reason,
                onset=onset,
                apex=apex,
                offset=offset,
                aus=cell.may('aus', cells.action_units) or (),
                fps=cell.may('fps', _rate),
                whole=onset is None and offset is None,
            )
        )
    refuse_spellings(reading)
    used = {clip.path for clip in reading.clips}
    for one in all_places:
        if one.path not in used:
            name = '/'.join(one.parts)
            reading.findings.append(
                Finding(None, name, 'frames', 'noted', 'a folder without a row')
            )
    reading.findings += found_places.findings('noted')
    return reading


def read_tree(source: Source, people: bool = True) -> Reading:
    """Read folders named by emotion: ``<emotion>/<clip>``, as macro sets often are.

    Args:
        source: The release.
        people: Whether a folder above, as in ``<subject>/<emotion>/<clip>``, is the
            subject's. Where there is none every clip is its own subject.

    Returns:
        A clip for each folder of images and each video.
    """
    places, clips = _all_places(source, '<emotion>/<clip>', without_copies=True)
    reading = Reading()
    everything: list[Place | Blocked] = [*clips, *places.blocked.values()]
    for place in everything:
        name = '_'.join(place.parts)
        if len(place.parts) not in (2, 3):
            if isinstance(place, Blocked):
                places.others.append(place)
                continue
            reason = (
                f'{place.path} is neither <emotion>/<clip> nor '
                f'<subject>/<emotion>/<clip>'
            )
            reading.findings.append(Finding(None, name, 'frames', 'skipped', reason))
            continue
        known = (
            people and len(place.parts) == 3 and place.parts[0].lower() not in _SIDES
        )
        subject = place.parts[0] if known else name
        clip = Clip(subject, name, place.parts[-2], place.path, whole=True)
        if isinstance(place, Blocked):
            reading.lost.append(clip)
            reading.findings.append(clip.finding('frames', 'skipped', str(place)))
            continue
        reading.subjects_known &= known
        reading.clips.append(clip)
    reading.rows = len(reading.clips) + len(reading.findings)
    reading.findings += places.findings('skipped')
    # All clips of one "person" are those of a folder that is somebody's or nobody's.
    reading.subjects_known &= len({clip.subject for clip in reading.clips}) > 1
    refuse_spellings(reading)
    return reading


def _endings(path: str) -> list[Key]:
    parts = tuple(map(cells.text, Path(path).parts))
    if not parts:
        return []
    return [parts, (*parts[:-1], os.path.splitext(parts[-1])[0])]


def _by_ending(places: Iterable[Place | Blocked]) -> dict[Key, list[Path]]:
    """Places by every ending of their path, so that a part of it can name them."""
    found: dict[Key, list[Path]] = defaultdict(list)
    for place in places:
        for start in range(len(place.parts)):
            found[place.parts[start:]].append(place.path)
    return found


def _all_places(
    source: Source, example: str, without_copies: bool = False
) -> tuple[Places, list[Place]]:
    """All clips, whatever they are called, and what is known of the rest."""
    places = source.places(
        # A video beside a folder of its name is another clip.
        lambda place: (*place.parts, os.path.splitext(place.path.name)[1]),
        example,
        without_copies,
    )
    return places, [Place(key[:-1], path) for key, path in places.items()]


def _rate(value: Any) -> float | None:
    plain = cells.text(value)
    if not plain:
        return None
    try:
        rate = float(plain)
    except ValueError as error:
        raise cells.CellError(f'is {quote(plain)}, not a frame rate in Hz') from error
    if not 0 < rate <= MAX_FPS:
        raise cells.CellError(f'is {quote(plain)}, not a frame rate in Hz')
    return rate


READERS = {
    'generic': Reader(
        '', '', None, read_table_of_clips, 'any clips with a table', _TASK
    ),
    'folders': Reader('', '', None, read_tree, 'any folders named by emotion', _TASK),
    # Its folders above are scenes; who is seen is not known.
    'ferv39k': Reader(
        'ferv39k',
        'ferv39k',
        None,
        functools.partial(read_tree, people=False),
        'FERV39k',
        'macro-expression recognition',
    ),
}
