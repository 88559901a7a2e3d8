"""Any other release: a folder of clips with a table, or folders named by emotion."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ...annotation_rules import path_problem
from ..disk.clip_folders import Places
from ..disk.names import Key, match_names, person
from ..disk.walk import Blocked, Place
from ..issues import CellReader, Clip, Finding, Reading, check_spellings, row_name
from ..sheets import cells
from ..sheets.selection import select_kind
from ..sheets.sheet import Row
from .reader import Reader, Source, note_spellings

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
    endings = _by_ending(all_places)
    found_places.others += found_places.blocked.values()
    blocked = _by_ending(found_places.others)
    why_not = {one.path: one.why for one in found_places.others}
    read = [_read_row(row) for row in table.rows]
    without = [clip for clip, path, _ in read if not path]
    named = _find_by_name(without, [*all_places, *found_places.others], reading)
    ranges = any(clip.onset is not None for clip, _, _ in read)
    for clip, path, cell in read:
        found: list[Path] = []
        if path:
            found = next(filter(None, map(endings.get, _endings(path))), [])
            if source.root / path in found:
                found = [source.root / path]
            elif len(found) == 1:
                cell.note('path', 'noted', f'{path} is {found[0]}')
        else:
            meant = named.get((clip.subject, clip.name), [])
            if not isinstance(meant, str):
                found = meant
            elif cell.sound:
                cell.fail('clip', meant)
        if len(found) > 1 and cell.sound:
            cell.fail('path', f'{found[0]} or {found[1]}? Add a path')
        # Those by name are all clips, or none is.
        lost = [place for place in found if place in why_not]
        found = [place for place in found if place not in why_not]
        if not found and not lost:
            ends = _endings(path) if path else [(clip.subject, clip.name)]
            lost = next(filter(None, map(blocked.get, ends)), [])
        reason = ''
        if not found and lost:
            reason = f'not on disk as a clip: {lost[0]} {why_not[lost[0]]}'
        whole = clip.onset is None and clip.offset is None
        if whole and ranges:
            said = 'neither onset nor offset is given: all of the clip is taken'
            cell.note('onset', 'noted', said)
        reading.findings += cell.findings()
        clip = replace(
            clip, path=found[0] if found else None, why_not=reason, whole=whole
        )
        (reading.clips if cell.sound else reading.lost).append(clip)
    check_spellings(reading)
    used = {clip.path for clip in [*reading.clips, *reading.lost]}
    for one in all_places:
        if one.path not in used:
            name = '/'.join(one.parts)
            reading.findings.append(
                Finding(None, name, 'frames', 'noted', 'a folder without a row')
            )
    reading.findings += found_places.findings('noted')
    return reading


def _read_row(row: Row) -> tuple[Clip, str, CellReader]:
    """Read a row as far as it can be read: clip, path and what was wrong."""
    cell = CellReader(row, row_name(row))
    who, name = cell.read('subject', cells.identity), cell.read('clip', cells.name)
    cell.clip = f'{who or "?"}/{name or "?"}'
    emotion = cell.read('emotion', cells.name)
    path = cell.read('path', cells.text) or ''
    if cell.sound and path and (problem := path_problem(path)):
        cell.fail('path', problem)
    onset, offset = (cell.read(field, cells.frame) for field in ('onset', 'offset'))
    apex = cell.read('apex', cells.apex)
    if apex is None and cells.text_or_nothing(row.cells['apex']):
        cell.note('apex', 'repaired', 'not given: taken as not known')
    clip = Clip(
        subject=who or '?',
        name=name or '?',
        emotion=emotion or '?',
        path=None,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=cell.spare('aus', cells.action_units) or (),
        row=row.number,
        fps=cell.read('fps', cells.rate),
    )
    return clip, path, cell


def _find_by_name(
    clips: Sequence[Clip], places: Sequence[Place | Blocked], reading: Reading
) -> dict[Key, list[Path] | str]:
    """Find the clips without a path: below their person's folder, or anywhere.

    A folder that is empty, or packed, has its name nevertheless: none of another
    spelling stands in for it.

    Args:
        clips: The clips.
        places: All clips on disk, and behind them what cannot be read as one.
        reading: Gets the finding about names that are spelled in two ways.

    Returns:
        By subject and clip where it may lie, or why that is not known.
    """
    keys = [(clip.subject, clip.name) for clip in clips]
    people = {person(who) for who, _ in keys}
    pairs, free = defaultdict(list), defaultdict(list)
    readable = {place.parts[-2:] for place in places if isinstance(place, Place)}
    for place in places:
        if isinstance(place, Blocked):
            # Lists and landmarks may lie in folders that are called like clips.
            if place.kind == 'documents' or place.parts[-2:] in readable:
                continue
        if len(place.parts) > 1:
            pairs[place.parts[-2:]].append(place.path)
        # A folder below another person's is that person's clip.
        if people.isdisjoint(map(person, place.parts[:-1])):
            free[place.parts[-1:]].append(place.path)
    found = match_names(keys, pairs.keys())
    names = Counter(name for _, name in keys)
    left: dict[Key, Key] = {
        key[1:]: key for key in keys if key not in found and names[key[1]] == 1
    }
    alone = match_names(left, free.keys())
    note_spellings({**found, **alone}, reading)
    return {
        key: one if isinstance(one, str) else pairs[one] for key, one in found.items()
    } | {
        left[key]: one if isinstance(one, str) else free[one]
        for key, one in alone.items()
    }


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
    check_spellings(reading)
    return reading


def _endings(path: str) -> list[Key]:
    parts = tuple(map(cells.plain, Path(path).parts))
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
