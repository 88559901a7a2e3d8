"""Which clip lies where: the folders and videos of a release by the clips' names."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ....utils.errors import MERDataError
from ..issues import Action, Clip, Finding, Reading
from ..sheets import cells
from .copies import Copy, find_copies
from .names import Key
from .trees import check_trees
from .walk import Blocked, Kind, Place, archive_stem, walk

#: The key of what belongs to another part of a release, of which nothing is said.
ELSEWHERE: Key = ()
# So many names are shown of a list.
_SHOWN = 3
_MANY: dict[Kind, str] = {
    'empty': 'empty folder(s)',
    'documents': 'folder(s) without pictures',
    'unreadable': 'folder(s) that cannot be read',
    'link': 'link(s), which are not followed',
    'archive': 'archive(s), which are not unpacked',
    'backslash': 'folder(s) unpacked as files with backslashes in their names',
}


class Places(dict[Key, Path]):
    """Folder or video by the name of the clip.

    Attributes:
        blocked: What lies where a clip should and cannot be read, by the clip's name;
            only clips that lie nowhere else.
        strays: Clips that lie where none of this release does.
        others: What cannot be read elsewhere, or is a clip's second place.
        copies: Folders that are named as copies and were left out for that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocked: dict[Key, Blocked] = {}
        self.strays: list[Place] = []
        self.others: list[Blocked] = []
        self.copies: list[Copy] = []

    def why_not(self, key: Key, subject: Callable[[str], str]) -> str:
        """Say why a clip is not here.

        Args:
            key: Its name, the subject first.
            subject: Makes a subject's one name of a folder's; CellError where it
                cannot.
        """
        names = [name.casefold() for name in key[1:]]

        def is_persons(folder: str) -> bool:
            try:
                return subject(folder) == key[0]
            except cells.CellError:
                return False

        found = self.blocked.get(key)
        for one in [] if found else [*self.others, *self.blocked.values()]:
            own = len(one.parts) > 1 and one.parts[-1].casefold() in names
            if one.parts and is_persons(one.parts[-2 if own else -1]):
                found = one
                break
        if found is None:
            for place in self.strays:
                # An archive may unpack to a folder of the clip's name in another one.
                above = place.parts[-3:-1]
                if len(above) == 2 and above[1].casefold() in names:
                    if is_persons(above[0]):
                        return (
                            f'not on disk where it should: {place.path} lies too deep'
                        )
            return 'not on disk'
        return f'not on disk as a clip: {found}'

    def findings(self, lost: Action) -> list[Finding]:
        """Say what is left alone, one finding for all of a kind.

        Args:
            lost: What is done about folders that may hold clips and are not rows of
                a table: ``'noted'`` where the table's rows say that they are lost.
        """
        findings = [_copied(copy) for copy in self.copies]
        if self.strays and lost == 'noted':
            names = _names(place.path for place in self.strays)
            reason = (
                f'{len(self.strays)} folder(s) of pictures or video(s) lie where no '
                f'clip of this release does: {names}: left alone'
            )
            where = '/'.join(self.strays[0].parts)
            findings.append(Finding(None, where, 'frames', 'noted', reason))
        for kind, many in _MANY.items():
            found = [one for one in self.others if one.kind == kind]
            # Papers and lists lie in any release that has a table.
            if found and (kind != 'documents' or lost == 'skipped'):
                whole = kind in ('empty', 'documents') or _beside(found)
                findings.append(
                    Finding(
                        None,
                        '/'.join(found[0].parts),
                        'frames',
                        'noted' if whole else lost,
                        f'{len(found)} {many}: {_names(one.path for one in found)}; '
                        f'{found[0].path.name} {found[0].why}',
                    )
                )
        return findings


def read_labelled(
    places: Places, clip_of: Callable[[Key, Path | None], Clip], reason: str
) -> Reading:
    """Read a release whose folders are its labels.

    Args:
        places: What was found of it.
        clip_of: Makes the clip of a key.
        reason: What is wrong with the place of clips that have no key.

    Returns:
        One clip per place, and a finding for everything else.
    """
    reading = Reading()
    reading.clips += [clip_of(name, path) for name, path in places.items()]
    for name, blocked in places.blocked.items():
        clip = clip_of(name, None)
        reading.lost.append(clip)
        reading.findings.append(clip.finding('frames', 'skipped', str(blocked)))
    for place in places.strays:
        where = '/'.join(place.parts)
        reading.findings.append(Finding(None, where, 'frames', 'skipped', reason))
    reading.findings += places.findings('skipped')
    reading.rows = len(reading.clips) + len(reading.lost)
    return reading


