"""Recall of each class and its interval over subjects."""

import numpy as np

from mmaction_mer.evaluation.class_recalls import class_recalls


def test_recalls_are_of_the_clips_of_a_class():
    labels, said = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]
    people = ['a', 'a', 'b', 'b', 'a', 'b']
    recalls, ends = class_recalls(labels, said, people, 3)
    np.testing.assert_allclose(recalls, [0.75, 0.5, np.nan])
    # a is right in all clips, b in half of class 0 and in none of class 1.
    np.testing.assert_allclose(ends[:2], [[0.5, 1], [0, 1]])
    assert np.isnan(ends[2]).all()
    again = class_recalls(labels, said, people, 3)[1]
    np.testing.assert_array_equal(ends, again)


def test_a_single_subject_has_no_interval():
    recalls, ends = class_recalls([0, 1], [0, 0], ['a', 'a'], 2)
    assert recalls.tolist() == [1, 0]
    assert np.isnan(ends).all()


def test_people_who_are_alike_leave_nothing_to_vary():
    _, ends = class_recalls([0, 0] * 5, [0, 1] * 5, np.repeat(range(5), 2), 2)
    np.testing.assert_allclose(ends[0], [0.5, 0.5])
