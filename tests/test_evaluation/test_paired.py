"""The paired comparison: against values that are computed in another way here."""

import json
from math import comb

import numpy as np
import pytest
from toy_predictions import toy_predictions

from mmaction_mer.evaluation.functional import scores
from mmaction_mer.evaluation.paired import (
    COMPARED,
    bootstrap_p,
    compare_runs,
    format_comparison,
    mcnemar,
)
from mmaction_mer.utils.errors import MERDataError

LABEL = 'selected on the test subject'


def run(seed, share=0.7, subjects=6, clips=5):
    return toy_predictions(seed, share, subjects, clips)


def scores_of(lines):
    return scores(
        [line['label'] for line in lines], [line['prediction'] for line in lines], 3
    )


@pytest.fixture
def sides():
    return {0: run(0), 1: run(1)}, {0: run(10, 0.9), 2: run(12, 0.9), 1: run(11, 0.9)}


def test_differences_are_of_the_means_over_seeds(sides):
    a, b = sides
    found = compare_runs(a, b, 3)
    for name in COMPARED:
        first = np.mean([scores_of(lines)[name] for lines in a.values()])
        second = np.mean([scores_of(lines)[name] for lines in b.values()])
        row = found['scores'][name]
        assert row['a'] == pytest.approx(first)
        assert row['b'] == pytest.approx(second)
        assert row['difference'] == pytest.approx(second - first)
    assert found['seeds'] == {'a': [0, 1], 'b': [0, 1, 2]}
    assert (found['clips'], found['subjects']) == (30, 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_interval_resamples_the_same_subjects_on_both_sides(sides):
    a, b = sides
    found = compare_runs(a, b, 3, resamples=120, seed=3)['scores']
    drawn = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=120)
    apart = {name: [] for name in COMPARED}
    for times in drawn:
        means = []
        for side in (a, b):
            again = [
                scores_of([
                    line for line in lines
                    for _ in range(times[int(line['subject'][1:])])
                ])
                for lines in side.values()
            ]  # fmt: skip
            means.append({n: np.mean([one[n] for one in again]) for n in COMPARED})
        for name in COMPARED:
            apart[name].append(means[1][name] - means[0][name])
    for name, values in apart.items():
        values = np.array(values)
        row = found[name]
        assert row['interval'] == pytest.approx(np.percentile(values, [2.5, 97.5]))
        assert row['share_not_above'] == pytest.approx(np.mean(values <= 1e-12))
        below, above = np.sum(values <= 1e-12), np.sum(values >= -1e-12)
        assert row['p'] == pytest.approx(min(1, 2 * (min(below, above) + 1) / 121))


def test_pairing_tells_more_than_two_intervals(sides):
    """The same mistakes but one fewer in every subject: the difference is sure."""
    worse = run(0, 0.4)
    better = [dict(line) for line in worse]
    for subject in range(6):
        line = next(
            line for line in better
            if line['subject'] == f's{subject}' and line['prediction'] != line['label']
        )  # fmt: skip
        line['prediction'] = line['label']
    row = compare_runs({0: worse}, {0: better}, 3)['scores']['acc']
    assert row['difference'] == pytest.approx(0.2)
    assert row['interval'] == pytest.approx([0.2, 0.2])
    assert row['share_not_above'] == 0
    assert row['p'] == pytest.approx(2 / 2001)


def test_swapping_the_sides_swaps_the_signs(sides):
    a, b = sides
    one, other = compare_runs(a, b, 3), compare_runs(b, a, 3)
    for name in COMPARED:
        first, second = one['scores'][name], other['scores'][name]
        assert first['difference'] == -second['difference']
        low, high = second['interval']
        assert first['interval'] == pytest.approx([-high, -low])
        assert first['p'] == second['p']
    assert one['mcnemar'][0]['only_a'] == other['mcnemar'][0]['only_b']


def test_a_run_against_itself_differs_in_nothing(sides):
    a, _ = sides
    found = compare_runs(a, {seed: lines[::-1] for seed, lines in a.items()}, 3)
    for row in found['scores'].values():
        assert row['difference'] == 0 and row['interval'] == [0, 0]
        assert row['p'] == row['share_not_above'] == 1
    assert all(row['p'] == 1 and not row['only_a'] for row in found['mcnemar'])


@pytest.mark.parametrize(('only_a', 'only_b'), [(1, 8), (5, 5), (0, 6), (10, 3)])
def test_mcnemar_is_the_binomial_test_of_what_differs(only_a, only_b):
    first = np.repeat([True, True, False, False], [7, only_a, only_b, 4])
    second = np.repeat([True, False, True, False], [7, only_a, only_b, 4])
    found = mcnemar(first, second)
    number, fewer = only_a + only_b, min(only_a, only_b)
    tail = sum(comb(number, k) for k in range(fewer + 1)) / 2**number
    assert found.pop('p') == pytest.approx(min(1, 2 * tail))
    assert list(found.values()) == [7, only_a, only_b, 4]


