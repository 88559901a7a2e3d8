from mmaction_mer.datasets.preparation.frame_numbering import (
    FrameNumbering,
    infer_numbering,
    infer_shift,
)
from mmaction_mer.datasets.preparation.issues import Clip

TRIMMED = FrameNumbering(trimmed=True)
RELATIVE = FrameNumbering(trimmed=True, relative=True)


def clip(onset=46, apex=50, offset=55, name='EP1', **more):
    return Clip('sub01', name, 'others', None, onset, apex, offset, row=7, **more)


def test_habits_are_learnt_from_nearly_all_rows():
    exact = [(clip(i, i + 2, i + 9), list(range(i, i + 10))) for i in range(40, 60)]
    assert infer_numbering(exact) == TRIMMED
    assert infer_numbering(exact + [(clip(), [1, 2])]) == TRIMMED
    assert infer_numbering(exact + [(clip(), [1, 2])] * 4) == FrameNumbering()
    assert infer_numbering(exact[:2]) == FrameNumbering()
    anew = [(c, list(range(1, 11))) for c, _ in exact]
    assert infer_numbering(anew) == RELATIVE
    loose = [(c, list(range(1, 100))) for c, _ in exact]
    assert infer_numbering(loose) == FrameNumbering()


def folders(before, after, shift, rows=20):
    """Clips of a sheet, and folders that hold some frames around them."""
    found = []
    for n in range(rows):
        onset, offset = 40 + 3 * n, 50 + 4 * n
        first = onset - before[n % len(before)] + shift
        last = offset + after[n % len(after)] + shift
        found.append((clip(onset, None, offset), list(range(first, last + 1))))
    return found


def test_a_shift_of_all_folders_is_learned():
    """Where folders are the clips, or begin or end with them; one row may be wrong."""
    for shift in (-30, -1, 1, 5, 1000):
        loose = [([0], [1, 2]), ([2, 1], [0])] if abs(shift) > 2 else []
        for around in (([0], [0]), *loose):
            rows = folders(*around, shift)
            rows[4] = (clip(7, None, 90), rows[4][1])
            assert infer_shift(rows) == (shift, '')
            wanted = f'{abs(shift)} {"more" if shift > 0 else "less"}'
            assert wanted in str(FrameNumbering(shift=shift))


def test_numbers_that_fit_as_they_stand_are_right():
    for around in (([0], [0]), ([5], [9]), ([0, 3], [8])):
        assert infer_shift(folders(*around, 0)) == (0, '')
    # Frames are numbered anew in every folder: no shift is that of all.
    anew = [(c, list(range(1, len(n) + 1))) for c, n in folders([0], [0], 0)]
    assert infer_shift(anew) == (0, '') and infer_numbering(anew) == RELATIVE
    # Copies that lost frames are no sign of a shift.
    lost = [(c, n[1:]) for c, n in folders([0], [0], 0)]
    assert infer_shift(lost) == (0, '')
    assert infer_shift(folders([0], [0], 5, rows=2)) == (0, '')


def test_a_shift_of_which_several_fit_is_not_guessed():
    shift, doubt = infer_shift(folders([1, 2], [2, 1], 30))
    assert shift == 0 and 'between 29 and 31' in doubt and '20 of 20' in doubt
    assert 'or otherwise' in str(FrameNumbering(ambiguity=doubt))


def test_a_few_folders_that_begin_with_one_are_no_rule():
    """Else all others would be said to be numbered anew, and left out."""
    few = [(clip(40, None, 49), list(range(1, 11)))]
    others = [(clip(40 + n, None, 60), list(range(42 + n, 63))) for n in range(9)]
    assert not infer_numbering(few + others).relative
