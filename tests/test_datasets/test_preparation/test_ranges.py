import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction_mer.datasets.preparation.frame_numbering import Habits
from mmaction_mer.datasets.preparation.issues import Clip
from mmaction_mer.datasets.preparation.ranges import MAX_MISSING, settle_range

TRIMMED = Habits(trimmed=True)
RELATIVE = Habits(trimmed=True, relative=True)


def clip(onset=46, apex=50, offset=55, name='EP1', **more):
    return Clip('sub01', name, 'others', None, onset, apex, offset, row=7, **more)


def ends(found):
    settled, findings = found
    actions = [(one.field, one.action) for one in findings]
    if settled is None:
        return None, actions
    return (settled.onset, settled.apex, settled.offset), actions


def test_a_sound_clip_has_no_findings():
    assert ends(settle_range(clip(), range(40, 60), Habits())) == ((46, 50, 55), [])


@pytest.mark.parametrize('apex', [45, 56, 0])
def test_an_apex_outside_is_taken_as_not_known(apex):
    found = settle_range(clip(apex=apex), range(40, 60), Habits())
    assert ends(found) == ((46, None, 55), [('apex', 'repaired')])
    assert str(apex) in found[1][0].reason


def test_apex_at_onset_or_offset_is_kept():
    for apex in (46, 55):
        found = settle_range(clip(apex=apex), range(40, 60), Habits())
        assert ends(found) == ((46, apex, 55), [])


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
def test_a_wrong_end_is_mended_only_where_folders_are_the_clips(changes, field):
    wrong = clip(**changes)
    assert ends(settle_range(wrong, range(46, 56), Habits()))[0] is None
    assert ends(settle_range(wrong, range(46, 56), TRIMMED, shared=True))[0] is None
    assert ends(settle_range(wrong, range(46, 56), TRIMMED)) == (
        (46, 50, 55),
        [(field, 'repaired')],
    )
    # This folder is visibly not the clip: the end that is right is not the folder's.
    found = ends(settle_range(wrong, range(30, 70), TRIMMED))
    assert found == (None, [(field, 'skipped')])


def test_a_row_that_is_not_that_of_its_folder():
    """Which of the two is another clip's is not known."""
    assert ends(settle_range(clip(), range(100, 150), TRIMMED))[0] is None
    assert ends(settle_range(clip(), range(100, 150), Habits()))[0] is None
    assert ends(settle_range(clip(), range(1, 200), RELATIVE))[0] is None


def test_numbers_that_overlap_by_chance_are_not_believed():
    """Frame 1 is missing, and the folder's numbers look like the sheet's."""
    wanted = clip(10, 30, 50)
    assert ends(settle_range(wanted, range(2, 42), RELATIVE))[0] is None
    # A folder that is numbered as the sheet is, in a release that usually is not.
    assert ends(settle_range(wanted, range(10, 51), RELATIVE))[0] == (10, 30, 50)


def test_a_gap_does_not_hide_another_numbering():
    numbers = [n for n in range(1, 11) if n != 4]
    found = settle_range(clip(), numbers, RELATIVE)
    assert ends(found) == ((1, 5, 10), [('frames', 'noted')])


def test_an_end_that_leaves_out_the_apex_is_the_wrong_one():
    found = settle_range(clip(onset=52), range(46, 56), TRIMMED)
    assert ends(found) == ((46, 50, 55), [('onset', 'repaired')])
    found = settle_range(clip(offset=48), range(46, 56), TRIMMED)
    assert ends(found) == ((46, 50, 55), [('offset', 'repaired')])


@pytest.mark.parametrize('habits', [Habits(), TRIMMED, RELATIVE])
@pytest.mark.parametrize('wanted', [clip(offset=145), clip(offset=145, apex=None)])
def test_a_copy_that_lost_most_frames_is_left_out(habits, wanted):
    """It looks like a folder whose row is wrong, but that is not certain."""
    assert ends(settle_range(wanted, range(46, 51), habits))[0] is None
    assert ends(settle_range(wanted, range(1, 6), RELATIVE))[0] is None


def test_as_many_frames_elsewhere_are_no_sign_of_another_numbering():
    """Here the end is missing, and the folder begins ten frames early."""
    found = settle_range(clip(40, 50, 80), range(30, 71), Habits())
    assert ends(found) == ((40, 50, 70), [('offset', 'repaired')])
    found = settle_range(clip(40, 50, 80), range(100, 141), Habits())
    assert ends(found) == ((100, 110, 140), [('frames', 'repaired')])


