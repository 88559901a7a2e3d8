"""Scores against scikit-learn, by hand, and on invalid input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mmaction_mer.evaluation.functional import (
    SCORES,
    absent_classes,
    confusion_by_group,
    confusion_matrix,
    f1_fold_mean,
    scores,
    scores_from_confusion,
)


@st.composite
def cases(draw):
    """Labels and predictions in which classes may be absent on either side."""
    num_classes = draw(st.integers(2, 7))
    allowed = draw(st.sets(st.integers(0, num_classes - 1), min_size=1))
    guessed = draw(st.sets(st.integers(0, num_classes - 1), min_size=1))
    pairs = st.tuples(
        st.sampled_from(sorted(allowed)), st.sampled_from(sorted(guessed))
    )
    drawn = draw(st.lists(pairs, min_size=1, max_size=60))
    return [a for a, _ in drawn], [b for _, b in drawn], num_classes


@given(cases())
@settings(deadline=None)
@pytest.mark.filterwarnings('ignore:y_pred contains classes not in y_true')
@pytest.mark.filterwarnings('ignore:A single label was found')
def test_scores_are_those_of_scikit_learn(case):
    labels, predictions, num_classes = case
    ours = scores(labels, predictions, num_classes)
    reports = metrics.precision_recall_fscore_support(
        labels, predictions, average='macro', zero_division=0
    )
    recall = metrics.balanced_accuracy_score(labels, predictions)
    means = 2 * reports[0] * recall / (reports[0] + recall) if recall else 0.0
    expected = {
        'acc': metrics.accuracy_score(labels, predictions),
        'uf1': reports[2],
        'uar': recall,
        'f1_from_macro_pr': means,
        'f1_weighted': metrics.f1_score(
            labels, predictions, average='weighted', zero_division=0
        ),
    }
    assert tuple(ours) == SCORES == tuple(expected)
    assert ours == pytest.approx(expected, abs=1e-12)


@given(cases())
@settings(deadline=None)
def test_confusion_matrix_is_that_of_scikit_learn(case):
    labels, predictions, num_classes = case
    matrix = confusion_matrix(labels, predictions, num_classes)
    expected = metrics.confusion_matrix(
        labels, predictions, labels=list(range(num_classes))
    )
    np.testing.assert_array_equal(matrix, expected)
    seen = set(labels) | set(predictions)
    assert absent_classes(matrix) == sorted(set(range(num_classes)) - seen)


@given(cases(), st.integers(1, 5), st.randoms())
@settings(deadline=None)
def test_fold_mean_is_the_mean_of_each_folds_f1(case, count, random):
    labels, predictions, num_classes = case
    folds = [f'sub{random.randrange(count):02d}' for _ in labels]
    each = []
    for fold in set(folds):
        inside = [place for place, name in enumerate(folds) if name == fold]
        each.append(
            metrics.f1_score(
                [labels[place] for place in inside],
                [predictions[place] for place in inside],
                average='macro',
                zero_division=0,
            )
        )
    value = f1_fold_mean(confusion_by_group(labels, predictions, folds, num_classes))
    assert value == pytest.approx(np.mean(each))


def test_scores_by_hand():
    # Class 0: TP 3, FN 1, FP 2; class 1: TP 1, FN 2, FP 1.
    values = scores_from_confusion([[3, 1], [2, 1]])
    assert values['acc'] == pytest.approx(4 / 7)
    assert values['uf1'] == pytest.approx((6 / 9 + 2 / 5) / 2)
    assert values['uar'] == pytest.approx((3 / 4 + 1 / 3) / 2)
    precision, recall = (3 / 5 + 1 / 2) / 2, (3 / 4 + 1 / 3) / 2
    means = 2 * precision * recall / (precision + recall)
    assert values['f1_from_macro_pr'] == pytest.approx(means)
    assert values['f1_weighted'] == pytest.approx((4 * 6 / 9 + 3 * 2 / 5) / 7)


def test_an_absent_class_does_not_change_the_scores():
    without = scores([0, 0, 1, 1], [0, 1, 1, 1], 2)
    assert scores([0, 0, 2, 2], [0, 2, 2, 2], 3) == without
    assert absent_classes(confusion_matrix([0, 0, 2, 2], [0, 2, 2, 2], 3)) == [1]


def test_a_predicted_class_without_clips_costs_uf1_but_has_no_recall():
    values = scores([0, 0, 1, 1], [0, 0, 1, 2], 3)
    assert values['uf1'] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert values['uar'] == pytest.approx((1 + 1 / 2) / 2)


def test_all_wrong_is_zero_not_nan():
    assert scores([0, 1], [1, 0], 2) == dict.fromkeys(SCORES, 0.0)


@pytest.mark.parametrize(
    ('labels', 'predictions', 'message'),
    [
        ([0, 1, 2], [0, 1, 3], 'prediction number 2 .* is 3'),
        ([0, -1, 2], [0, 1, 2], 'label number 1 .* is -1'),
        ([0, 1], [0], '2 labels, but 1 predictions'),
        ([0.0, 1.0], [0, 1], 'labels must be class indices'),
        ([[0], [1]], [0, 1], 'labels must be one list'),
    ],
)
def test_wrong_lists_are_refused(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        scores(labels, predictions, 3)


@pytest.mark.parametrize(
    ('matrix', 'message'),
    [
        ([[0, 0], [0, 0]], 'no clip'),
        ([[1, 2]], r'is \(C, C\)'),
        ([[1, -1], [0, 2]], 'from 0 up'),
        ([[0.5, 0.5], [0.0, 1.0]], 'integers'),
    ],
)
def test_wrong_matrices_are_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        scores_from_confusion(matrix)
