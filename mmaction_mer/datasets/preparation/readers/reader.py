"""What the readers of all releases share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ..disk.clip_folders import ClipFolders, find_clip_folders, list_alternatives
from ..disk.names import Key, match_names
from ..disk.scan import ClipEntry, scan_release
from ..issues import Clip, Issue, ParsedRelease
from ..sheets import cells
from ..sheets.selection import select_kind
from ..sheets.tables import Columns, Table, find_table, read_table
from .rows import parse_clip


@dataclass(frozen=True)
class Source:
    """A release on disk.

    Attributes:
        root: Folder of the release.
        sheet: Its spreadsheet, if the user has named one.
    """

    root: Path
    sheet: Path | None = None

    def table(
        self,
        needed: Columns,
        optional: Columns | None = None,
        sheet: str | None = None,
    ) -> Table:
        """Find the table of the release (see :func:`.tables.find_table`)."""
        if self.sheet is not None:
            return read_table(self.sheet, needed, optional, sheet)
        try:
            return find_table(self.root, needed, optional, sheet)
        except MERDataError as error:
            others = list_alternatives(scan_release(self.root))
            raise MERDataError(
                error.problem, path=error.path, hint=f'{error.hint or ""}{others}'
            ) from error

    def clip_folders(
        self,
        key: Callable[[ClipEntry], Key | None],
        example: str,
        skip_copies: bool = False,
    ) -> ClipFolders:
        """Find the folders of the clips (see :func:`.find_clip_folders`)."""
        return find_clip_folders(self.root, key, example, skip_copies)


@dataclass(frozen=True)
class Reader:
    """How one release is read.

    Attributes:
        labels: Key of its label maps in ``LABEL_MAPS``, empty if its emotions are its
            classes.
        dataset: Its name in annotations. Releases of the same people share it, so that
            no subject is in the training and in the test set.
        fps: Frame rate in Hz; None if clips have their own.
        read: Reads the release.
        title: Name for messages and reports.
        task: What its clips are for, for ``metainfo.task_name``.
    """

    labels: str
    dataset: str
    fps: float | None
    read: Callable[[Source], ParsedRelease]
    title: str
    task: str = 'micro-expression recognition'


def read_rows(
    table: Table,
    folders: ClipFolders,
    subject: Callable[[Any], str],
    clip_key: Callable[[str], str] = str,
    name: Callable[[Clip], str] = lambda clip: clip.name,
) -> ParsedRelease:
    """Read the rows of a table whose fields are named as in an annotation.

    Args:
        table: Fields ``subject``, ``clip``, ``emotion``, ``onset``, ``offset``, and
            ``apex`` and ``aus`` if the release has them.
        folders: Folder by subject and clip.
        subject: Returns the canonical name of a subject from its cell; raises CellError
            if there is none.
        clip_key: Returns the name of a clip in ``folders``. Defaults to its own.
        name: Name of the clip in the annotation, if that of the release is not unique.

    Returns:
        One clip per row of a micro-expression whose cells can be parsed; an issue for
        each other row, and one for all rows of macro-expressions.
    """
    rows, release, _ = select_kind(table, 'micro')
    parsed = [parse_clip(row, subject) for row in rows]
    keys: list[Key] = [(clip.subject, clip_key(clip.name)) for clip, _ in parsed]
    # An empty or packed folder has its name, too: no folder with another spelling may
    # replace it. Folders of lists may be named like clips, though.
    packed = [key for key, one in folders.unusable.items() if one.kind != 'documents']
    found = match_names(keys, {*folders, *packed})
    unusable = match_names([key for key in keys if key not in found], folders.unusable)
    for key, (clip, parser) in zip(keys, parsed, strict=True):
        match = found.get(key, unusable.get(key))
        if parser.valid and isinstance(found.get(key), str):
            parser.fail('clip', str(match))
        release.issues += parser.issues()
        if not parser.valid:
            release.dropped.append(clip)
            continue
        folder = match if isinstance(match, tuple) else key
        path = folders.get(folder)
        reason = '' if path else folders.explain_missing(folder, subject)
        clip = replace(clip, path=path, missing_reason=reason)
        release.clips.append(replace(clip, name=name(clip)))
    note_spellings(found, release)
    claimed = {*found.values(), *unusable.values()}
    surplus = {
        **dict.fromkeys(sorted(folders.keys() - claimed), 'a folder without a row'),
        **{
            key: f'without a row, and {folders.unusable[key].reason}'
            for key in sorted(folders.unusable.keys() - claimed)
        },
    }
    release.issues += [
        Issue(None, '/'.join(key), 'frames', 'noted', reason)
        for key, reason in surplus.items()
    ]
    release.issues += folders.issues('noted')
    return release


def read_labeled_folders(
    folders: ClipFolders, to_clip: Callable[[Key, Path | None], Clip], reason: str
) -> ParsedRelease:
    """Read a release whose folders are its labels.

    Args:
        folders: The folders of the release.
        to_clip: Returns the clip of a key.
        reason: What is wrong with the path of clips without a key.

    Returns:
        One clip per folder, and an issue for everything else.
    """
    release = ParsedRelease()
    release.clips += [to_clip(key, path) for key, path in folders.items()]
    for key, entry in folders.unusable.items():
        clip = to_clip(key, None)
        release.dropped.append(clip)
        release.issues.append(clip.issue('frames', 'skipped', str(entry)))
    release.issues += [
        Issue(None, '/'.join(entry.parts), 'frames', 'skipped', reason)
        for entry in folders.misplaced
    ]
    release.issues += folders.issues('skipped')
    release.rows = len(release.clips) + len(release.dropped)
    return release


def note_spellings(found: Mapping[Key, Key | str], release: ParsedRelease) -> None:
    """Report that names in the spreadsheet differ in spelling from their folders.

    Args:
        found: The result of :func:`.names.match_names`.
        release: Gets one issue for all of them.
    """
    other = {
        key: one for key, one in found.items() if isinstance(one, tuple) and one != key
    }
    if other:
        key, one = next(iter(other.items()))
        reason = (
            f'{len(other)} differ in spelling from their folders, as this one from '
            f'{"/".join(one)}; no other folder can be meant'
        )
        release.issues.append(Issue(None, '/'.join(key), 'clip', 'noted', reason))


def numbered(form: str) -> Callable[[Any], str]:
    """Return a function that makes the canonical name of a subject from its number.

    >>> numbered('sub{:02d}')(1.0)
    'sub01'
    """
    return lambda value: form.format(cells.subject_number(value))
