import pytest

from mmaction_mer.datasets.preparation.frame_numbering import (
    FrameNumbering,
    infer_numbering,
    infer_shift,
)
from mmaction_mer.datasets.preparation.issues import Clip

RELATIVE = FrameNumbering(trimmed=True, relative=True)


def clip(onset=46, apex=50, offset=55):
    return Clip('sub01', 'EP1', 'others', None, onset, apex, offset)


def folders(before, after, shift, rows=20):
    """Clips of a sheet, and folders with some frames around them."""
    found = []
    for n in range(rows):
        onset, offset = 40 + 3 * n, 50 + 4 * n
        first = onset - before[n % len(before)] + shift
        last = offset + after[n % len(after)] + shift
        found.append((clip(onset, None, offset), list(range(first, last + 1))))
    return found


def test_numbering_is_inferred_from_nearly_all_rows():
    exact, odd = folders([0], [0], 0), (clip(), [1, 2])
    assert infer_numbering(exact) == FrameNumbering(trimmed=True)
    assert infer_numbering([*exact, odd]) == FrameNumbering(trimmed=True)
    assert infer_numbering([*exact, *[odd] * 4]) == FrameNumbering()
    assert infer_numbering(exact[:2]) == FrameNumbering()
    restarting = [(c, list(range(1, len(n) + 1))) for c, n in exact]
    assert infer_numbering(restarting) == RELATIVE
    assert infer_numbering([(c, list(range(1, 200))) for c, _ in exact]) == (
        FrameNumbering()
    )
    # A few folders that begin with frame 1 are not a rule.
    few = [(clip(40, None, 49), list(range(1, 11)))]
    others = [(clip(40 + n, None, 60), list(range(42 + n, 63))) for n in range(9)]
    assert not infer_numbering(few + others).relative


@pytest.mark.parametrize('shift', [-30, -1, 1, 5, 1000])
def test_a_shift_of_all_folders_is_inferred(shift):
    """If folders are the clips, or begin or end with them; one row may be wrong."""
    loose = [([0], [1, 2]), ([2, 1], [0])] if abs(shift) > 2 else []
    for around in (([0], [0]), *loose):
        rows = folders(*around, shift)
        rows[4] = (clip(7, None, 90), rows[4][1])
        assert infer_shift(rows) == (shift, '')
    wanted = f'{abs(shift)} {"more" if shift > 0 else "less"}'
    assert wanted in str(FrameNumbering(shift=shift))


def test_numbers_that_fit_as_they_are_are_right():
    for around in (([0], [0]), ([5], [9]), ([0, 3], [8])):
        assert infer_shift(folders(*around, 0)) == (0, '')
    # If numbers restart in every folder, no shift is that of all.
    restarting = [(c, list(range(1, len(n) + 1))) for c, n in folders([0], [0], 0)]
    assert infer_shift(restarting) == (0, '')
    # Copies that lost frames are not a sign of a shift.
    assert infer_shift([(c, n[1:]) for c, n in folders([0], [0], 0)]) == (0, '')
    assert infer_shift(folders([0], [0], 5, rows=2)) == (0, '')


def test_an_ambiguous_shift_is_not_guessed():
    shift, ambiguity = infer_shift(folders([1, 2], [2, 1], 30))
    assert shift == 0 and 'between 29 and 31' in ambiguity and '20 of 20' in ambiguity
    assert str(FrameNumbering(ambiguity=ambiguity)).endswith('or differently')
