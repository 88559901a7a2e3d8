"""Find the folders and videos of the clips of a release by the names of the clips."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ....utils.errors import MERDataError
from ..issues import Action, Issue
from ..sheets import cells
from .copies import FolderCopy, find_copies
from .duplicate_trees import check_duplicate_trees
from .names import Key
from .scan import ClipEntry, Kind, UnusableEntry, archive_stem, scan_release

#: The key of entries that belong to another part of a release, and are not reported.
OTHER_PART: Key = ()
# Number of names that a message lists.
_SHOWN = 3
_PLURALS: dict[Kind, str] = {
    'empty': 'empty folder(s)',
    'documents': 'folder(s) without images',
    'unreadable': 'folder(s) that cannot be read',
    'link': 'link(s), which are not followed',
    'archive': 'archive(s), which are not unpacked',
    'backslash': 'folder(s) unpacked as files with backslashes in their names',
}


class ClipFolders(dict[Key, Path]):
    """Folder or video by the name of the clip.

    Attributes:
        unusable: Entries in the place of a clip that cannot be read, by the name of
            the clip; only clips without another folder.
        misplaced: Clips in a place where this release has none.
        others: Other entries that cannot be read.
        copies: Folders that are named as copies and left out for that reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unusable: dict[Key, UnusableEntry] = {}
        self.misplaced: list[ClipEntry] = []
        self.others: list[UnusableEntry] = []
        self.copies: list[FolderCopy] = []

    def explain_missing(self, key: Key, subject: Callable[[str], str]) -> str:
        """Return why a clip has no folder.

        Args:
            key: Name of the clip, its subject first.
            subject: Returns the canonical name of the subject of a folder; raises
                CellError if there is none.
        """
        names = [name.casefold() for name in key[1:]]

        def is_subject(folder: str) -> bool:
            try:
                return subject(folder) == key[0]
            except cells.CellError:
                return False

        found = self.unusable.get(key)
        for one in [] if found else [*self.others, *self.unusable.values()]:
            own = len(one.parts) > 1 and one.parts[-1].casefold() in names
            if one.parts and is_subject(one.parts[-2 if own else -1]):
                found = one
                break
        if found is not None:
            return f'not on disk as a clip: {found}'
        for entry in self.misplaced:
            # An archive may unpack to a folder with the clip's name in another one.
            above = entry.parts[-3:-1]
            if len(above) == 2 and above[1].casefold() in names:
                if is_subject(above[0]):
                    return f'not on disk where expected: {entry.path} is a level deeper'
        return 'not on disk'

    def issues(self, lost: Action) -> list[Issue]:
        """Return one issue for each kind of entry that is ignored.

        Args:
            lost: What is done about folders that may contain clips and are not rows of
                a table: ``'noted'`` if the rows of the table report the loss.
        """
        issues = [_copy_issue(copy) for copy in self.copies]
        if self.misplaced and lost == 'noted':
            names = _join_names(entry.path for entry in self.misplaced)
            reason = (
                f'{len(self.misplaced)} folder(s) of images or video(s) are in places '
                f'where this release has no clips: {names}: ignored'
            )
            where = '/'.join(self.misplaced[0].parts)
            issues.append(Issue(None, where, 'frames', 'noted', reason))
        for kind, plural in _PLURALS.items():
            found = [one for one in self.others if one.kind == kind]
            # Papers and lists are usual in a release that has a table.
            if found and (kind != 'documents' or lost == 'skipped'):
                harmless = kind in ('empty', 'documents') or _are_unpacked(found)
                names = _join_names(one.path for one in found)
                reason = (
                    f'{len(found)} {plural}: {names}; {found[0].path.name} '
                    f'{found[0].reason}'
                )
                where = '/'.join(found[0].parts)
                action = 'noted' if harmless else lost
                issues.append(Issue(None, where, 'frames', action, reason))
        return issues


