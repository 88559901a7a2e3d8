from collections import Counter

import pytest
from data_errors import raises_data_error
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

subject = st.integers(1, 12).map('s{}'.format)
clips = st.lists(subject, min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1)


def check_folds(folds, subjects_per_clip):
    """Check that sides are disjoint and complete, and hold out each clip once."""
    everyone = set(subjects_per_clip)
    times = Counter()
    for fold in folds:
        assert not set(fold.held_out) & set(fold.train)
        assert set(fold.held_out) | set(fold.train) == everyone
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
def test_group_kfold_checks_k(k):
    with raises_data_error(field='k'):
        group_kfold(['a', 'b', 'c'], k)


def test_holdout():
    subjects = ['a', 'b', 'b', 'c']
    expected = [Fold('holdout', ('a', 'c'), ('b',))]
    assert holdout(subjects, ['c', 'a']) == expected
    assert make_folds({'type': 'holdout', 'subjects': ['a', 'c']}, subjects) == expected
    assert holdout(['s1', 's2'], 's1')[0].held_out == ('s1',)
    for held_out, words in (
        ([], 'some of the subjects'),
        (['a', 'b', 'c'], 'some of the subjects'),
        (['x'], "'x' not in the data, which has a, b, c"),
    ):
        with raises_data_error(words, field='subjects'):
            holdout(subjects, held_out)


people = st.tuples(st.sampled_from('abcd'), st.integers(1, 4))


def of(clips):
    """Return subjects and datasets of clips, named as in a composite."""
    names = [name for name, _ in clips]
    return [f'{name}_s{number}' for name, number in clips], names


@given(st.lists(people, min_size=2).filter(lambda x: len({n for n, _ in x}) > 1))
def test_every_dataset_is_held_out_once(clips):
    subjects, datasets = of(clips)
    folds = make_folds('cross-dataset', subjects, datasets)
    check_folds(folds, subjects)
    assert [fold.name for fold in folds] == sorted(set(datasets))
    for fold in folds:
        assert {subject[0] for subject in fold.held_out} == {fold.name}
        (alone,) = cross_dataset(subjects, datasets, fold.name)
        assert alone == fold


def test_several_datasets_can_be_tested_at_once():
    subjects, datasets = of([('c', 1), ('a', 2), ('b', 1), ('a', 1), ('b', 1)])
    expected = [Fold('a+c', ('a_s1', 'a_s2', 'c_s1'), ('b_s1',))]
    protocol = {'type': 'cross-dataset', 'test': ['c', 'a', 'c']}
    assert make_folds(protocol, subjects, datasets) == expected
    assert protocol == {'type': 'cross-dataset', 'test': ['c', 'a', 'c']}


@pytest.mark.parametrize(
    ('test', 'words'),
    [
        ('x', "'x' not in the data, which has a, b"),
        (['a', 'x', 'y'], "'x', 'y' not in the data"),
        ([], 'tests on none of a, b'),
        (['b', 'a'], 'tests on a, b of a, b'),
    ],
)
def test_cross_dataset_checks_the_datasets(test, words):
    with raises_data_error(words, field='test'):
        cross_dataset(*of([('a', 1), ('a', 2), ('b', 1)]), test)


def test_cross_dataset_needs_two_datasets():
    with raises_data_error('tests on a of a', field='test'):
        cross_dataset(['s1', 's2'], ['a', 'a'])
    with raises_data_error("field 'dataset'", field='protocol'):
        make_folds('cross-dataset', ['s1', 's2'])


def test_a_subject_in_two_datasets():
    subjects, datasets = ['s1', 's2', 's2', 's3'], ['a', 'a', 'b', 'c']
    for protocol in ('cross-dataset', {'type': 'cross-dataset', 'test': ['b']}):
        with raises_data_error('subject(s) s2 are in a tested', hint=True):
            make_folds(protocol, subjects, datasets)
    # On one side of the fold it is valid.
    (fold,) = cross_dataset(subjects, datasets, ['c'])
    assert fold == Fold('c', ('s3',), ('s1', 's2'))
    (fold,) = cross_dataset(subjects, datasets, ['a', 'b'])
    assert fold == Fold('a+b', ('s1', 's2'), ('s3',))