def find_places(
    root: Path,
    key: Callable[[Place], Key | None],
    example: str,
    without_copies: bool = False,
) -> Places:
    """Find the folders and videos of the clips.

    Args:
        root: The release.
        key: Gives the name of a clip from where it lies; None for what is no clip,
            :data:`ELSEWHERE` for what belongs to another part of the release. Names
            are as :func:`.cells.plain` makes them.
        example: How a clip's path looks, for the message.
        without_copies: Leave out what is named as a copy of another folder here.
            Otherwise only where a clip would lie in two places.

    Raises:
        MERDataError: There is none, or a clip lies in two places.
    """
    found = Places()
    walked = list(walk(root))
    clips = [one for one in walked if isinstance(one, Place)]
    copies = find_copies(clips)
    copied = {place.path: copy for copy in copies for place in copy.places}
    twice: dict[Key, list[Place]] = {}
    for place in clips:
        plain = Place(tuple(map(cells.plain, place.parts)), place.path)
        name = _key_of(key, plain)
        copy = copied.get(place.path)
        if copy is not None and without_copies and name != ELSEWHERE:
            _add(found.copies, copy)
        elif name is None:
            found.strays.append(plain)
        elif name != ELSEWHERE:
            twice.setdefault(name, []).append(plain)
    for name, group in twice.items():
        if len(group) > 1:
            for place in list(group):
                copy = copied.get(place.path)
                if copy is not None and len(group) > 1:
                    group.remove(place)
                    _add(found.copies, copy)
        found[name] = group[0].path
    check_trees(root, twice)
    for one in walked:
        if isinstance(one, Blocked):
            plain = Place(tuple(map(cells.plain, one.parts)), one.path)
            name = _key_of(key, plain) if one.parts else None
            if name == ELSEWHERE:
                continue
            if name is not None and name not in {**found, **found.blocked}:
                found.blocked[name] = one
            elif name is None or one.kind != 'documents':
                found.others.append(one)
    if not found:
        raise MERDataError(
            f'{root}: no clip of this release here; expected folders such as '
            f'{example}{instead(walked, found.strays)}'
        )
    return found


def _key_of(key: Callable[[Place], Key | None], place: Place) -> Key | None:
    try:
        return key(place)
    except cells.CellError:
        return None


def _add(copies: list[Copy], copy: Copy) -> None:
    if copy not in copies:
        copies.append(copy)


def instead(walked: Iterable[Place | Blocked], strays: Sequence[Place] = ()) -> str:
    """Say what there is where no clip, or no spreadsheet, is.

    Args:
        walked: All that was found.
        strays: Clips that lie where none of this release does.

    Returns:
        The end of a sentence, empty where there is nothing to be said.
    """
    blocked = [one for one in walked if isinstance(one, Blocked)]
    lines = []
    if strays:
        names = _names(place.path for place in strays)
        lines.append(f'{len(strays)} other folder(s) or video(s): {names}')
    for kind, many in _MANY.items():
        group = [one for one in blocked if one.kind == kind]
        if group and kind != 'documents':
            names = _names(one.path for one in group)
            lines.append(f'{len(group)} {many}: {names}; the first {group[0].why}')
    return ', but there are\n  ' + '\n  '.join(lines) if lines else ''


def _copied(copy: Copy) -> Finding:
    original = '/'.join(copy.original)
    many = f' ({len(copy.places)} clips)' if len(copy.places) > 1 else ''
    if copy.same:
        reason = f'a copy of {original}{many}: left alone'
    else:
        reason = (
            f'is named as a copy of {original}{many}, but holds other files: left out; '
            f'rename it if it is none'
        )
    action: Action = 'noted' if copy.same else 'skipped'
    return Finding(None, '/'.join(copy.parts), 'frames', action, reason)


def _beside(blocked: Iterable[Blocked]) -> bool:
    """Whether all are archives that lie beside what they were unpacked to."""
    return all(
        one.kind == 'archive'
        and one.path.with_name(archive_stem(one.path.name)).is_dir()
        for one in blocked
    )


def _names(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more
