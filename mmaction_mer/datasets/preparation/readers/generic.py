"""Any other release: a folder of clips with a table, or folders named by emotion."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ...annotation_rules import path_problem
from ..disk.clip_folders import ClipFolders
from ..disk.names import Key, match_names, normalize_subject
from ..disk.scan import ClipEntry, UnusableEntry
from ..duplicates import check_subject_spelling
from ..issues import Clip, Issue, ParsedRelease
from ..sheets import cells
from ..sheets.selection import select_kind
from ..sheets.tables import Row
from .reader import Reader, Source, note_spellings
from .rows import RowParser, parse_clip

NEEDED = {
    'subject': ('subject',),
    'clip': ('clip', 'filename', 'name'),
    'emotion': ('emotion', 'label', 'class'),
}
OPTIONAL = {
    'path': ('path', 'folder', 'video'),
    'onset': ('onset', 'onset frame', 'onsetf'),
    'apex': ('apex', 'apex frame', 'apexf'),
    'offset': ('offset', 'offset frame', 'offsetf'),
    'aus': ('aus', 'au', 'action units'),
    'fps': ('fps', 'frame rate'),
}
# Folders of these names are splits of a data set, not subjects.
_SPLITS = frozenset({'train', 'training', 'test', 'val', 'valid', 'validation'})
_TASK = 'facial expression recognition'


def read_table_of_clips(source: Source) -> ParsedRelease:
    """Read a table with a row per clip.

    Without a path, a clip is the folder or video that is called ``<subject>/<clip>`` or
    ``<clip>``, anywhere in the release. Without onset and offset it is all of it. From
    a table that holds micro- and macro-expressions, the former are read.
    """
    table = source.table(NEEDED, OPTIONAL)
    rows, release, kind = select_kind(table, None)
    release.task = f'{kind}-expression recognition' if kind else ''
    folders, entries = _all_folders(source, '<subject>/<clip>')
    folders.others += folders.unusable.values()
    usable_by_ending = _by_ending(entries)
    unusable_by_ending = _by_ending(folders.others)
    reasons = {one.path: one.reason for one in folders.others}
    parsed = [_parse_row(row) for row in rows]
    without_path = [clip for clip, path, _ in parsed if not path]
    by_name = _find_by_name(without_path, [*entries, *folders.others], release)
    any_range = any(clip.onset is not None for clip, _, _ in parsed)
    for clip, path, parser in parsed:
        found: list[Path] = []
        if path:
            matches = map(usable_by_ending.get, _endings(path))
            found = next(filter(None, matches), [])
            if source.root / path in found:
                found = [source.root / path]
            elif len(found) == 1:
                parser.note('path', 'noted', f'{path} is {found[0]}')
        else:
            match = by_name.get((clip.subject, clip.name), [])
            if not isinstance(match, str):
                found = match
            elif parser.valid:
                parser.fail('clip', match)
        if len(found) > 1 and parser.valid:
            parser.fail('path', f'{found[0]} or {found[1]}? Add a path')
        # A match by name is either usable or not, never both.
        unusable = [one for one in found if one in reasons]
        found = [one for one in found if one not in reasons]
        if not found and not unusable:
            endings = _endings(path) if path else [(clip.subject, clip.name)]
            unusable = next(filter(None, map(unusable_by_ending.get, endings)), [])
        missing_reason = ''
        if not found and unusable:
            missing_reason = (
                f'not on disk as a clip: {unusable[0]} {reasons[unusable[0]]}'
            )
        whole = clip.onset is None and clip.offset is None
        if whole and any_range:
            reason = 'neither onset nor offset is given: the whole clip is taken'
            parser.note('onset', 'noted', reason)
        release.issues += parser.issues()
        clip = replace(
            clip,
            path=found[0] if found else None,
            missing_reason=missing_reason,
            whole=whole,
        )
        (release.clips if parser.valid else release.dropped).append(clip)
    check_subject_spelling(release)
    used = {clip.path for clip in [*release.clips, *release.dropped]}
    release.issues += [
        Issue(None, '/'.join(one.parts), 'frames', 'noted', 'a folder without a row')
        for one in entries
        if one.path not in used
    ]
    release.issues += folders.issues('noted')
    return release


def _parse_row(row: Row) -> tuple[Clip, str, RowParser]:
    """Parse a row as a clip with its path."""
    clip, parser = parse_clip(row, cells.identity, apex_required=False)
    path = parser.parse('path', cells.text) or ''
    if parser.valid and path and (problem := path_problem(path)):
        parser.fail('path', problem)
    return clip, path, parser


def _find_by_name(
    clips: Sequence[Clip],
    entries: Sequence[ClipEntry | UnusableEntry],
    release: ParsedRelease,
) -> dict[Key, list[Path] | str]:
    """Find the clips without a path: in the folder of their subject, or anywhere.

    An empty or packed folder has its name, too: no folder with another spelling may
    replace it.

    Args:
        clips: The clips.
        entries: All clips on disk, followed by the unusable entries.
        release: Gets the issue about names that differ in spelling.

    Returns:
        The possible paths by subject and clip, or why the match is ambiguous.
    """
    keys = [(clip.subject, clip.name) for clip in clips]
    subjects = {normalize_subject(who) for who, _ in keys}
    pairs, free = defaultdict(list), defaultdict(list)
    readable = {one.parts[-2:] for one in entries if isinstance(one, ClipEntry)}
    for one in entries:
        if isinstance(one, UnusableEntry):
            # Folders of lists and landmarks may be named like clips.
            if one.kind == 'documents' or one.parts[-2:] in readable:
                continue
        if len(one.parts) > 1:
            pairs[one.parts[-2:]].append(one.path)
        # A folder in the folder of another subject is a clip of that subject.
        if subjects.isdisjoint(map(normalize_subject, one.parts[:-1])):
            free[one.parts[-1:]].append(one.path)
    found = match_names(keys, pairs.keys())
    names = Counter(name for _, name in keys)
    left: dict[Key, Key] = {
        key[1:]: key for key in keys if key not in found and names[key[1]] == 1
    }
    alone = match_names(left, free.keys())
    note_spellings({**found, **alone}, release)
    return {
        key: one if isinstance(one, str) else pairs[one] for key, one in found.items()
    } | {
        left[key]: one if isinstance(one, str) else free[one]
        for key, one in alone.items()
    }


def read_tree(source: Source, subjects: bool = True) -> ParsedRelease:
    """Read folders named by emotion: ``<emotion>/<clip>``, usual for macro sets.

    Args:
        source: The release.
        subjects: Whether the folder above, as in ``<subject>/<emotion>/<clip>``, is a
            subject. Without one, every clip is its own subject. Defaults to True.

    Returns:
        A clip for each folder of images and each video.
    """
    folders, clips = _all_folders(source, '<emotion>/<clip>', skip_copies=True)
    release = ParsedRelease()
    entries: list[ClipEntry | UnusableEntry] = [*clips, *folders.unusable.values()]
    for entry in entries:
        name = '_'.join(entry.parts)
        if len(entry.parts) not in (2, 3):
            if isinstance(entry, UnusableEntry):
                folders.others.append(entry)
                continue
            reason = (
                f'{entry.path} is neither <emotion>/<clip> nor '
                f'<subject>/<emotion>/<clip>'
            )
            release.issues.append(Issue(None, name, 'frames', 'skipped', reason))
            continue
        known = (
            subjects and len(entry.parts) == 3 and entry.parts[0].lower() not in _SPLITS
        )
        subject = entry.parts[0] if known else name
        clip = Clip(subject, name, entry.parts[-2], entry.path, whole=True)
        if isinstance(entry, UnusableEntry):
            release.dropped.append(clip)
            release.issues.append(clip.issue('frames', 'skipped', str(entry)))
            continue
        release.subjects_known &= known
        release.clips.append(clip)
    release.rows = len(release.clips) + len(release.issues)
    release.issues += folders.issues('skipped')
    # A single folder above all clips need not be that of a subject.
    release.subjects_known &= len({clip.subject for clip in release.clips}) > 1
    check_subject_spelling(release)
    return release


def _endings(path: str) -> list[Key]:
    parts = tuple(map(cells.normalize, Path(path).parts))
    if not parts:
        return []
    return [parts, (*parts[:-1], os.path.splitext(parts[-1])[0])]


def _by_ending(
    entries: Iterable[ClipEntry | UnusableEntry],
) -> dict[Key, list[Path]]:
    """Index paths by all their endings, so that a part of a path can name them."""
    found: dict[Key, list[Path]] = defaultdict(list)
    for entry in entries:
        for start in range(len(entry.parts)):
            found[entry.parts[start:]].append(entry.path)
    return found


def _all_folders(
    source: Source, example: str, skip_copies: bool = False
) -> tuple[ClipFolders, list[ClipEntry]]:
    """Find all clips, whatever their names, and the entries that are not clips."""
    folders = source.clip_folders(
        # A video beside a folder with its name is another clip.
        lambda entry: (*entry.parts, os.path.splitext(entry.path.name)[1]),
        example,
        skip_copies,
    )
    return folders, [ClipEntry(key[:-1], path) for key, path in folders.items()]


READERS = {
    'generic': Reader(
        '', '', None, read_table_of_clips, 'any clips with a table', _TASK
    ),
    'folders': Reader('', '', None, read_tree, 'any folders named by emotion', _TASK),
    # The folders above are scenes; the subjects are not known.
    'ferv39k': Reader(
        'ferv39k',
        'ferv39k',
        None,
        functools.partial(read_tree, subjects=False),
        'FERV39k',
        'macro-expression recognition',
    ),
}
