from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction_mer.datasets import protocols
from mmaction_mer.datasets.protocols import (
    Fold,
    assert_disjoint,
    cross_dataset,
    group_kfold,
    holdout,
    inner_split,
    leave_one_subject_out,
    make_folds,
    register_protocol,
)
from mmaction_mer.utils.errors import MERDataError

subject = st.integers(1, 12).map('s{}'.format)
clips = st.lists(subject, min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1)


def check_folds(folds, subjects_per_clip):
    """Never a subject on both sides, nobody lost, each clip held out once."""
    everybody = set(subjects_per_clip)
    times = Counter()
    for fold in folds:
        assert not set(fold.held_out) & set(fold.train)
        assert set(fold.held_out) | set(fold.train) == everybody
        assert fold.held_out and fold.train
        assert list(fold.held_out) == sorted(set(fold.held_out))
        assert list(fold.train) == sorted(set(fold.train))
        times.update(s for s in subjects_per_clip if s in fold.held_out)
    assert times == Counter(subjects_per_clip)
    assert len({fold.name for fold in folds}) == len(folds)


@given(clips)
def test_loso(subjects):
    folds = leave_one_subject_out(subjects)
    check_folds(folds, subjects)
    assert [fold.name for fold in folds] == sorted(set(subjects))
    assert all(fold.held_out == (fold.name,) for fold in folds)
    assert (
        folds == make_folds('loso', subjects) == make_folds({'type': 'loso'}, subjects)
    )


@given(clips, st.data(), st.integers(0, 5))
def test_group_kfold(subjects, data, seed):
    k = data.draw(st.integers(2, len(set(subjects))))
    folds = group_kfold(subjects, k, seed)
    check_folds(folds, subjects)
    assert [fold.name for fold in folds] == [f'group{i}' for i in range(1, k + 1)]
    shuffled = data.draw(st.permutations(subjects))
    assert group_kfold(shuffled, k, seed) == folds
    # Greedy filling: without its last subject no group was above another.
    counts = Counter(subjects)
    sizes = [sum(counts[s] for s in fold.held_out) for fold in folds]
    assert max(sizes) - min(sizes) <= max(counts.values())


def test_group_kfold_depends_on_the_seed():
    subjects = [f's{i}' for i in range(12)]
    assert len({tuple(group_kfold(subjects, 3, seed)) for seed in range(5)}) > 1


def test_group_kfold_balances_clips():
    subjects = ['a'] * 30 + ['b'] * 10 + ['c'] * 10 + ['d'] * 10
    for seed in range(10):
        held_out = {fold.held_out for fold in group_kfold(subjects, 2, seed)}
        assert held_out == {('a',), ('b', 'c', 'd')}


@pytest.mark.parametrize('k', [0, 1, 4, True, 2.0, '2', None])
def test_group_kfold_refuses_k(k):
    with pytest.raises(MERDataError, match='k is'):
        group_kfold(['a', 'b', 'c'], k)


def test_holdout():
    subjects = ['a', 'b', 'b', 'c']
    wanted = [Fold('holdout', ('a', 'c'), ('b',))]
    assert holdout(subjects, ['c', 'a']) == wanted
    assert make_folds({'type': 'holdout', 'subjects': ['a', 'c']}, subjects) == wanted
    assert holdout(['s1', 's2'], 's1')[0].held_out == ('s1',)


@pytest.mark.parametrize('held_out', [[], ['a', 'b', 'c']])
def test_holdout_refuses_an_empty_side(held_out):
    with pytest.raises(MERDataError, match='some of the subjects'):
        holdout(['a', 'b', 'c'], held_out)


def test_holdout_lists_the_subjects_it_knows():
    with pytest.raises(MERDataError, match="'x' not in the data; it holds a, b"):
        holdout(['a', 'b'], ['x'])


people = st.tuples(st.sampled_from('abcd'), st.integers(1, 4))


