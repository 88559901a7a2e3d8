"""The content of a fake release, and the correct result of a reader."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One expression: the correct fields, and the ``cells`` that are written.

    Attributes:
        subject: Canonical id.
        clip: The release's own name; with CAS(ME)^3 several rows have one name.
        emotion: The emotion in lower case, in one spelling.
        onset, apex, offset: Frame numbers of the files on disk; of a skipped row the
            correct ones.
        folder: Of the frames (or the video file), below the release's root.
        frames: Frame numbers of this expression that are on disk, rising.
        template: File name with one ``{}`` for the number.
        line: Row of the spreadsheet, counted from 1 as spreadsheet programs do.
        cells: Cells of the sheet, by column title.
        wrong: Values of the sheet that are wrong, by field.
        quirk: What is unusual about the row; '' for most.
        outcome: The correct result: 'kept'; 'noted' (kept, with an issue); 'repaired'
            (kept, with an issue about the change); 'skipped' (with an issue); 'absent'
            (neither in the sheet nor on disk).
        part: 'micro', 'macro', 'second', 'train', ... if a release has parts.
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
        """Return the value of the sheet for a field."""
        return self.wrong.get(name, getattr(self, name))

    def mark(self, quirk: str, outcome: str = 'kept', **wrong: Any) -> None:
        self.quirk, self.outcome = quirk, outcome
        self.wrong.update(wrong)


@dataclass
class Truth:
    """A release as written: its folder, rows and label maps."""

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
        """Count all rows by emotion, also those that cannot be used."""
        return Counter(row.emotion for row in self.rows)

    def expected(self, labels: str) -> tuple[dict[str, int], int]:
        """Count the usable clips of each class, and the subjects."""
        classes = self.label_maps[labels]
        rows = [row for row in self.came_out() if row.emotion in classes]
        counts = Counter(classes[row.emotion] for row in rows)
        return dict(counts), len({row.subject for row in rows})


def same(*emotions: str) -> dict[str, str]:
    """Return the label map in which each emotion is a class."""
    return {emotion: emotion for emotion in emotions}


def merged(**classes: str) -> dict[str, str]:
    """Return a label map from ``class='emotion emotion'``."""
    return {word: name for name, words in classes.items() for word in words.split()}


def deal(
    counts: Mapping[str, int],
    subjects: Sequence[str],
    seed: str,
    fixed: Iterable[tuple[str, str, str]] = (),
    only: Mapping[str, Collection[str]] | None = None,
) -> list[Row]:
    """Distribute emotions over subjects in uneven numbers.

    An emotion with at least as many clips as subjects occurs with all of them.

    Args:
        counts: Clips of each emotion, the fixed ones included.
        subjects: Canonical ids.
        seed: Seed of the distribution.
        fixed: (subject, clip, emotion) that must occur.
        only: The emotions of subjects that do not have all of them.

    Returns:
        Rows whose ``clip`` is '' except for the fixed ones, which are first.
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
    """Set the frames of a row: 5 to 8 from onset to offset, 1 or 2 more on each side.

    Args:
        row: Its frames, onset, apex and offset are set.
        index: Determines numbers and lengths.
        crosses: Whether the numbers on disk gain a digit, so that unpadded names
            sorted as text are in a wrong order.
        powers: Numbers at which they gain it.
        length: Frames from onset to offset.
        around: Whether there are frames outside of onset to offset.
        first: The first number on disk, instead of one that ``crosses``.
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
    """Check whether unpadded names sorted as text are in a wrong order."""
    return sorted(numbers) != sorted(numbers, key=str)


def spread(index: int, share: int, of: int) -> bool:
    """Return True for exactly ``share`` of each ``of`` consecutive numbers."""
    return index * share % of < share
