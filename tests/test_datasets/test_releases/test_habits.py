from mmaction_mer.datasets.releases.findings import Clip
from mmaction_mer.datasets.releases.habits import Habits, learn_habits

TRIMMED = Habits(trimmed=True)
RELATIVE = Habits(trimmed=True, relative=True)


def clip(onset=46, apex=50, offset=55, name='EP1', **more):
    return Clip('sub01', name, 'others', None, onset, apex, offset, row=7, **more)


def test_habits_are_learnt_from_nearly_all_rows():
    exact = [(clip(i, i + 2, i + 9), list(range(i, i + 10))) for i in range(40, 60)]
    assert learn_habits(exact) == TRIMMED
    assert learn_habits(exact + [(clip(), [1, 2])]) == TRIMMED
    assert learn_habits(exact + [(clip(), [1, 2])] * 4) == Habits()
    assert learn_habits(exact[:2]) == Habits()
    anew = [(c, list(range(1, 11))) for c, _ in exact]
    assert learn_habits(anew) == RELATIVE
    loose = [(c, list(range(1, 100))) for c, _ in exact]
    assert learn_habits(loose) == Habits()
