"""Reconcile the frame range of one clip with the frames on disk.

It is repaired if that is certain, by the rules of the release; otherwise the clip is
left out.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..annotation_rules import MAX_FRAMES
from .frame_numbering import FrameNumbering, is_renumbered
from .issues import Clip, Issue

# Fraction of the frames from onset to offset that may be missing on disk.
MAX_MISSING = 1 / 3
# If the apex is missing, the frames around it are close enough up to this fraction.
NEAR_APEX = 0.1


def reconcile_range(
    clip: Clip, numbers: Sequence[int], numbering: FrameNumbering, shared: bool = False
) -> tuple[Clip | None, list[Issue]]:
    """Compare one clip with the frame numbers on disk.

    Args:
        clip: The clip as the release describes it.
        numbers: Frame numbers on disk, in rising order.
        numbering: How the release numbers its frames.
        shared: Whether other clips are in the same folder. Defaults to False.

    Returns:
        The clip with numbers as on disk, or None if it cannot be used; and the issues,
        at least one with ``'skipped'`` in the second case.

    >>> numbers = [46, 47, 48, 50]
    >>> clip = Clip('sub01', 'EP1', 'others', None, onset=46, apex=40, offset=50)
    >>> fixed, issues = reconcile_range(clip, numbers, FrameNumbering())
    >>> fixed.onset, fixed.apex, fixed.offset, [one.field for one in issues]
    (46, None, 50, ['apex', 'frames'])
    """
    if len(numbers) < 2:
        reason = f'{len(numbers)} frame(s) on disk, but motion needs two'
        return None, [clip.issue('frames', 'skipped', reason)]
    if clip.whole:
        ends = replace(clip, onset=numbers[0], offset=numbers[-1])
        return _crop_to_disk(ends, numbers)
    own = numbering.trimmed and not shared
    wrong = _find_wrong_end(clip)
    if wrong is None:
        found, issues = _use_given_range(clip, numbers, numbering, shared)
        if (
            found is not None
            or not own
            or not _differs_in_length(clip, numbers, numbering)
        ):
            return found, issues
        wrong = issues[-1].field, issues[-1].reason
    elif not own or not _agrees_with_folder(clip, numbers, numbering):
        reason = f'{wrong[1]}: the right frame is unknown; {_describe(numbers)}'
        return None, [clip.issue(wrong[0], 'skipped', reason)]
    return _use_folder(clip, numbers, numbering, *wrong)


def _differs_in_length(
    clip: Clip, numbers: Sequence[int], numbering: FrameNumbering
) -> bool:
    """Check whether the folder is the clip though the spreadsheet's length differs.

    With relative numbers only the length can differ; if it differs much, either of the
    two may be that of another clip.
    """
    assert clip.onset is not None and clip.offset is not None
    if not numbering.relative or numbers[0] > 1:
        return False
    ratio = len(numbers) / (clip.offset - clip.onset + 1)
    return 1 - MAX_MISSING <= ratio <= 1 + MAX_MISSING


def _agrees_with_folder(
    clip: Clip, numbers: Sequence[int], numbering: FrameNumbering
) -> bool:
    """Check whether the valid end of a row with a wrong end is that of the folder."""
    if numbering.relative and numbers[0] <= 1:
        return True  # numbers that restart in every folder cannot disagree
    neither = clip.onset is None and clip.offset is None
    return neither or clip.onset == numbers[0] or clip.offset == numbers[-1]


def _use_given_range(
    clip: Clip, numbers: Sequence[int], numbering: FrameNumbering, shared: bool
) -> tuple[Clip | None, list[Issue]]:
    """Take the range of the spreadsheet, in the numbers of the folder."""
    issues: list[Issue] = []
    first, last, folder = numbers[0], numbers[-1], _describe(numbers)
    onset, apex, offset = clip.onset, clip.apex, clip.offset
    assert onset is not None and offset is not None
    given = f'{onset}..{offset}'
    shift = 0
    restarts = numbering.relative and first <= 1
    disjoint = last < onset or offset < first
    if not shared and is_renumbered(numbers, onset, offset) and (restarts or disjoint):
        shift = onset - first
        if not restarts:
            reason = f'{folder}, the spreadsheet gives {given}, which are as many'
            issues.append(clip.issue('frames', 'repaired', reason))
    elif not shared and numbering.relative and onset != first and offset != last:
        # The numbers are not those of the folder, even if they overlap.
        reason = f'{folder}, the spreadsheet gives {offset - onset + 1} ({given})'
        return None, [clip.issue('frames', 'skipped', reason)]
    onset, offset = onset - shift, offset - shift
    if apex is not None and not onset <= apex - shift <= offset:
        one_end = (first == onset) != (last == offset)
        if numbering.trimmed and not shared and one_end and first <= apex <= last:
            field, end = ('offset', offset) if first == onset else ('onset', onset)
            reason = f'{end} excludes the apex {apex}: taken from the folder; {folder}'
            issues.append(clip.issue(field, 'repaired', reason))
            onset, offset = first, last
        else:
            reason = f'{apex} is outside {given}: set to unknown'
            issues.append(clip.issue('apex', 'repaired', reason))
            apex = None
    apex = None if apex is None else apex - shift
    found, more = _crop_to_disk(
        replace(clip, onset=onset, apex=apex, offset=offset), numbers
    )
    return found, issues + more


def _use_folder(
    clip: Clip,
    numbers: Sequence[int],
    numbering: FrameNumbering,
    field: str,
    problem: str,
) -> tuple[Clip | None, list[Issue]]:
    """Take the whole folder, which in this release is the clip."""
    first, last = numbers[0], numbers[-1]
    apex = clip.apex
    if numbering.relative and apex is not None:
        # Only an onset without an offset tells which of the two is wrong.
        known = clip.onset is not None and clip.offset in (None, 0)
        apex = apex - clip.onset + first if known else None  # type: ignore[operator]
    elif clip.onset != first and clip.offset != last:
        apex = None
    if apex is not None and not first <= apex <= last:
        apex = None
    lost = ', the apex is set to unknown' if clip.apex and apex is None else ''
    reason = (
        f'{problem}: taken from the folder, which is the clip{lost}; '
        f'{_describe(numbers)}'
    )
    issues = [clip.issue(field, 'repaired', reason)]
    found, more = _crop_to_disk(
        replace(clip, onset=first, apex=apex, offset=last), numbers
    )
    return found, issues + more


def _crop_to_disk(
    clip: Clip, numbers: Sequence[int]
) -> tuple[Clip | None, list[Issue]]:
    """Crop a range to the frames on disk, unless too many of them are missing."""
    onset, apex, offset = clip.onset, clip.apex, clip.offset
    assert onset is not None and offset is not None
    folder = _describe(numbers)
    length = offset - onset + 1
    here = [number for number in numbers if onset <= number <= offset]
    if length > MAX_FRAMES or len(here) < 2:
        reason = (
            f'{len(here)} of {length} frames {onset}..{offset} are on disk; {folder}'
        )
        return None, [clip.issue('frames', 'skipped', reason)]
    first, last = here[0], here[-1]
    gaps = last - first + 1 - len(here)
    missing = length - len(here)
    if missing > MAX_MISSING * length:
        reason = f'{missing} of {length} frames {onset}..{offset} are missing; {folder}'
        return None, [clip.issue('frames', 'skipped', reason)]
    issues = [
        clip.issue(
            field, 'repaired', f'{given} is not on disk: set to {held}; {folder}'
        )
        for field, given, held in (('onset', onset, first), ('offset', offset, last))
        if given != held
    ]
    if apex is not None and not first <= apex <= last:
        reason = f'{apex} is not on disk'
        if missing > NEAR_APEX * length:
            return None, [clip.issue('apex', 'skipped', f'{reason}; {folder}')]
        issues.append(
            clip.issue('apex', 'repaired', f'{reason}: set to unknown; {folder}')
        )
        apex = None
    if gaps:
        apex_too = '' if apex is None or apex in here else ', the apex among them'
        reason = (
            f'{gaps} of {last - first + 1} are missing{apex_too}: replaced by the '
            f'nearest ones'
        )
        issues.append(clip.issue('frames', 'noted', reason))
    return replace(clip, onset=first, apex=apex, offset=last), issues


def _describe(numbers: Sequence[int]) -> str:
    return f'the folder contains frames {numbers[0]}..{numbers[-1]}'


def _find_wrong_end(clip: Clip) -> tuple[str, str] | None:
    """Return the end that is certainly wrong, and why; None if there is none."""
    if clip.onset is None:
        return 'onset', 'is not given'
    if clip.offset is None:
        return 'offset', 'is not given'
    if clip.offset <= clip.onset:
        return 'offset', f'{clip.offset} is not after onset {clip.onset}'
    return None