def test_mcnemar_is_by_seed_and_counts_each_clip_once(sides):
    a, b = sides
    rows = compare_runs(a, b, 3)['mcnemar']
    assert [(row['seed_a'], row['seed_b']) for row in rows] == [(0, 0), (1, 1)]
    for row in rows:
        mine, others = a[row['seed_a']], b[row['seed_b']]
        right = [
            (x['prediction'] == x['label'], y['prediction'] == y['label'])
            for x, y in zip(mine, others, strict=True)
        ]
        counts = {
            'both_right': (True, True),
            'only_a': (True, False),
            'only_b': (False, True),
            'both_wrong': (False, False),
        }
        assert {name: row[name] for name in counts} == {
            name: right.count(pair) for name, pair in counts.items()
        }


def test_seeds_that_are_not_shared_are_paired_in_order(sides):
    a, b = sides
    rows = compare_runs({5: a[0], 4: a[1]}, {2: b[2]}, 3)['mcnemar']
    assert [(row['seed_a'], row['seed_b']) for row in rows] == [(4, 2)]


def test_the_two_sided_p_is_never_zero_and_never_above_one():
    assert bootstrap_p(np.full(999, -0.1)) == pytest.approx(0.002)
    assert bootstrap_p(np.array([-1.0, 1.0])) == 1.0
    assert bootstrap_p(np.array([-1.0] * 10 + [1.0] * 90)) == pytest.approx(22 / 101)


def test_no_interval_with_one_subject():
    a, b = run(0, subjects=1), run(1, subjects=1)
    found = compare_runs({0: a}, {0: b}, 3)
    row = found['scores']['acc']
    assert row['interval'] is row['p'] is row['share_not_above'] is None
    assert 'none: a single subject' in format_comparison(found)


def test_both_sides_must_have_the_same_clips_and_labels(sides):
    a, b = sides
    with pytest.raises(MERDataError, match=r'5 only in A \(seed 0\): samm/s5/c0'):
        compare_runs(a, {0: b[0][:-5]}, 3)
    lines = [dict(line) for line in b[0]]
    lines[3]['label'] = (lines[3]['label'] + 1) % 3
    with pytest.raises(MERDataError, match=r'B \(seed 0\) have other labels .*s0/c3'):
        compare_runs(a, {0: lines}, 3)
    with pytest.raises(MERDataError, match='B: has no predictions'):
        compare_runs(a, {}, 3)


@pytest.mark.parametrize('wrong', [{'resamples': 0}, {'level': 1.0}])
def test_arguments_out_of_range(sides, wrong):
    with pytest.raises(ValueError, match='level must lie'):
        compare_runs(*sides, 3, **wrong)
    with pytest.raises(ValueError, match='best'):
        compare_runs(*sides, 3, selections=('last', 'best'))


def test_every_number_with_a_side_from_the_test_subject_is_labelled(sides):
    found = compare_runs(*sides, 3, selections=('test', 'last'))
    note = f'A {LABEL}'
    assert found['note'] == note
    assert all(row['note'] == note for row in found['scores'].values())
    assert all(row['note'] == note for row in found['mcnemar'])
    text = format_comparison(found)
    rows = [line for line in text.splitlines() if line[:3] in (*COMPARED, '0, ', '1, ')]
    assert len(rows) == 5 and all(line.endswith(note) for line in rows)
    both = compare_runs(*sides, 3, selections=('test', 'test'))
    assert both['note'] == f'A and B {LABEL}'
    clean = compare_runs(*sides, 3, selections=('last', 'inner'))
    assert 'note' not in clean and LABEL not in format_comparison(clean)


def test_the_printed_comparison(sides):
    found = compare_runs(*sides, 3)
    text = format_comparison(found)
    assert '30 clips, 6 subjects' in text
    assert 'A: seed 0, 1, last iteration of a fixed schedule' in text
    row = found['scores']['uf1']
    line = next(line for line in text.splitlines() if line.startswith('uf1'))
    cells = line.split()
    assert cells[1:4] == [
        f'{100 * row["a"]:.2f}', f'{100 * row["b"]:.2f}',
        f'{100 * row["difference"]:+.2f}',
    ]  # fmt: skip
    assert cells[4:7:2] == [f'{100 * end:+.2f}' for end in row['interval']]
    assert 'none of them is to be picked' in text
    assert len({len(line) for line in text.splitlines() if line[:3] in COMPARED}) == 1