def of(clips):
    """Subjects and data sets of clips, as a composite names them."""
    names = [name for name, _ in clips]
    return [f'{name}_s{number}' for name, number in clips], names


@given(st.lists(people, min_size=2).filter(lambda x: len({n for n, _ in x}) > 1))
def test_every_data_set_is_held_out_once(clips):
    subjects, datasets = of(clips)
    folds = make_folds('cross-dataset', subjects, datasets)
    check_folds(folds, subjects)
    assert [fold.name for fold in folds] == sorted(set(datasets))
    for fold in folds:
        assert {subject[0] for subject in fold.held_out} == {fold.name}
        (alone,) = cross_dataset(subjects, datasets, fold.name)
        assert alone == fold


def test_several_data_sets_can_be_tested_at_once():
    subjects, datasets = of([('c', 1), ('a', 2), ('b', 1), ('a', 1), ('b', 1)])
    wanted = [Fold('a+c', ('a_s1', 'a_s2', 'c_s1'), ('b_s1',))]
    protocol = {'type': 'cross-dataset', 'test': ['c', 'a', 'c']}
    assert make_folds(protocol, subjects, datasets) == wanted
    assert protocol == {'type': 'cross-dataset', 'test': ['c', 'a', 'c']}


@pytest.mark.parametrize(
    ('test', 'message'),
    [
        ('x', "'x' not in the data; it holds a, b"),
        (['a', 'x', 'y'], "'x', 'y' not in the data"),
        ([], 'tests on none of a, b'),
        (['b', 'a'], 'tests on a, b of a, b'),
    ],
)
def test_cross_dataset_refuses(test, message):
    with pytest.raises(MERDataError, match=message):
        cross_dataset(*of([('a', 1), ('a', 2), ('b', 1)]), test)


def test_cross_dataset_needs_two_data_sets():
    with pytest.raises(MERDataError, match='tests on a of a'):
        cross_dataset(['s1', 's2'], ['a', 'a'])
    with pytest.raises(MERDataError, match="needs the field 'dataset'"):
        make_folds('cross-dataset', ['s1', 's2'])


def test_a_person_in_two_data_sets_is_refused():
    subjects, datasets = ['s1', 's2', 's2', 's3'], ['a', 'a', 'b', 'c']
    for protocol in ('cross-dataset', {'type': 'cross-dataset', 'test': ['b']}):
        with pytest.raises(MERDataError, match=r'subject\(s\) s2 are in a tested'):
            make_folds(protocol, subjects, datasets)
    # Both on one side is no harm.
    (fold,) = cross_dataset(subjects, datasets, ['c'])
    assert fold == Fold('c', ('s3',), ('s1', 's2'))
    (fold,) = cross_dataset(subjects, datasets, ['a', 'b'])
    assert fold == Fold('a+b', ('s1', 's2'), ('s3',))


def test_which_data_sets_take_part_is_for_the_filter_to_say():
    protocol = {'type': 'cross-dataset', 'test': ['a'], 'train': ['b']}
    with pytest.raises(MERDataError, match=r'filter_cfg=dict\(dataset'):
        make_folds(protocol, *of([('a', 1), ('b', 1), ('c', 1)]))


@given(
    st.sets(subject, min_size=2),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.integers(0, 9),
)
def test_inner_split(subjects, fraction, seed):
    inner = inner_split(subjects, fraction, seed)
    assert set(inner) < subjects and 1 <= len(inner)
    assert list(inner) == sorted(set(inner))
    assert abs(len(inner) - fraction * len(subjects)) <= 1
    assert inner == inner_split(sorted(subjects, reverse=True), fraction, seed)


def test_inner_split_draws_and_refuses():
    subjects = [f's{i}' for i in range(10)]
    assert len({inner_split(subjects, 0.3, seed) for seed in range(5)}) > 1
    for fraction in (0, 1, -0.5, float('nan')):
        with pytest.raises(MERDataError, match='fraction'):
            inner_split(subjects, fraction)
    with pytest.raises(MERDataError, match='2 or more'):
        inner_split(['s1'])


