"""What a release does as a rule, learnt from its own rows.

Whether a folder holds exactly the clip (*trimmed*), whether frames are numbered anew in
every folder (*relative*), and by how much the numbers of all folders differ from those
of the sheet (*shift*). A row that breaks a rule which nearly all others keep can be
mended by it.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .issues import Clip

# A rule of the release is one that so many of its rows keep.
RULE = 0.9
# Numbers are shifted if that brings so many more of the ranges onto the disk.
GAIN = 0.3


@dataclass(frozen=True)
class Habits:
    """What a release does as a rule.

    Attributes:
        trimmed: Every folder holds the frames from onset to offset and no others.
        relative: Frames are numbered anew in every folder, while the sheet counts
            through the recording.
        shift: Number on disk minus number in the sheet, the same for all clips.
        doubt: Why it cannot be said which frames the sheet means; empty where it can.
    """

    trimmed: bool = False
    relative: bool = False
    shift: int = 0
    doubt: str = ''


def learn_shift(clips: Iterable[tuple[Clip, Sequence[int]]]) -> tuple[int, str]:
    """Learn how much the numbers on disk differ from those of the sheet.

    A folder that is as long as the clip allows one shift, a longer one several. The one
    that nearly all folders allow is that of the release, if it brings many more ranges
    onto the disk than the numbers as they stand. Where several are left, it is the one
    by which nearly all folders begin with the onset, or end with the offset.

    Args:
        clips: Each clip that has a folder, with the frame numbers on disk.

    Returns:
        The shift, 0 where the numbers are right as they stand, and why it is in doubt.
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
    as_is = sum(low <= 0 <= high for low, high in rows)
    # How many rows allow a shift changes at their ends alone.
    steps = Counter(low for low, _ in rows)
    steps.subtract(high + 1 for _, high in rows)
    places = sorted(steps)
    fits = list(itertools.accumulate(steps[place] for place in places))
    most = max(fits)
    if most < RULE * len(rows) or most - as_is < GAIN * len(rows):
        return 0, ''
    first = places[fits.index(most)]
    last = places[len(fits) - fits[::-1].index(most)] - 1
    begins, ends = (Counter(column) for column in zip(*rows, strict=True))
    anchored = [
        place
        for place in {*begins, *ends}
        if first <= place <= last
        and max(begins[place], ends[place]) >= RULE * len(rows)
    ]
    if first == last or len(anchored) == 1:
        return (first if first == last else anchored[0]), ''
    return 0, (
        f'the frames of {most} of {len(rows)} clips are on disk if a number between '
        f'{first} and {last} is added to those of the sheet, and of {as_is} as they '
        f'stand: which one is not known; put the numbers right in a copy of the sheet'
    )


def learn_habits(clips: Iterable[tuple[Clip, Sequence[int]]]) -> Habits:
    """Learn a release's habits from the rows that leave no doubt.

    Args:
        clips: Each clip that has a folder of its own, with the frame numbers on disk.

    Returns:
        The habits; none where fewer than three rows could show them.
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
        elif renumbered(numbers, onset, offset):
            exact += 1
            relative += first <= 1
        elif first <= onset < offset <= last:
            absolute += first > 1
    if rows < 3:
        return Habits()
    # A few folders that happen to begin with frame 1 are no rule.
    anew = relative >= RULE * (relative + absolute) and 2 * relative > rows
    return Habits(exact >= RULE * rows, anew)


def shifted(clip: Clip, shift: int) -> Clip:
    """Give a clip the numbers of the disk."""
    onset, apex, offset = (
        None if number is None else number + shift
        for number in (clip.onset, clip.apex, clip.offset)
    )
    return replace(clip, onset=onset, apex=apex, offset=offset)


def renumbered(numbers: Sequence[int], onset: int, offset: int) -> bool:
    """Whether a folder holds exactly the clip, under other numbers.

    As long a folder alone is no sign: a clip of which the end is missing may lie in one
    that holds some frames before it.

    >>> renumbered(range(1, 42), 40, 80), renumbered(range(30, 71), 40, 80)
    (True, False)
    """
    first, last = numbers[0], numbers[-1]
    as_many = first != onset and last - first == offset - onset
    return as_many and (first <= 1 or last < onset or offset < first)


def describe(habits: Habits) -> str:
    """Say in one line how a release numbers its frames.

    >>> describe(Habits(trimmed=True))
    'folders hold exactly the clips; frames are numbered as in the sheet'
    """
    folders = (
        'hold exactly the clips' if habits.trimmed else 'may hold more than a clip'
    )
    numbered = 'anew in every folder' if habits.relative else 'as in the sheet'
    if habits.shift:
        numbered += f', {abs(habits.shift)} {"more" if habits.shift > 0 else "less"}'
    if habits.doubt:
        numbered += ', or otherwise'
    return f'folders {folders}; frames are numbered {numbered}'
