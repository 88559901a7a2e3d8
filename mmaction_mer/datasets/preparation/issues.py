"""What a reader returns: the clips of a release, and the issues with its rows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Action = Literal['repaired', 'skipped', 'noted']


@dataclass(frozen=True)
class Issue:
    """One problem of a row or a clip, as the report lists it.

    Attributes:
        row: Row of the spreadsheet, from 1; None if it is not about a row.
        clip: ``'subject/clip'``, or as much of it as is known.
        field: The field that is wrong: ``'onset'``, ``'apex'``, ``'frames'``,
            ``'face'``...
        action: ``'repaired'``, ``'skipped'`` (the clip is left out) or ``'noted'``.
        reason: What is wrong and what was done about it.
    """

    row: int | None
    clip: str
    field: str
    action: Action
    reason: str

    def __str__(self) -> str:
        """Return the issue on one line."""
        row = '' if self.row is None else f'row {self.row}, '
        return f'{row}clip {self.clip}, {self.field}: {self.action}: {self.reason}'


@dataclass(frozen=True)
class Clip:
    """A clip as a release describes it, before it is compared with the disk.

    Attributes:
        subject: Canonical name of the subject.
        name: Name of the clip, unique for its subject.
        emotion: The emotion in the words of the release.
        path: Folder of its frames, or its video; None if there is none.
        onset: First frame according to the release; None if it is not given.
        apex: Frame of the strongest expression, likewise.
        offset: Last frame, likewise.
        aus: Action units.
        row: Row of the spreadsheet that describes it.
        fps: Frame rate in Hz, if the clip has its own.
        whole: Whether the clip is the whole folder, without given frames.
        missing_reason: Why there is no path.
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
    missing_reason: str = ''

    @property
    def title(self) -> str:
        """Name for messages."""
        return f'{self.subject}/{self.name}'

    def issue(self, what: str, action: Action, reason: str) -> Issue:
        """Return an issue with this clip."""
        return Issue(self.row, self.title, what, action, reason)


@dataclass
class ParsedRelease:
    """The result of a reader.

    Attributes:
        clips: The clips, in the order of the release.
        issues: Rows that are not clips, and other problems.
        dropped: Rows that are not clips, as far as they could be parsed.
        rows: Number of rows (or folders, if there is no spreadsheet).
        spreadsheet: Name of the spreadsheet, empty if folders are the labels.
        edition: The edition of the release, recognized from its rows.
        subjects_known: Whether the subjects are known; otherwise each clip is one.
        task: What the clips are for, if the release itself tells it.
    """

    clips: list[Clip] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    dropped: list[Clip] = field(default_factory=list)
    rows: int = 0
    spreadsheet: str = ''
    edition: str = ''
    subjects_known: bool = True
    task: str = ''
