"""Intervals over subjects: against a plain bootstrap, by hand, and on invalid input."""

import numpy as np
import pytest

from mmaction_mer.evaluation.bootstrap import class_recalls, subject_interval
from mmaction_mer.evaluation.functional import SCORES, scores


@pytest.fixture
def study():
    """Subjects who differ: some are recognized well, some badly."""
    rng = np.random.default_rng(3)
    labels, predictions, subjects = [], [], []
    for subject in range(20):
        clips, skill = rng.integers(2, 12), rng.uniform(0.3, 1)
        truth = rng.integers(0, 3, clips)
        right = rng.random(clips) < skill
        labels += truth.tolist()
        predictions += np.where(right, truth, rng.integers(0, 3, clips)).tolist()
        subjects += [f's{subject}'] * int(clips)
    return labels, predictions, subjects


def test_interval_equals_a_plain_bootstrap_over_subjects(study):
    labels, predictions, subjects = map(np.array, study)
    rng = np.random.default_rng(0)
    names, values = np.unique(subjects), []
    clips = {name: np.flatnonzero(subjects == name) for name in names}
    for _ in range(1000):
        drawn = np.concatenate([clips[name] for name in rng.choice(names, len(names))])
        values.append(scores(labels[drawn], predictions[drawn], 3)['uf1'])
    plain = np.quantile(values, [0.025, 0.975])
    # Two draws of one distribution: ends within a percent of each other.
    np.testing.assert_allclose(subject_interval(*study, 3)['uf1'], plain, atol=0.012)


def test_interval_contains_the_score_is_seeded_and_widens_with_the_level(study):
    wide = subject_interval(*study, 3, metrics=SCORES)
    narrow = subject_interval(*study, 3, metrics=SCORES, level=0.5)
    for name, value in scores(*study[:2], 3).items():
        assert wide[name][0] < narrow[name][0] < value < narrow[name][1] < wide[name][1]
    assert subject_interval(*study, 3, metrics=SCORES) == wide
    assert subject_interval(*study, 3, metrics=SCORES, seed=1) != wide


def test_interval_resamples_subjects_not_clips():
    # One person all right, one all wrong: clips alone would give about 0.5.
    labels, predictions = [0, 1] * 50, [0, 1] * 25 + [1, 0] * 25
    subjects = ['a'] * 50 + ['b'] * 50
    assert subject_interval(labels, predictions, subjects, 2)['acc'] == (0.0, 1.0)


@pytest.mark.parametrize(
    ('subjects', 'message'),
    [(['a'] * 4, 'two or more'), (['a', 'b'], '4 labels, .* 2 groups')],
)
def test_interval_refuses_what_it_cannot_do(subjects, message):
    with pytest.raises(ValueError, match=message):
        subject_interval([0, 1, 0, 1], [0, 1, 1, 0], subjects, 2)


def test_recalls_are_of_the_clips_of_a_class():
    labels, predictions = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]
    recalls, ends = class_recalls(labels, predictions, [*'aabbab'], 3)
    np.testing.assert_allclose(recalls, [0.75, 0.5, np.nan])
    # a is right in all clips, b in half of class 0 and in none of class 1.
    np.testing.assert_allclose(ends, [[0.5, 1], [0, 1], [np.nan, np.nan]])


def test_recalls_of_a_single_subject_have_no_interval():
    recalls, ends = class_recalls([0, 1], [0, 0], ['a', 'a'], 2)
    assert recalls.tolist() == [1, 0]
    assert np.isnan(ends).all()


def test_recalls_of_equal_subjects_have_an_interval_of_no_width():
    _, ends = class_recalls([0, 0] * 5, [0, 1] * 5, np.repeat(range(5), 2), 2)
    np.testing.assert_allclose(ends[0], [0.5, 0.5])