@pytest.mark.parametrize(
    ('protocol', 'message'),
    [
        ('kfold', 'not one of loso'),
        ({}, 'not one of'),
        ({'type': ['loso']}, 'not one of'),
        ('group-kfold', r"takes \['k', 'seed'\]"),
        ({'type': 'loso', 'k': 3}, 'no options'),
        ({'type': 'group-kfold', 'k': 2, 'shuffle': True}, 'shuffle'),
        ({'type': 'holdout'}, 'subjects'),
    ],
)
def test_make_folds_refuses(protocol, message):
    with pytest.raises(MERDataError, match=message):
        make_folds(protocol, ['a', 'b', 'c'])


def test_make_folds_leaves_the_config_alone():
    protocol = {'type': 'group-kfold', 'k': 2, 'seed': 1}
    assert make_folds(protocol, ['a', 'b', 'c']) == group_kfold(['a', 'b', 'c'], 2, 1)
    assert protocol == {'type': 'group-kfold', 'k': 2, 'seed': 1}


@pytest.mark.parametrize('subjects', [[], ['a'], ['a', 'a'], ['a', 1], ['a', None]])
def test_too_few_or_strange_subjects(subjects):
    with pytest.raises(MERDataError, match='subjects'):
        leave_one_subject_out(subjects)


@pytest.mark.parametrize(
    ('held_out', 'train', 'message'),
    [
        (('a',), ('a', 'b', 'c'), 'on both sides.*a'),
        (('a',), ('b',), 'on neither side.*c'),
        (('a', 'x'), ('b', 'c'), 'without a clip.*x'),
        ((), ('a', 'b', 'c'), 'no subject'),
        (('a', 'b', 'c'), (), 'no subject'),
    ],
)
def test_assert_disjoint(held_out, train, message):
    with pytest.raises(MERDataError, match=f"fold 'f': .*{message}"):
        assert_disjoint(Fold('f', held_out, train), ['a', 'b', 'b', 'c'])
    assert assert_disjoint(Fold('f', ('a',), ('b', 'c')), ['a', 'b', 'c']) is None


# Protocols of others


@pytest.fixture
def registered(monkeypatch):
    """Protocols may be registered, and are gone after the test."""
    monkeypatch.setattr(protocols, '_PROTOCOLS', dict(protocols._PROTOCOLS))


def by_set(subjects_per_clip, datasets_per_clip, first, seed=0):
    return cross_dataset(subjects_per_clip, datasets_per_clip, first)


def test_a_registered_protocol_is_known_by_its_name(registered):
    assert register_protocol('by-set', by_set) is by_set
    subjects, datasets = of([('a', 1), ('b', 1), ('b', 2)])
    wanted = [Fold('b', ('b_s1', 'b_s2'), ('a_s1',))]
    assert make_folds({'type': 'by-set', 'first': 'b'}, subjects, datasets) == wanted
    with pytest.raises(MERDataError, match=r"takes \['first', 'seed'\], but got \[\]"):
        make_folds('by-set', subjects, datasets)
    with pytest.raises(MERDataError, match="'by-set' needs the field 'dataset'"):
        make_folds({'type': 'by-set', 'first': 'b'}, subjects)


def test_its_folds_are_checked(registered):
    register_protocol('leaky', lambda subjects: [Fold('x', ('s1',), ('s1', 's2'))])
    with pytest.raises(MERDataError, match='on both sides: subject\\(s\\) s1'):
        make_folds('leaky', ['s1', 's2'])


def test_a_name_that_is_taken_is_refused(registered):
    register_protocol('by-set', by_set)
    register_protocol('by-set', by_set)  # the same again is no harm
    for name in ('by-set', 'loso'):
        with pytest.raises(MERDataError, match=f"'{name}' exists already"):
            register_protocol(name, lambda subjects: [])