def test_a_missing_apex_frame_is_said():
    numbers = [n for n in range(46, 56) if n != 50]
    found = settle_range(clip(), numbers, Habits())
    assert ends(found) == ((46, 50, 55), [('frames', 'noted')])
    assert 'the apex among them' in found[1][0].reason


def test_a_copy_that_ends_earlier_is_cut_and_said():
    found = settle_range(clip(), range(46, 55), Habits())
    assert ends(found) == ((46, 50, 54), [('offset', 'repaired')])
    assert 'the folder holds frames 46..54' in found[1][0].reason


def test_frames_missing_in_between_are_noted_up_to_a_third():
    numbers = [n for n in range(46, 56) if n not in (48, 51, 52)]
    assert ends(settle_range(clip(), numbers, Habits())) == (
        (46, 50, 55),
        [('frames', 'noted')],
    )
    numbers = [n for n in range(46, 56) if n not in (47, 48, 51, 52)]
    assert ends(settle_range(clip(), numbers, Habits())) == (
        None,
        [('frames', 'skipped')],
    )


def test_an_apex_that_is_lost_with_more_frames_leaves_the_clip_out():
    found = settle_range(clip(apex=55), range(46, 54), Habits())
    assert ends(found) == (None, [('apex', 'skipped')])
    found = settle_range(clip(apex=55), range(46, 55), Habits())
    assert ends(found) == (
        (46, None, 54),
        [('offset', 'repaired'), ('apex', 'repaired')],
    )


def test_relative_numbers_are_shifted():
    found = settle_range(clip(), range(1, 11), RELATIVE)
    assert ends(found) == ((1, 5, 10), [])
    # In a release that counts otherwise it is said.
    found = settle_range(clip(), range(1, 11), Habits())
    assert ends(found) == ((1, 5, 10), [('frames', 'repaired')])


def test_relative_numbers_of_another_length_are_not_guessed():
    loose = Habits(relative=True)
    assert ends(settle_range(clip(), range(1, 10), loose))[0] is None
    # Where a folder is the clip it is taken, but where its apex is, nobody knows.
    assert ends(settle_range(clip(), range(1, 10), RELATIVE)) == (
        (1, None, 9),
        [('frames', 'repaired')],
    )
    assert ends(settle_range(clip(offset=None), range(1, 10), RELATIVE))[0] == (1, 5, 9)
    # 5..9 exist in 1..12, but there they are other frames.
    low = clip(onset=5, apex=6, offset=9)
    assert ends(settle_range(low, range(1, 13), loose))[0] is None
    assert ends(settle_range(low, range(1, 13), Habits()))[0] == (5, 6, 9)


def test_a_whole_folder_is_a_clip_where_nothing_else_is_said():
    whole = Clip('s01', 'c', 'negative', None, whole=True)
    assert ends(settle_range(whole, [7, 8, 10, 11], Habits())) == (
        (7, None, 11),
        [('frames', 'noted')],
    )
    assert ends(settle_range(whole, [7], Habits()))[0] is None


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
def test_what_comes_out_is_on_disk_or_left_out_with_a_reason(
    onset, apex, offset, numbers, trimmed, relative, shared, whole
):
    wanted = clip(onset, apex, offset, whole=whole)
    numbers = sorted(numbers)
    settled, findings = settle_range(wanted, numbers, Habits(trimmed, relative), shared)
    skipped = [one for one in findings if one.action == 'skipped']
    assert all(one.row == 7 and one.clip == 'sub01/EP1' for one in findings)
    if settled is None:
        assert len(skipped) == 1
        return
    assert not skipped
    assert settled.onset in numbers and settled.offset in numbers
    assert settled.onset < settled.offset
    assert settled.apex is None or settled.onset <= settled.apex <= settled.offset
    inside = [n for n in numbers if settled.onset <= n <= settled.offset]
    length = settled.offset - settled.onset + 1
    # As it stands there: (1 - MAX_MISSING) * 15 is rounded to more than 10.
    assert length - len(inside) <= MAX_MISSING * length
    if length != len(inside):
        assert [one.action for one in findings if one.field == 'frames'] == ['noted']
    # No number is changed in silence, except for a release's own way of counting.
    same = (settled.onset, settled.apex, settled.offset) == (onset, apex, offset)
    if not same and not whole and not relative:
        assert any(one.action == 'repaired' for one in findings)
