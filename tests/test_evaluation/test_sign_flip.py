"""The sign-flip test against brute force: predictions exchanged line by line.

A regression: p-values over few subjects that are smaller than any test of so few can
give.
"""

import copy
from itertools import compress, product

import numpy as np
import pytest
from scipy.stats import permutation_test
from toy_predictions import columns, toy_predictions

from mmaction_mer.evaluation.functional import scores
from mmaction_mer.evaluation.paired import COMPARED, compare_runs, format_comparison
from mmaction_mer.evaluation.sign_flip import MAX_EXACT, sign_flip_p, smallest_p


def run(seed, subjects, share=0.6):
    return toy_predictions(seed, share, subjects, clips=4)


def difference(pairs, flipped):
    """Scores of B - A after the exchange of some subjects, averaged over pairs."""
    found = []
    for pair in pairs:
        both = [
            lines[::-1] if lines[0]['subject'] in flipped else lines
            for lines in zip(*pair, strict=True)
        ]
        a, b = (scores(*columns(side), 3) for side in zip(*both, strict=True))
        found.append([b[name] - a[name] for name in COMPARED])
    return np.mean(found, axis=0)


@pytest.mark.parametrize('seeds', [(1, 1), (2, 2), (2, 1)])
def test_every_exchange_by_hand(seeds):
    """Two runs, pairs of seeds, and two seeds against one, each with each."""
    subjects = 6
    a = {seed: run(seed, subjects) for seed in range(seeds[0])}
    b = {seed: run(10 + seed, subjects, 0.8) for seed in range(seeds[1])}
    pairs = list(product(a.values(), b.values()))
    if seeds[0] == seeds[1]:
        pairs = list(zip(a.values(), b.values(), strict=True))
    names = [f's{subject}' for subject in range(subjects)]
    all_ways = np.array([
        difference(pairs, {*compress(names, ways)})
        for ways in product((False, True), repeat=subjects)
    ])  # fmt: skip
    wanted = np.mean(np.abs(all_ways) >= np.abs(all_ways[0]) - 1e-9, axis=0)
    found = compare_runs(a, b, 3)['scores']
    for name, observed, p in zip(COMPARED, all_ways[0], wanted, strict=True):
        assert found[name]['difference'] == pytest.approx(observed)
        assert found[name]['sign_flip_p'] == pytest.approx(p)
    assert len(set(wanted.round(6))) > 1, 'no score stands for another'


def test_ten_subjects_give_no_less_than_two_in_1024():
    """B is right once more in every subject: the bootstrap gives 0.001."""
    a = run(0, 10, 0.3)
    b = copy.deepcopy(a)
    fixed = {one['subject']: one for one in b if one['prediction'] != one['label']}
    assert len(fixed) == 10
    for one in fixed.values():
        one['prediction'] = one['label']
    found = compare_runs({0: a}, {0: b}, 3)
    row = found['scores']['acc']
    assert row['p'] == pytest.approx(2 / 2001)
    assert row['sign_flip_p'] == pytest.approx(2 / 1024) == smallest_p(10, 2000)
    text = format_comparison(found)
    line = next(line for line in text.splitlines() if line.startswith('acc'))
    assert line.split()[-2:] == ['0.0010', '0.0020']
    assert 'all 1024 ways; none is below 0.002)' in text


def test_accuracy_flips_the_sign_of_each_subject():
    """As scipy's own test does, by what a subject contributes to the difference."""
    subjects = 9
    rng = np.random.default_rng(4)
    first, second = (rng.integers(0, 4, (1, subjects, 3, 3)) for _ in range(2))
    second[..., 0] += first.sum(-1) - second.sum(-1)  # as many clips of each class
    second[..., 0] = np.maximum(second[..., 0], 0)
    first[..., 0] += second.sum(-1) - first.sum(-1)
    hits = [np.trace(one[0], axis1=1, axis2=2) for one in (first, second)]
    expected = permutation_test(
        (hits[1] - hits[0],), lambda x, axis: x.sum(axis), vectorized=True,
        permutation_type='samples', n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert sign_flip_p(first, second, 100)['acc'] == pytest.approx(expected)


def test_many_subjects_are_drawn_and_the_draw_is_seeded():
    """The p of many draws is near the exact one, which a constant subject preserves."""
    a, b = run(1, MAX_EXACT, 0.5), run(2, MAX_EXACT, 0.62)
    p = compare_runs({0: a}, {0: b}, 3)['scores']['acc']['sign_flip_p']
    constant = [
        {**one, 'subject': 'same', 'prediction': one['label']} for one in a[:3]
    ]  # fmt: skip
    a, b = a + constant, b + constant
    drawn, again = (
        compare_runs({0: a}, {0: b}, 3, resamples=20_000)['scores'] for _ in range(2)
    )
    assert drawn == again
    assert 0.01 < p < 0.9
    sampling = 4 * np.sqrt(p * (1 - p) / 20_000) + 1e-4
    assert drawn['acc']['sign_flip_p'] == pytest.approx(p, abs=sampling)
    counts = np.random.default_rng(0).integers(0, 9, (2, 1, MAX_EXACT + 1, 3, 3))
    assert sign_flip_p(*counts, 999) != sign_flip_p(*counts, 999, seed=1)
    # The observed assignment is one of the exchanges, so that no p is zero.
    better = [{**one, 'prediction': one['label']} for one in a]
    worse = [{**one, 'prediction': (one['label'] + 1) % 3} for one in a]
    found = compare_runs({0: worse}, {0: better}, 3, resamples=99)
    assert found['scores']['acc']['sign_flip_p'] == pytest.approx(1 / 100)
    assert '99 drawn ways; none is below 0.01)' in format_comparison(found)


def test_equal_runs_have_p_one():
    same = compare_runs({0: run(0, 5)}, {0: run(0, 5)}, 3)['scores']
    assert {row['sign_flip_p'] for row in same.values()} == {1.0}
