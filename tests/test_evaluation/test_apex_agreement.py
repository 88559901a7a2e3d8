"""Gaussians over time beside the true apex."""

import numpy as np
import pytest

from mmaction_mer.evaluation.apex_agreement import apex_agreement


def spread(apex):
    means = np.tile([1.5, 4.5, 7.5, 10.5, 13.5], (len(apex), 1))
    return means, np.full((len(apex), 5, 16), 1 / 16)


def test_what_is_spread_is_near_any_apex_but_does_not_follow_it():
    apex = np.linspace(4, 10, 13)
    found = apex_agreement(*spread(apex), apex)
    assert found['any'] == 1
    assert found['each'] == pytest.approx(0.2, abs=0.1)
    assert found['weight'] == pytest.approx(3.25 / 16, abs=0.03)
    assert found['follows'] == 0


def test_what_follows_the_apex_is_seen_to():
    apex = np.linspace(4, 10, 13)
    frames = np.arange(16)
    weights = np.exp(-((frames - apex[:, None, None]) ** 2))
    weights /= weights.sum(2, keepdims=True)
    found = apex_agreement(apex[:, None], weights, apex)
    assert found['any'] == found['each'] == 1
    assert found['weight'] > 0.9
    assert found['follows'] == pytest.approx(1)
    away = apex_agreement(15 - apex[:, None], weights[::-1], apex)
    assert away['follows'] == pytest.approx(-1)
    assert away['each'] < 0.5


def test_shapes_must_fit():
    with pytest.raises(ValueError, match='do not fit together'):
        apex_agreement(*spread(np.zeros(3)), np.zeros(2))
