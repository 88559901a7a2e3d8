"""How a release numbers its frames, inferred from its own rows.

Whether a folder contains exactly the clip (*trimmed*), whether numbers start again in
every folder (*relative*), and by how much the numbers of all folders differ from those
of the spreadsheet (*shift*). A row that breaks a rule which nearly all others keep can
be repaired by it.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .issues import Clip

# Fraction of the rows of a release that keep its rules.
RULE = 0.9
# Numbers are shifted if that puts this fraction more of the ranges on disk.
GAIN = 0.3


@dataclass(frozen=True)
class FrameNumbering:
    """How a release numbers its frames.

    Attributes:
        trimmed: Every folder contains the frames from onset to offset and no others.
        relative: Frames are numbered from the start in every folder, while the
            spreadsheet counts through the recording.
        shift: Number on disk minus number in the spreadsheet, equal for all clips.
        ambiguity: Why the frames that the spreadsheet means are not known; empty if
            they are.
    """

    trimmed: bool = False
    relative: bool = False
    shift: int = 0
    ambiguity: str = ''

    def __str__(self) -> str:
        """Return the numbering in one line.

        >>> print(FrameNumbering(trimmed=True))
        folders contain exactly the clips; frames are numbered as in the spreadsheet
        """
        folders = (
            'contain exactly the clips' if self.trimmed else 'may contain other frames'
        )
        numbered = (
            'from the start in every folder'
            if self.relative
            else ('as in the spreadsheet')
        )
        if self.shift:
            numbered += f', {abs(self.shift)} {"more" if self.shift > 0 else "less"}'
        if self.ambiguity:
            numbered += ', or differently'
        return f'folders {folders}; frames are numbered {numbered}'


def infer_shift(clips: Iterable[tuple[Clip, Sequence[int]]]) -> tuple[int, str]:
    """Infer by how much the numbers on disk differ from those of the spreadsheet.

    A folder as long as the clip allows one shift, a longer one several. The shift that
    nearly all folders allow is that of the release, if it puts many more ranges on disk
    than the unchanged numbers. Of several, it is the one by which nearly all folders
    begin with the onset, or end with the offset.

    Args:
        clips: Each clip that has a folder, with the frame numbers on disk.

    Returns:
        The shift, 0 if the numbers are right as they are, and why it is ambiguous.
    """
    allowed = [
        (numbers[0] - clip.onset, numbers[-1] - clip.offset)
        for clip, numbers in clips
        if not clip.whole and numbers
        if clip.onset is not None and clip.offset is not None
        if clip.onset < clip.offset
    ]
    rows = [(low, high) for low, high in allowed if low <= high]
    if len(rows) < 3 or 2 * len(rows) < len(allowed):
        return 0, ''
    unchanged = sum(low <= 0 <= high for low, high in rows)
    # The number of rows that allow a shift changes only at their ends.
    steps = Counter(low for low, _ in rows)
    steps.subtract(high + 1 for _, high in rows)
    ends = sorted(steps)
    fits = list(itertools.accumulate(steps[end] for end in ends))
    most = max(fits)
    if most < RULE * len(rows) or most - unchanged < GAIN * len(rows):
        return 0, ''
    first = ends[fits.index(most)]
    last = ends[len(fits) - fits[::-1].index(most)] - 1
    onsets, offsets = (Counter(column) for column in zip(*rows, strict=True))
    anchored = [
        shift
        for shift in {*onsets, *offsets}
        if first <= shift <= last
        and max(onsets[shift], offsets[shift]) >= RULE * len(rows)
    ]
    if first == last or len(anchored) == 1:
        return (first if first == last else anchored[0]), ''
    return 0, (
        f'the frames of {most} of {len(rows)} clips are on disk if a number between '
        f'{first} and {last} is added to those of the spreadsheet, and of {unchanged} '
        f'without: which one is unknown; correct the numbers in a copy of the '
        f'spreadsheet'
    )


def infer_numbering(clips: Iterable[tuple[Clip, Sequence[int]]]) -> FrameNumbering:
    """Infer how a release numbers its frames from the rows that are unambiguous.

    Args:
        clips: Each clip that has a folder of its own, with the frame numbers on disk.

    Returns:
        The numbering; the default one if fewer than three rows could show it.
    """
    rows = exact = relative = absolute = 0
    for clip, numbers in clips:
        onset, offset = clip.onset, clip.offset
        if clip.whole or onset is None or offset is None or not numbers:
            continue
        rows += 1
        first, last = numbers[0], numbers[-1]
        if (first, last) == (onset, offset):
            exact += 1
            absolute += first > 1
        elif is_renumbered(numbers, onset, offset):
            exact += 1
            relative += first <= 1
        elif first <= onset < offset <= last:
            absolute += first > 1
    if rows < 3:
        return FrameNumbering()
    # A few folders that happen to begin with frame 1 are not a rule.
    restarts = relative >= RULE * (relative + absolute) and 2 * relative > rows
    return FrameNumbering(exact >= RULE * rows, restarts)


def apply_shift(clip: Clip, shift: int) -> Clip:
    """Return a clip with the frame numbers on disk."""
    onset, apex, offset = (
        None if number is None else number + shift
        for number in (clip.onset, clip.apex, clip.offset)
    )
    return replace(clip, onset=onset, apex=apex, offset=offset)


def is_renumbered(numbers: Sequence[int], onset: int, offset: int) -> bool:
    """Check whether a folder contains exactly the clip, under other numbers.

    The same length alone is not enough: a clip whose end is missing may be in a folder
    with some frames before it.

    >>> is_renumbered(range(1, 42), 40, 80), is_renumbered(range(30, 71), 40, 80)
    (True, False)
    """
    first, last = numbers[0], numbers[-1]
    same_length = first != onset and last - first == offset - onset
    return same_length and (first <= 1 or last < onset or offset < first)