@given(st.sets(subject, min_size=2), st.integers(0, 9))
def test_inner_split(subjects, seed):
    inner = inner_split(subjects, seed)
    assert set(inner) < subjects and 1 <= len(inner)
    assert list(inner) == sorted(set(inner))
    assert abs(len(inner) - len(subjects) / 5) <= 1
    assert inner == inner_split(sorted(subjects, reverse=True), seed)


def test_inner_split_depends_on_the_seed_and_needs_two_subjects():
    subjects = [f's{i}' for i in range(10)]
    assert len({inner_split(subjects, seed) for seed in range(5)}) > 1
    with raises_data_error('two or more'):
        inner_split(['s1'])


@pytest.mark.parametrize(
    ('protocol', 'words'),
    [
        ('kfold', 'not one of loso'),
        ({}, 'not one of'),
        ({'type': ['loso']}, 'not one of'),
        ('group-kfold', "takes ['k', 'seed']"),
        ({'type': 'loso', 'k': 3}, 'no options'),
        ({'type': 'group-kfold', 'k': 2, 'shuffle': True}, 'shuffle'),
        ({'type': 'holdout'}, 'subjects'),
        ({'type': 'cross-dataset', 'test': ['a'], 'train': ['b']}, 'filter_cfg'),
    ],
)
def test_make_folds_checks_the_protocol(protocol, words):
    with raises_data_error(words, field='protocol'):
        make_folds(protocol, *of([('a', 1), ('b', 1), ('c', 1)]))


def test_make_folds_does_not_change_the_config():
    protocol = {'type': 'group-kfold', 'k': 2, 'seed': 1}
    assert make_folds(protocol, ['a', 'b', 'c']) == group_kfold(['a', 'b', 'c'], 2, 1)
    assert protocol == {'type': 'group-kfold', 'k': 2, 'seed': 1}


@pytest.mark.parametrize('subjects', [[], ['a'], ['a', 'a'], ['a', 1], ['a', None]])
def test_too_few_or_invalid_subjects(subjects):
    with raises_data_error('subjects'):
        leave_one_subject_out(subjects)


@pytest.mark.parametrize(
    ('held_out', 'train', 'words'),
    [
        (('a',), ('a', 'b', 'c'), 'on both sides: subject(s) a'),
        (('a',), ('b',), 'on neither side: subject(s) c'),
        (('a', 'x'), ('b', 'c'), 'without a clip: subject(s) x'),
        ((), ('a', 'b', 'c'), 'no subject'),
        (('a', 'b', 'c'), (), 'no subject'),
    ],
)
def test_assert_disjoint(held_out, train, words):
    with raises_data_error("fold 'f': ", words):
        assert_disjoint(Fold('f', held_out, train), ['a', 'b', 'b', 'c'])
    assert assert_disjoint(Fold('f', ('a',), ('b', 'c')), ['a', 'b', 'c']) is None


def by_dataset(subjects_per_clip, datasets_per_clip, first, seed=0):
    return cross_dataset(subjects_per_clip, datasets_per_clip, first)


def test_registered_protocols(monkeypatch):
    monkeypatch.setattr(protocols, '_PROTOCOLS', dict(protocols._PROTOCOLS))
    assert register_protocol('by-dataset', by_dataset) is by_dataset
    assert register_protocol('by-dataset', by_dataset) is by_dataset
    subjects, datasets = of([('a', 1), ('b', 1), ('b', 2)])
    protocol = {'type': 'by-dataset', 'first': 'b'}
    expected = [Fold('b', ('b_s1', 'b_s2'), ('a_s1',))]
    assert make_folds(protocol, subjects, datasets) == expected
    with raises_data_error("takes ['first', 'seed'], but got []", field='protocol'):
        make_folds('by-dataset', subjects, datasets)
    with raises_data_error("'by-dataset' needs the field 'dataset'"):
        make_folds(protocol, subjects)
    for name in ('by-dataset', 'loso'):
        with raises_data_error(f"'{name}' exists already"):
            register_protocol(name, lambda subjects: [])
    register_protocol('leaky', lambda subjects: [Fold('x', ('s1',), ('s1', 's2'))])
    with raises_data_error('on both sides: subject(s) s1'):
        make_folds('leaky', ['s1', 's2'])
