"""What the readers of all releases share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....utils.errors import MERDataError
from ..disk.clip_folders import Places, find_places, instead
from ..disk.names import Key, match_names
from ..disk.walk import Place, walk
from ..issues import CellReader, Clip, Finding, Reading, row_name
from ..sheets import cells
from ..sheets.selection import select_kind
from ..sheets.sheet import Columns, Row, Table, find_tables, read_table


@dataclass(frozen=True)
class Source:
    """A release on disk.

    Attributes:
        root: Its folder.
        sheet: Its spreadsheet, where the user has named one.
    """

    root: Path
    sheet: Path | None = None

    def table(
        self, needed: Columns, besides: Columns | None = None, sheet: str | None = None
    ) -> Table:
        """Find the release's table (see :func:`.sheets.find_tables`)."""
        if self.sheet is not None:
            return read_table(self.sheet, needed, besides, sheet)
        try:
            return find_tables(self.root, needed, besides, sheet)
        except MERDataError as error:
            there = instead(walk(self.root))
            raise MERDataError(f'{error}{there}') from error

    def places(
        self,
        key: Callable[[Place], Key | None],
        example: str,
        without_copies: bool = False,
    ) -> Places:
        """Find the folders of the clips (see :func:`.places.find_places`)."""
        return find_places(self.root, key, example, without_copies)


@dataclass(frozen=True)
class Reader:
    """How one release is read.

    Attributes:
        labels: Its name in ``LABEL_MAPS``, empty where its emotions are its classes.
        dataset: Its name in annotations. Releases of the same people share it, so
            that nobody is trained and tested on.
        fps: Frame rate in Hz; None where clips bring their own.
        read: Reads the release.
        title: What it is.
        task: What its clips are for, for ``metainfo.task_name``.
    """

    labels: str
    dataset: str
    fps: float | None
    read: Callable[[Source], Reading]
    title: str
    task: str = 'micro-expression recognition'


def read_rows(
    table: Table,
    places: Places,
    subject: Callable[[Any], str],
    key: Callable[[str, str], Key],
    name: Callable[[Clip], str] = lambda clip: clip.name,
) -> Reading:
    """Read the rows of a table whose fields are named as in an annotation.

    Args:
        table: Fields ``subject``, ``clip``, ``emotion``, ``onset``, ``offset``, and
            ``apex`` and ``aus`` where the release has them.
        places: Folder by key.
        subject: Makes a subject's one name of its cell; CellError where it cannot.
        key: Key of a clip from its subject and name.
        name: Name of the clip in the annotation, where the release's is not unique.

    Returns:
        One clip per row of a micro-expression whose cells can be read; a finding for
        each other, and one for all rows of macro-expressions.
    """
    table, left_out, _ = select_kind(table, 'micro')
    unknown = sum(one.action == 'skipped' for one in left_out)
    reading = Reading(rows=len(table.rows) + unknown, source=table.title)
    reading.findings += left_out
    read = [_read_row(row, subject) for row in table.rows]
    keys = [key(clip.subject, clip.name) for clip, _ in read]
    # A folder that is empty, or packed, has its name nevertheless: none of another
    # spelling stands in for it. Lists may lie in folders that are called like clips.
    packed = [key for key, one in places.blocked.items() if one.kind != 'documents']
    found = match_names(keys, {*places, *packed})
    left = [place for place in keys if place not in found]
    lost = match_names(left, places.blocked)
    for place, (clip, cell) in zip(keys, read, strict=True):
        meant = found.get(place)
        if cell.sound and isinstance(meant, str):
            cell.fail('clip', meant)
        reading.findings += cell.findings()
        if not cell.sound:
            reading.lost.append(clip)
            continue
        folder = found.get(place, lost.get(place))
        folder = folder if isinstance(folder, tuple) else place
        path = places.get(folder)
        why_not = '' if path else places.why_not(folder, subject)
        clip = replace(clip, path=path, why_not=why_not)
        reading.clips.append(replace(clip, name=name(clip)))
    note_spellings(found, reading)
    for place in sorted(places.keys() - found.values()):
        reading.findings.append(
            Finding(None, '/'.join(place), 'frames', 'noted', 'a folder without a row')
        )
    claimed = {*found.values(), *lost.values()}
    for place in sorted(places.blocked.keys() - claimed):
        reason = f'without a row, and {places.blocked[place].why}'
        reading.findings.append(
            Finding(None, '/'.join(place), 'frames', 'noted', reason)
        )
    reading.findings += places.findings('noted')
    return reading


def note_spellings(found: Mapping[Key, Key | str], reading: Reading) -> None:
    """Say that names of the sheet and of the folders are spelled in two ways.

    Args:
        found: As :func:`.names.match_names` gives it.
        reading: Gets one finding.
    """
    other = {
        name: one
        for name, one in found.items()
        if isinstance(one, tuple) and one != name
    }
    if other:
        name, one = next(iter(other.items()))
        reason = (
            f'{len(other)} are spelled in another way than their folders, as here, '
            f'which is {"/".join(one)}; no other folder can be meant'
        )
        reading.findings.append(Finding(None, '/'.join(name), 'clip', 'noted', reason))


def _read_row(row: Row, subject: Callable[[Any], str]) -> tuple[Clip, CellReader]:
    """Read a row as far as it can be read."""
    cell = CellReader(row, row_name(row))
    who = cell.read('subject', subject)
    clip = cell.read('clip', cells.name)
    cell.clip = f'{who or "?"}/{clip or "?"}'
    emotion = cell.read('emotion', cells.name)
    onset, offset = (cell.read(field, cells.frame) for field in ('onset', 'offset'))
    apex = None
    if 'apex' in row.cells:
        apex = cell.read('apex', cells.apex)
        if apex is None:
            cell.note('apex', 'repaired', 'not given: taken as not known')
    aus = cell.spare('aus', cells.action_units) if 'aus' in row.cells else ()
    found = Clip(
        subject=who or '?',
        name=clip or '?',
        emotion=emotion or '?',
        path=None,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus or (),
        row=row.number,
    )
    return found, cell


def numbered(form: str) -> Callable[[Any], str]:
    """Make the one name of a subject from the number in its cell.

    >>> numbered('sub{:02d}')(1.0)
    'sub01'
    """
    return lambda value: form.format(cells.one_number(value))
