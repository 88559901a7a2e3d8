"""What a fake release holds, and what a right reader makes of it."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One expression. The fields say what must come out, ``cells`` what is written.

    Attributes:
        subject: Canonical id.
        clip: The release's own name; with CAS(ME)^3 several rows have one name.
        emotion: The release's word in small letters, the sheet's spelling made one.
        onset, apex, offset: Frame numbers as the files on disk count them; of a
            skipped row what would have been right.
        folder: Of the frames (or the video file), below the release's root.
        frames: Frame numbers of this expression that are on disk, rising.
        template: File name with one ``{}`` for the number.
        line: Row of the spreadsheet, counted from 1 as spreadsheet programs do.
        cells: What the sheet says, by column title.
        wrong: Fields of which the sheet says something else than is right.
        quirk: What is odd about the row; '' for most.
        outcome: What a right reader does: 'kept'; 'noted' (kept as it is, but the
            report must name it); 'repaired' (kept, the report names what was
            changed); 'skipped' (the report names it); 'absent' (neither sheet nor
            disk knows of it).
        part: 'micro', 'macro', 'second', 'train', ... where a release has parts.
    """

    subject: str
    clip: str
    emotion: str
    onset: int = 0
    apex: int | None = None
    offset: int = 0
    folder: str = ''
    frames: list[int] = field(default_factory=list)
    template: str = ''
    au: str = ''
    line: int | None = None
    cells: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    quirk: str = ''
    outcome: str = 'kept'
    part: str = ''

    def written(self, name: str) -> Any:
        """What the sheet says for a field."""
        return self.wrong.get(name, getattr(self, name))

    def mark(self, quirk: str, outcome: str = 'kept', **wrong: Any) -> None:
        self.quirk, self.outcome = quirk, outcome
        self.wrong.update(wrong)


@dataclass
class Truth:
    """A release as written: where it is, its rows, its label maps."""

    dataset: str
    root: Path
    rows: list[Row]
    fps: float
    label_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    sheet: Path | None = None
    sheet_name: str | None = None

    def came_out(self) -> list[Row]:
        return [row for row in self.rows if row.outcome not in ('skipped', 'absent')]

    def quirk(self, quirk: str) -> list[Row]:
        return [row for row in self.rows if row.quirk == quirk]

    def only(self, part: str) -> 'Truth':
        rows = [row for row in self.rows if row.part == part]
        return Truth(**(vars(self) | {'rows': rows}))

    def emotions(self) -> Counter[str]:
        """Rows by emotion, those that cannot come out included."""
        return Counter(row.emotion for row in self.rows)

    def expected(
        self, labels: str, without: Collection[tuple[str, str]] = ()
    ) -> tuple[dict[str, int], int]:
        """Count the clips of each class that must come out, and the subjects."""
        classes = self.label_maps[labels]
        rows = [
            row
            for row in self.came_out()
            if row.emotion in classes and (row.subject, row.clip) not in without
        ]
        counts = Counter(classes[row.emotion] for row in rows)
        return dict(counts), len({row.subject for row in rows})


def same(*emotions: str) -> dict[str, str]:
    """The label map in which each emotion is a class of its own."""
    return {emotion: emotion for emotion in emotions}


def merged(**classes: str) -> dict[str, str]:
    """A label map from ``class='emotion emotion'``."""
    return {word: name for name, words in classes.items() for word in words.split()}


def deal(
    counts: Mapping[str, int],
    subjects: Sequence[str],
    seed: str,
    fixed: Iterable[tuple[str, str, str]] = (),
    only: Mapping[str, Collection[str]] | None = None,
) -> list[Row]:
    """Deal emotions out over subjects; a subject gets uneven numbers.

    An emotion with as many clips as subjects may have it reaches all of them.

    Args:
        counts: Clips of each emotion, the fixed ones included.
        subjects: Canonical ids.
        seed: Same seed, same deal.
        fixed: (subject, clip, emotion) that must occur.
        only: The emotions of subjects that do not have all of them.

    Returns:
        Rows whose ``clip`` is '' but for the fixed ones, which come first.
    """
    draw, only = random.Random(seed), only or {}
    rows = [Row(*entry) for entry in fixed]
    left = Counter(counts)
    left.subtract(row.emotion for row in rows)
    for emotion, count in left.items():
        pool = [s for s in subjects if emotion in only.get(s, counts)]
        chosen = draw.sample(pool, min(count, len(pool)))
        chosen += draw.choices(pool, k=count - len(chosen))
        rows += [Row(subject, '', emotion) for subject in chosen]
    return rows


def place(
    row: Row,
    index: int,
    crosses: bool,
    powers: Sequence[int] = (10, 100, 1000),
    length: int | None = None,
    around: bool = True,
    first: int | None = None,
) -> Row:
    """Give a row its frames: 5 to 8 from onset to offset, 1 or 2 more on each side.

    Args:
        row: Gets frames, onset, apex, offset.
        index: Chooses numbers and lengths.
        crosses: Whether the numbers on disk gain a digit, so that unpadded names
            sorted as text come in a wrong order.
        powers: Where they gain it.
        length: Frames from onset to offset.
        around: Whether there are frames outside of onset to offset.
        first: The first number on disk, in place of one that ``crosses``.
    """
    length = length or 5 + index % 4
    before, after = (1 + index % 2, 1 + index // 2 % 2) if around else (0, 0)
    total = before + length + after
    power = powers[index % len(powers)]
    if first is not None:
        pass
    elif crosses:
        first = power - 1 - index % min(total - 1, power - 1)
    else:
        low = max(power // 10, 10)
        first = low + index * 7919 % (9 * low - total)
    row.frames = list(range(first, first + total))
    row.onset = first + before
    row.offset = row.onset + length - 1
    row.apex = row.onset + 1 + index % (length - 2)
    return row


def gains_digit(numbers: Sequence[int]) -> bool:
    """Whether unpadded names sorted as text come in a wrong order."""
    return sorted(numbers) != sorted(numbers, key=str)


def spread(index: int, share: int, of: int) -> bool:
    """True for exactly ``share`` of each ``of`` numbers that follow each other."""
    return index * share % of < share