def find_clip_folders(
    root: Path,
    key: Callable[[ClipEntry], Key | None],
    example: str,
    skip_copies: bool = False,
) -> ClipFolders:
    """Find the folders and videos of the clips.

    Args:
        root: The release.
        key: Returns the name of a clip from its path; None for other entries,
            :data:`OTHER_PART` for those of another part of the release. Names are
            normalized by :func:`.cells.normalize`.
        example: Path of a clip, for the message.
        skip_copies: Leave out what is named as a copy of another folder here.
            Otherwise only if a clip would have two folders. Defaults to False.

    Raises:
        MERDataError: There is no clip, or a clip is in two places.
    """
    found = ClipFolders()
    scanned = list(scan_release(root))
    entries = [one for one in scanned if isinstance(one, ClipEntry)]
    copies = find_copies(entries)
    copied = {entry.path: copy for copy in copies for entry in copy.entries}
    groups: dict[Key, list[ClipEntry]] = {}
    for one in entries:
        entry, name = _name(one, key)
        copy = copied.get(entry.path)
        if copy is not None and skip_copies and name != OTHER_PART:
            _append_once(found.copies, copy)
        elif name is None:
            found.misplaced.append(entry)
        elif name != OTHER_PART:
            groups.setdefault(name, []).append(entry)
    for name, group in groups.items():
        for entry in list(group):
            copy = copied.get(entry.path)
            if copy is not None and len(group) > 1:
                group.remove(entry)
                _append_once(found.copies, copy)
        found[name] = group[0].path
    check_duplicate_trees(root, groups)
    for unusable in scanned:
        if isinstance(unusable, UnusableEntry):
            name = _name(unusable, key)[1] if unusable.parts else None
            if name == OTHER_PART:
                continue
            if name is not None and name not in {**found, **found.unusable}:
                found.unusable[name] = unusable
            elif name is None or unusable.kind != 'documents':
                found.others.append(unusable)
    if not found:
        raise MERDataError(
            f'contains no clip of this release; expected folders such as {example}'
            f'{list_alternatives(scanned, found.misplaced)}',
            path=root,
        )
    return found


def _name(
    entry: ClipEntry | UnusableEntry, key: Callable[[ClipEntry], Key | None]
) -> tuple[ClipEntry, Key | None]:
    """Normalize the path of an entry, and find the name of its clip."""
    entry = ClipEntry(tuple(map(cells.normalize, entry.parts)), entry.path)
    try:
        return entry, key(entry)
    except cells.CellError:
        return entry, None


def _append_once(copies: list[FolderCopy], copy: FolderCopy) -> None:
    if copy not in copies:
        copies.append(copy)


def list_alternatives(
    scanned: Iterable[ClipEntry | UnusableEntry], misplaced: Sequence[ClipEntry] = ()
) -> str:
    """List what a folder contains instead of clips or a spreadsheet.

    Args:
        scanned: All entries of the folder.
        misplaced: Clips in a place where this release has none. Defaults to ().

    Returns:
        The end of a sentence, empty if there is nothing to list.
    """
    lines = []
    if misplaced:
        names = _join_names(entry.path for entry in misplaced)
        lines.append(f'{len(misplaced)} other folder(s) or video(s): {names}')
    unusable = [one for one in scanned if isinstance(one, UnusableEntry)]
    for kind, plural in _PLURALS.items():
        group = [one for one in unusable if one.kind == kind]
        if group and kind != 'documents':
            names = _join_names(one.path for one in group)
            lines.append(f'{len(group)} {plural}: {names}; the first {group[0].reason}')
    return ', but there are\n  ' + '\n  '.join(lines) if lines else ''


def _copy_issue(copy: FolderCopy) -> Issue:
    original = '/'.join(copy.original)
    many = f' ({len(copy.entries)} clips)' if len(copy.entries) > 1 else ''
    if copy.same:
        reason = f'a copy of {original}{many}: left out'
    else:
        reason = (
            f'is named as a copy of {original}{many}, but contains other files: left '
            f'out; rename it if it is not a copy'
        )
    action: Action = 'noted' if copy.same else 'skipped'
    return Issue(None, '/'.join(copy.parts), 'frames', action, reason)


def _are_unpacked(entries: Iterable[UnusableEntry]) -> bool:
    """Check whether all are archives beside the folder that they unpack to."""
    return all(
        one.kind == 'archive'
        and one.path.with_name(archive_stem(one.path.name)).is_dir()
        for one in entries
    )


def _join_names(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more
