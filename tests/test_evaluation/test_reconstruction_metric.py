"""Errors averaged over pairs, relative to copying."""

import math

import pytest
from mmaction.registry import METRICS


def evaluate(*pairs):
    metric = METRICS.build(dict(type='ReconstructionMetric'))
    for error, copied in pairs:
        metric.process(None, [dict(error=error, copy_error=copied)])
    return metric.evaluate(size=len(pairs))


def test_the_ratio_is_that_of_the_means():
    assert evaluate((1.0, 2.0), (2.0, 10.0)) == {
        'ma2mi/error': 1.5,
        'ma2mi/copy_error': 6.0,
        'ma2mi/error_ratio': pytest.approx(0.25),
    }


def test_frames_that_do_not_change_have_no_ratio():
    assert math.isnan(evaluate((0.0, 0.0))['ma2mi/error_ratio'])
