import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction_mer.datasets.preparation.frame_numbering import FrameNumbering
from mmaction_mer.datasets.preparation.issues import Clip
from mmaction_mer.datasets.preparation.ranges import MAX_MISSING, reconcile_range

LOOSE = FrameNumbering()
TRIMMED = FrameNumbering(trimmed=True)
RELATIVE = FrameNumbering(trimmed=True, relative=True)


def clip(onset=46, apex=50, offset=55, **more):
    return Clip('sub01', 'EP1', 'others', None, onset, apex, offset, row=7, **more)


def without(*missing):
    return [n for n in range(46, 56) if n not in missing]


def reconcile(*args):
    """Onset, apex and offset (None if left out), and field and action of issues."""
    found, issues = reconcile_range(*args)
    actions = [(one.field, one.action) for one in issues]
    return found and (found.onset, found.apex, found.offset), actions


@pytest.mark.parametrize(
    ('wanted', 'numbers', 'numbering', 'ends', 'issues'),
    [
        (clip(), range(40, 60), LOOSE, (46, 50, 55), []),
        # An apex at an end is valid, outside it is unknown.
        (clip(apex=46), range(40, 60), LOOSE, (46, 46, 55), []),
        (clip(apex=55), range(40, 60), LOOSE, (46, 55, 55), []),
        (clip(apex=45), range(40, 60), LOOSE, (46, None, 55), [('apex', 'repaired')]),
        (clip(apex=0), range(40, 60), LOOSE, (46, None, 55), [('apex', 'repaired')]),
        # The end that excludes the apex is the wrong one, if folders are the clips.
        (clip(52), range(46, 56), TRIMMED, (46, 50, 55), [('onset', 'repaired')]),
        (clip(offset=48), range(46, 56), TRIMMED, (46, 50, 55),
         [('offset', 'repaired')]),
        # As many frames elsewhere: the end is missing, or frames are renumbered.
        (clip(40, 50, 80), range(30, 71), LOOSE, (40, 50, 70),
         [('offset', 'repaired')]),
        (clip(40, 50, 80), range(100, 141), LOOSE, (100, 110, 140),
         [('frames', 'repaired')]),
        # Missing frames are noted up to a third of the clip.
        (clip(), without(50), LOOSE, (46, 50, 55), [('frames', 'noted')]),
        (clip(), without(55), LOOSE, (46, 50, 54), [('offset', 'repaired')]),
        (clip(), without(48, 51, 52), LOOSE, (46, 50, 55), [('frames', 'noted')]),
        (clip(), without(47, 48, 51, 52), LOOSE, None, [('frames', 'skipped')]),
        # An apex that is missing together with more frames leaves the clip out.
        (clip(apex=55), without(54, 55), LOOSE, None, [('apex', 'skipped')]),
        (clip(apex=55), without(55), LOOSE, (46, None, 54),
         [('offset', 'repaired'), ('apex', 'repaired')]),
        # Relative numbers are shifted, and reported in a release without them.
        (clip(), range(1, 11), RELATIVE, (1, 5, 10), []),
        (clip(), range(1, 11), LOOSE, (1, 5, 10), [('frames', 'repaired')]),
        (clip(), [n for n in range(1, 11) if n != 4], RELATIVE, (1, 5, 10),
         [('frames', 'noted')]),
        # A length that differs a little: the folder is the clip, its apex is unknown.
        (clip(), range(1, 10), RELATIVE, (1, None, 9), [('frames', 'repaired')]),
        (clip(offset=None), range(1, 10), RELATIVE, (1, 5, 9),
         [('offset', 'repaired')]),
        (clip(), range(1, 10), FrameNumbering(relative=True), None,
         [('frames', 'skipped')]),
        # 5..9 exist in 1..12, but there they are other frames.
        (clip(5, 6, 9), range(1, 13), FrameNumbering(relative=True), None,
         [('frames', 'skipped')]),
        (clip(5, 6, 9), range(1, 13), LOOSE, (5, 6, 9), []),
        # Frame 1 is missing, and the numbers overlap with the sheet's by chance.
        (clip(10, 30, 50), range(2, 42), RELATIVE, None, [('frames', 'skipped')]),
        # A folder numbered as the sheet, in a release that usually is not.
        (clip(10, 30, 50), range(10, 51), RELATIVE, (10, 30, 50), []),
        # The row of another folder.
        (clip(), range(100, 150), TRIMMED, None, [('frames', 'skipped')]),
        (clip(), range(100, 150), LOOSE, None, [('frames', 'skipped')]),
        (clip(), range(1, 200), RELATIVE, None, [('frames', 'skipped')]),
        # The whole folder.
        (clip(whole=True, apex=None), [7, 8, 10, 11], LOOSE, (7, None, 11),
         [('frames', 'noted')]),
        (clip(whole=True), [7], LOOSE, None, [('frames', 'skipped')]),
    ],
)  # fmt: skip
def test_ranges(wanted, numbers, numbering, ends, issues):
    assert reconcile(wanted, numbers, numbering) == (ends, issues)


