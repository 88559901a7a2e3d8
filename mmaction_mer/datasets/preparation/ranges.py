"""The frame range of one clip against the disk.

Repaired where that is certain, by what the release does as a rule; else left out.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..annotation_rules import MAX_FRAMES
from .frame_numbering import Habits, renumbered
from .issues import Clip, Finding

# Of the frames from onset to offset, so many may be missing on disk.
MAX_MISSING = 1 / 3
# If the apex is among them, what is left is still close to it if so few are missing.
NEAR_APEX = 0.1


def settle_range(
    clip: Clip, numbers: Sequence[int], habits: Habits, shared: bool = False
) -> tuple[Clip | None, list[Finding]]:
    """Compare one clip with the frame numbers on disk.

    Args:
        clip: The clip as the release describes it.
        numbers: Frame numbers on disk, rising.
        habits: What the release does as a rule.
        shared: Whether other clips lie in the same folder.

    Returns:
        The clip with numbers as on disk, or None where it cannot be used; and what
        was found, at least one finding with ``'skipped'`` in the second case.

    >>> numbers = [46, 47, 48, 50]
    >>> clip = Clip('sub01', 'EP1', 'others', None, onset=46, apex=40, offset=50)
    >>> mended, found = settle_range(clip, numbers, Habits())
    >>> mended.onset, mended.apex, mended.offset, [one.field for one in found]
    (46, None, 50, ['apex', 'frames'])
    """
    if len(numbers) < 2:
        reason = f'{len(numbers)} frame(s) on disk, and motion needs two'
        return None, [clip.finding('frames', 'skipped', reason)]
    if clip.whole:
        ends = replace(clip, onset=numbers[0], offset=numbers[-1])
        return _fill(ends, numbers)
    own = habits.trimmed and not shared
    wrong = _wrong_end(clip)
    if wrong is None:
        settled, findings = _as_said(clip, numbers, habits, shared)
        if settled is not None or not own or not _another(clip, numbers, habits):
            return settled, findings
        wrong = findings[-1].field, findings[-1].reason
    elif not own or not _anchored(clip, numbers, habits):
        reason = f'{wrong[1]}; which frame is meant is not known; {_folder(numbers)}'
        return None, [clip.finding(wrong[0], 'skipped', reason)]
    return _as_folder(clip, numbers, habits, *wrong)


def _another(clip: Clip, numbers: Sequence[int], habits: Habits) -> bool:
    """Whether the folder is the clip though the sheet gives it another length.

    Where frames are numbered anew, nothing but the length can differ; if it differs
    much, either of the two may be that of another clip.
    """
    assert clip.onset is not None and clip.offset is not None
    if not habits.relative or numbers[0] > 1:
        return False
    share = len(numbers) / (clip.offset - clip.onset + 1)
    return 1 - MAX_MISSING <= share <= 1 + MAX_MISSING


def _anchored(clip: Clip, numbers: Sequence[int], habits: Habits) -> bool:
    """Whether what is right in a row with a wrong end agrees with the folder."""
    if habits.relative and numbers[0] <= 1:
        return True  # the folder's numbers say nothing against it
    neither = clip.onset is None and clip.offset is None
    return neither or clip.onset == numbers[0] or clip.offset == numbers[-1]


def _as_said(
    clip: Clip, numbers: Sequence[int], habits: Habits, shared: bool
) -> tuple[Clip | None, list[Finding]]:
    """Take the range of the sheet, in the folder's numbers."""
    findings: list[Finding] = []
    first, last, whole = numbers[0], numbers[-1], _folder(numbers)
    onset, apex, offset = clip.onset, clip.apex, clip.offset
    assert onset is not None and offset is not None
    said = f'{onset}..{offset}'
    shift = 0
    anew = habits.relative and first <= 1
    disjoint = last < onset or offset < first
    if not shared and renumbered(numbers, onset, offset) and (anew or disjoint):
        shift = onset - first
        if not anew:
            reason = f'{whole} where the sheet says {said}, which are as many'
            findings.append(clip.finding('frames', 'repaired', reason))
    elif not shared and habits.relative and onset != first and offset != last:
        # The sheet's numbers are not the folder's, even where they overlap.
        reason = f'{whole}, the sheet has {offset - onset + 1} ({said})'
        return None, [clip.finding('frames', 'skipped', reason)]
    onset, offset = onset - shift, offset - shift
    if apex is not None and not onset <= apex - shift <= offset:
        one_end = (first == onset) != (last == offset)
        if habits.trimmed and not shared and one_end and first <= apex <= last:
            field, end = ('offset', offset) if first == onset else ('onset', onset)
            reason = f'{end} leaves out the apex {apex}: taken from the folder; {whole}'
            findings.append(clip.finding(field, 'repaired', reason))
            onset, offset = first, last
        else:
            reason = f'{apex} is outside {said}: taken as not known'
            findings.append(clip.finding('apex', 'repaired', reason))
            apex = None
    apex = None if apex is None else apex - shift
    settled, found = _fill(
        replace(clip, onset=onset, apex=apex, offset=offset), numbers
    )
    return settled, findings + found


