"""What was found in a release: clips to be, and what is wrong with them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...utils.errors import MERDataError
from ...utils.text import quote
from ..annotation_rules import MAX_NAME
from .labels import emotion_key
from .sheets import cells
from .sheets.sheet import Row

Action = Literal['repaired', 'skipped', 'noted']


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know about a clip.

    Attributes:
        row: Row of the spreadsheet, from 1; None where no row is to blame.
        clip: ``'subject/clip'``, or as much of it as is known.
        field: What is wrong: ``'onset'``, ``'apex'``, ``'frames'``, ``'face'``...
        action: ``'repaired'``, ``'skipped'`` (the clip is left out) or ``'noted'``.
        reason: What is wrong and what was done about it.
    """

    row: int | None
    clip: str
    field: str
    action: Action
    reason: str

    def __str__(self) -> str:
        """Write the finding on one line."""
        row = '' if self.row is None else f'row {self.row}, '
        return f'{row}clip {self.clip}, {self.field}: {self.action}: {self.reason}'


@dataclass(frozen=True)
class Clip:
    """A clip as a release describes it, before the disk was asked.

    Attributes:
        subject: Canonical name of the subject.
        name: Name of the clip, unique for its subject.
        emotion: The release's word for it.
        path: Folder of its frames, or its video; None where there is none.
        onset: First frame as the release says it; None where it does not.
        apex: Frame of the strongest expression, likewise.
        offset: Last frame, likewise.
        aus: Action units.
        row: Row of the spreadsheet it comes from.
        fps: Frame rate in Hz, where it is the clip's own.
        whole: Whether the release means the whole folder, and gives no frames.
        why_not: Why there is no path.
    """

    subject: str
    name: str
    emotion: str
    path: Path | None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    aus: tuple[str, ...] = ()
    row: int | None = None
    fps: float | None = None
    whole: bool = False
    why_not: str = ''

    @property
    def title(self) -> str:
        """Name for messages."""
        return f'{self.subject}/{self.name}'

    def finding(self, what: str, action: Action, reason: str) -> Finding:
        """Say something about this clip."""
        return Finding(self.row, self.title, what, action, reason)


@dataclass
class Reading:
    """What a reader has read.

    Attributes:
        clips: The clips, in the order of the release.
        findings: Rows that could not become clips, and the like.
        lost: Rows that could not become clips, as far as they could be read.
        rows: Number of rows (or folders, where there is no sheet).
        source: The spreadsheet's name, empty where folders are the labels.
        variant: The edition of the release, recognised from its rows.
        subjects_known: Whether it is known who is seen; else each clip is a subject.
        task: What the clips are for, where the release itself says it.
    """

    clips: list[Clip] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lost: list[Clip] = field(default_factory=list)
    rows: int = 0
    source: str = ''
    variant: str = ''
    subjects_known: bool = True
    task: str = ''


class CellReader:
    """Reads the cells of one row and remembers what was wrong with them.

    A cell that cannot be read leaves its row out: what it says is not known, which is
    not the same as nothing.

    Args:
        row: The row.
        clip: What messages call the row.
    """

    def __init__(self, row: Row, clip: str) -> None:
        self.row = row
        self.clip = clip
        self._faults = [('row', row.problem)] if row.problem else []
        self._notes: list[tuple[str, Action, str]] = []

    @property
    def sound(self) -> bool:
        """Whether the row can be a clip as far as it was read."""
        return not self._faults

    def read(self, field: str, how: Callable[[Any], Any]) -> Any:
        """Read a cell; None where it cannot be read."""
        try:
            return how(self.row.cells[field])
        except cells.CellError as error:
            self.fail(field, str(error))
            return None

    def spare(self, field: str, how: Callable[[Any], Any]) -> Any:
        """Read a cell that tells nothing about who is seen and when."""
        try:
            return how(self.row.cells[field])
        except cells.CellError as error:
            self.note(field, 'repaired', f'{error}: taken as not known')
            return None

    def note(self, field: str, action: Action, reason: str) -> None:
        """Remember something about this row, if it becomes a clip."""
        self._notes.append((field, action, reason))

    def fail(self, field: str, reason: str) -> None:
        """Remember why this row cannot become a clip."""
        self._faults.append((field, reason))

    def findings(self) -> list[Finding]:
        """Return what was found; a row that is left out gets one finding for all."""
        found: list[tuple[str, Action, str]] = [
            (
                what,
                'noted',
                f'one merged cell holds for rows {self.row.number} to {last}',
            )
            for what, last in self.row.merged.items()
        ]
        if self._faults:
            (first, reason), *others = self._faults
            more = ''.join(f'; {what} {why}' for what, why in others)
            if {'clip', 'emotion'} <= {what for what, _ in self._faults}:
                more += ': a total or a note, which is no clip?'
            found.append((first, 'skipped', reason + more))
        else:
            found += self._notes
        return [Finding(self.row.number, self.clip, *one) for one in found]


def row_name(row: Row) -> str:
    """What messages call a row before its cells are read."""
    names = (cells.text_or_nothing(row.cells.get(one)) for one in ('subject', 'clip'))
    return '/'.join(name[:MAX_NAME] or '?' for name in names)


def drop_repeated(reading: Reading) -> None:
    """Keep the first of clips that repeat each other, none of those that contradict.

    Names that differ in the case of letters alone are one: file systems differ in
    whether they are.
    """
    alike: dict[str, list[Clip]] = {}
    for clip in reading.clips:
        alike.setdefault(clip.title.casefold(), []).append(clip)
    kept = []
    for clip in reading.clips:
        first, *_ = group = alike[clip.title.casefold()]
        others = [one for one in group if one is not clip]
        if all(_says(one) == _says(clip) for one in others):
            if clip is first:
                kept.append(clip)
                continue
            reason = f'repeats {_where(first)}'
        else:
            reason = (
                f'contradicts {", ".join(map(_where, others))}: which one is right?'
            )
        reading.findings.append(clip.finding('clip', 'skipped', reason))
    reading.clips[:] = kept


def _says(clip: Clip) -> tuple[Any, ...]:
    return clip.path, clip.onset, clip.apex, clip.offset, emotion_key(clip.emotion)


def _where(clip: Clip) -> str:
    return str(clip.path) if clip.row is None else f'row {clip.row}'


def check_spellings(reading: Reading) -> None:
    """Refuse subjects that are spelled in ways which may be one person's.

    Raises:
        MERDataError: Two subjects differ in letters' case, blanks or zeros alone.
    """
    first: dict[str, Clip] = {}
    for clip in reading.clips:
        plain = re.sub(r'[ ._-]|(?<![0-9])0+(?=[0-9])', '', clip.subject.casefold())
        known = first.setdefault(plain, clip)
        if known.subject != clip.subject:
            rows = [one.path if one.row is None else one.row for one in (known, clip)]
            raise MERDataError(
                f'{reading.source or "folders"}: subjects {quote(known.subject)} '
                f'(row {rows[0]}) and {quote(clip.subject)} (row {rows[1]}) may be one '
                f'person, who would be on both sides of a fold: spell each person one '
                f'way'
            )