def test_reasons_name_the_frames():
    (issue,) = reconcile_range(clip(), range(46, 55), LOOSE)[1]
    assert '55' in issue.reason and '46..54' in issue.reason
    (issue,) = reconcile_range(clip(), without(50), LOOSE)[1]
    assert 'the apex among them' in issue.reason


@pytest.mark.parametrize(
    ('changes', 'field'),
    [
        ({'offset': 0}, 'offset'),
        ({'offset': 40}, 'offset'),
        ({'offset': 46}, 'offset'),
        ({'offset': None}, 'offset'),
        ({'onset': None}, 'onset'),
    ],
)
def test_a_wrong_end_is_repaired_only_if_folders_are_the_clips(changes, field):
    wrong = clip(**changes)
    skipped = None, [(field, 'skipped')]
    assert reconcile(wrong, range(46, 56), LOOSE) == skipped
    assert reconcile(wrong, range(46, 56), TRIMMED, True) == skipped
    repaired = (46, 50, 55), [(field, 'repaired')]
    assert reconcile(wrong, range(46, 56), TRIMMED) == repaired
    # This folder is not the clip: the end that is right is not the folder's.
    assert reconcile(wrong, range(30, 70), TRIMMED) == skipped


@pytest.mark.parametrize('numbering', [LOOSE, TRIMMED, RELATIVE])
@pytest.mark.parametrize('apex', [50, None])
def test_a_copy_that_lost_most_frames_is_left_out(numbering, apex):
    """It looks like a folder whose row is wrong, but that is not certain."""
    wanted = clip(offset=145, apex=apex)
    assert reconcile(wanted, range(46, 51), numbering)[0] is None
    assert reconcile(wanted, range(1, 6), RELATIVE)[0] is None


@settings(max_examples=60, deadline=None)
@given(
    onset=st.none() | st.integers(0, 40),
    apex=st.none() | st.integers(0, 40),
    offset=st.none() | st.integers(0, 40),
    numbers=st.sets(st.integers(0, 40)),
    trimmed=st.booleans(),
    relative=st.booleans(),
    shared=st.booleans(),
    whole=st.booleans(),
)
def test_the_result_is_on_disk_or_left_out_with_a_reason(
    onset, apex, offset, numbers, trimmed, relative, shared, whole
):
    wanted = clip(onset, apex, offset, whole=whole)
    numbers, numbering = sorted(numbers), FrameNumbering(trimmed, relative)
    found, issues = reconcile_range(wanted, numbers, numbering, shared)
    skipped = [one for one in issues if one.action == 'skipped']
    assert all(one.row == 7 and one.clip == 'sub01/EP1' for one in issues)
    if found is None:
        assert len(skipped) == 1
        return
    assert not skipped
    assert found.onset in numbers and found.offset in numbers
    assert found.onset < found.offset
    assert found.apex is None or found.onset <= found.apex <= found.offset
    inside = [n for n in numbers if found.onset <= n <= found.offset]
    length = found.offset - found.onset + 1
    # Not (1 - MAX_MISSING) * length: for 15 that is rounded to more than 10.
    assert length - len(inside) <= MAX_MISSING * length
    if length != len(inside):
        assert [one.action for one in issues if one.field == 'frames'] == ['noted']
    # No number is changed silently, except for relative numbers.
    same = (found.onset, found.apex, found.offset) == (onset, apex, offset)
    if not same and not whole and not relative:
        assert any(one.action == 'repaired' for one in issues)
