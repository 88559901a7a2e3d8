"""The paired comparison: against values that are computed in another way here."""

import copy
import json
from math import comb

import numpy as np
import pytest
from toy_predictions import LABEL, columns, toy_predictions

from mmaction_mer.evaluation.functional import scores
from mmaction_mer.evaluation.paired import (
    COMPARED,
    bootstrap_p,
    compare_runs,
    format_comparison,
    mcnemar,
)
from mmaction_mer.utils.errors import MERDataError


def run(seed, share=0.7, subjects=6):
    return toy_predictions(seed, share, subjects)


@pytest.fixture
def sides():
    return {0: run(0), 1: run(1)}, {0: run(10, 0.9), 2: run(12, 0.9), 1: run(11, 0.9)}


def means(side, draw=(1,) * 6):
    """Scores of a side by plain repetition of lines, averaged over its seeds."""
    found = [
        scores(*columns(
            [one for one in lines for _ in range(draw[int(one['subject'][1:])])]
        ), 3)
        for lines in side.values()
    ]  # fmt: skip
    return np.array([np.mean([one[name] for one in found]) for name in COMPARED])


def test_differences_are_of_the_means_over_seeds(sides):
    found = compare_runs(*sides, 3)
    for row, a, b in zip(found['scores'].values(), *map(means, sides), strict=True):
        assert [row['a'], row['b'], row['difference']] == pytest.approx([a, b, b - a])
    assert found['seeds'] == {'a': [0, 1], 'b': [0, 1, 2]}
    assert (found['clips'], found['subjects']) == (30, 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_interval_resamples_the_same_subjects_on_both_sides(sides):
    found = compare_runs(*sides, 3, resamples=120)['scores']
    drawn = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=120)
    differences = [means(sides[1], draw) - means(sides[0], draw) for draw in drawn]
    for name, values in zip(COMPARED, np.transpose(differences), strict=True):
        row = found[name]
        assert row['interval'] == pytest.approx(np.percentile(values, [2.5, 97.5]))
        below, above = np.sum(values <= 1e-12), np.sum(values >= -1e-12)
        assert row['share_not_above'] == pytest.approx(below / 120)
        assert row['p'] == pytest.approx(min(1, 2 * (min(below, above) + 1) / 121))


def test_pairing_shows_more_than_two_intervals():
    """The same mistakes but one fewer in every subject: the difference is certain."""
    worse = run(0, 0.4)
    better = copy.deepcopy(worse)
    fixed = {
        one['subject']: one for one in better if one['prediction'] != one['label']
    }  # fmt: skip
    assert len(fixed) == 6
    for one in fixed.values():
        one['prediction'] = one['label']
    row = compare_runs({0: worse}, {0: better}, 3)['scores']['acc']
    assert row['difference'] == pytest.approx(0.2)
    assert row['interval'] == pytest.approx([0.2, 0.2])
    assert row['share_not_above'] == 0
    assert row['p'] == pytest.approx(2 / 2001)


def test_swapping_the_sides_swaps_the_signs(sides):
    one, other = compare_runs(*sides, 3), compare_runs(*sides[::-1], 3)
    for name in COMPARED:
        first, second = one['scores'][name], other['scores'][name]
        assert first['difference'] == -second['difference']
        low, high = second['interval']
        assert first['interval'] == pytest.approx([-high, -low])
        assert first['p'] == second['p']
    assert one['mcnemar'][0]['only_a'] == other['mcnemar'][0]['only_b']


def test_a_run_against_itself_has_no_difference(sides):
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
    rows = compare_runs(*sides, 3)['mcnemar']
    assert [(row['seed_a'], row['seed_b']) for row in rows] == [(0, 0), (1, 1)]
    for row in rows:
        right = [
            [one['prediction'] == one['label'] for one in side[row['seed_a']]]
            for side in sides
        ]
        wanted = mcnemar(*map(np.array, right))
        assert {name: row[name] for name in wanted} == wanted
        assert sum(wanted.values()) - wanted['p'] == pytest.approx(30)
    # Seeds that are not shared are paired in order.
    a, b = sides
    (row,) = compare_runs({5: a[0], 4: a[1]}, {2: b[2]}, 3)['mcnemar']
    assert (row['seed_a'], row['seed_b']) == (4, 2)


def test_the_two_sided_p_is_never_zero_and_never_above_one():
    assert bootstrap_p(np.full(999, -0.1)) == pytest.approx(0.002)
    assert bootstrap_p(np.array([-1.0, 1.0])) == 1.0
    assert bootstrap_p(np.array([-1.0] * 10 + [1.0] * 90)) == pytest.approx(22 / 101)


def test_a_single_subject_has_no_interval():
    found = compare_runs({0: run(0, subjects=1)}, {0: run(1, subjects=1)}, 3)
    row = found['scores']['acc']
    assert row['interval'] is row['p'] is row['share_not_above'] is None
    assert row['sign_flip_p'] is None
    assert 'none: a single subject' in format_comparison(found)


def test_both_sides_must_have_the_same_clips_and_labels(sides):
    a, b = sides
    with pytest.raises(MERDataError, match=r'5 only in A \(seed 0\): samm/s5/c0'):
        compare_runs(a, {0: b[0][:-5]}, 3)
    lines = copy.deepcopy(b[0])
    lines[3]['label'] = (lines[3]['label'] + 1) % 3
    with pytest.raises(MERDataError, match=r'B \(seed 0\) have .* labels .*s0/c3'):
        compare_runs(a, {0: lines}, 3)
    with pytest.raises(MERDataError, match='predicted twice') as error:
        compare_runs(a, {0: b[0] + b[0][:1]}, 3)
    assert (error.value.path, error.value.clip) == ('B (seed 0)', 'samm/s0/c0')


def test_an_unknown_selection_is_refused(sides):
    with pytest.raises(ValueError, match='best'):
        compare_runs(*sides, 3, selections=('last', 'best'))


@pytest.mark.parametrize(
    ('selections', 'labeled'),
    [(('test', 'last'), 'A'), (('test', 'test'), 'A and B'), (('last', 'inner'), '')],
)
def test_every_score_with_a_side_from_the_test_subject_is_labeled(
    sides, selections, labeled
):
    found = compare_runs(*sides, 3, selections=selections)
    text = format_comparison(found)
    if not labeled:
        assert 'note' not in json.dumps(found) and LABEL not in text
        return
    note = f'{labeled} {LABEL}'
    blocks = [found, *found['scores'].values(), *found['mcnemar']]
    assert {block['note'] for block in blocks} == {note}
    rows = [line for line in text.splitlines() if line[:3] in (*COMPARED, '0, ', '1, ')]
    assert len(rows) == 5 and all(line.endswith(note) for line in rows)


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
    assert 'do not pick one of them' in text
    assert len({len(line) for line in text.splitlines() if line[:3] in COMPARED}) == 1
