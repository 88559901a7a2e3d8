"""What a release does as a rule, learnt from its own rows.

Whether a folder holds exactly the clip (*trimmed*), and whether frames are numbered
anew in every folder (*relative*). A row that breaks a rule which nearly all others keep
can be mended by it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .findings import Clip

# A rule of the release is one that so many of its rows keep.
RULE = 0.9


@dataclass(frozen=True)
class Habits:
    """What a release does as a rule.

    Attributes:
        trimmed: Every folder holds the frames from onset to offset and no others.
        relative: Frames are numbered anew in every folder, while the sheet counts
            through the recording.
    """

    trimmed: bool = False
    relative: bool = False


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
    return Habits(exact >= RULE * rows, relative >= RULE * max(1, relative + absolute))


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
    return f'folders {folders}; frames are numbered {numbered}'