def _as_folder(
    clip: Clip, numbers: Sequence[int], habits: Habits, field: str, why: str
) -> tuple[Clip | None, list[Finding]]:
    """Take the whole folder, which in this release is the clip."""
    first, last = numbers[0], numbers[-1]
    apex = clip.apex
    if habits.relative and apex is not None:
        # Only an onset without an offset leaves no doubt about which of them is wrong.
        known = clip.onset is not None and clip.offset in (None, 0)
        apex = apex - clip.onset + first if known else None  # type: ignore[operator]
    elif clip.onset != first and clip.offset != last:
        apex = None
    if apex is not None and not first <= apex <= last:
        apex = None
    lost = ', the apex is taken as not known' if clip.apex and apex is None else ''
    reason = (
        f'{why}: taken from the folder, which is the clip{lost}; {_folder(numbers)}'
    )
    findings = [clip.finding(field, 'repaired', reason)]
    settled, found = _fill(replace(clip, onset=first, apex=apex, offset=last), numbers)
    return settled, findings + found


def _fill(clip: Clip, numbers: Sequence[int]) -> tuple[Clip | None, list[Finding]]:
    """Cut a range to what is on disk, unless too much of it is missing."""
    onset, apex, offset = clip.onset, clip.apex, clip.offset
    assert onset is not None and offset is not None
    whole = _folder(numbers)
    length = offset - onset + 1
    here = [number for number in numbers if onset <= number <= offset]
    if length > MAX_FRAMES or len(here) < 2:
        reason = (
            f'{len(here)} of {length} frames {onset}..{offset} are on disk; {whole}'
        )
        return None, [clip.finding('frames', 'skipped', reason)]
    first, last = here[0], here[-1]
    gaps = last - first + 1 - len(here)
    lacking = length - len(here)
    if lacking > MAX_MISSING * length:
        reason = f'{lacking} of {length} frames {onset}..{offset} are missing; {whole}'
        return None, [clip.finding('frames', 'skipped', reason)]
    findings = [
        clip.finding(
            field, 'repaired', f'{said} is not on disk: taken as {held}; {whole}'
        )
        for field, said, held in (('onset', onset, first), ('offset', offset, last))
        if said != held
    ]
    if apex is not None and not first <= apex <= last:
        reason = f'{apex} is not on disk'
        if lacking > NEAR_APEX * length:
            return None, [clip.finding('apex', 'skipped', f'{reason}; {whole}')]
        findings.append(
            clip.finding('apex', 'repaired', f'{reason}: taken as not known; {whole}')
        )
        apex = None
    if gaps:
        apex_too = '' if apex is None or apex in here else ', the apex among them'
        reason = (
            f'{gaps} of {last - first + 1} are missing{apex_too}: the nearest ones '
            f'stand in'
        )
        findings.append(clip.finding('frames', 'noted', reason))
    return replace(clip, onset=first, apex=apex, offset=last), findings


def _folder(numbers: Sequence[int]) -> str:
    return f'the folder holds frames {numbers[0]}..{numbers[-1]}'


def _wrong_end(clip: Clip) -> tuple[str, str] | None:
    """Say which end is certainly wrong, and why; None where none is."""
    if clip.onset is None:
        return 'onset', 'is not given'
    if clip.offset is None:
        return 'offset', 'is not given'
    if clip.offset <= clip.onset:
        return 'offset', f'{clip.offset} is not after onset {clip.onset}'
    return None
