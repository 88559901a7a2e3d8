"""Rank pooling: the row of weights, slopes, still clips, and an exact ranker."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from mmaction_mer.datasets.synthme.actions import sample_expression
from mmaction_mer.datasets.synthme.clip import render_clip, sample_timing
from mmaction_mer.datasets.synthme.face import render_texture
from mmaction_mer.datasets.synthme.identity import sample_identity
from mmaction_mer.motion.rank_pooling import (
    MID_GREY,
    rank_pool,
    rank_pooling_weights,
    to_grey_levels,
)


@pytest.mark.parametrize('length', [2, 3, 16, 101])
def test_weights_sum_to_zero_and_follow_equation_1(length):
    weights = rank_pooling_weights(length)
    assert abs(weights.sum()) < 1e-9 * length
    harmonic = [sum(1 / i for i in range(1, t + 1)) for t in range(length + 1)]
    for t in range(1, length + 1):
        expected = 2 * (length - t + 1) - (length + 1) * (
            harmonic[length] - harmonic[t - 1]
        )
        assert weights[t - 1] == pytest.approx(expected, abs=1e-9)


def test_linear_trends_come_out_as_the_sign_of_their_slope():
    slopes = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    clip = 100 + np.arange(16)[:, None] * slopes
    image = rank_pool(clip)
    assert (np.diff(image) > 0).all()
    assert image[0] == 0
    assert image[-1] == 255
    assert image[2] == pytest.approx(MID_GREY)


def test_still_clips_become_mid_grey_never_nan():
    still = np.full((16, 4, 4, 3), 77, np.uint8)
    assert (rank_pool(still) == MID_GREY).all()
    noise = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 3))
    assert (rank_pool(np.repeat(noise, 16, axis=0)) == MID_GREY).all()


def test_one_frame_is_an_error():
    with pytest.raises(ValueError, match='two frames'):
        rank_pool(np.zeros((1, 4, 4, 3)))


def test_numpy_and_torch_agree():
    pooled = np.random.default_rng(0).normal(size=(3, 3, 5, 5)).astype(np.float32)
    pooled[1] = 4.0
    grey = to_grey_levels(pooled)
    np.testing.assert_allclose(
        to_grey_levels(torch.tensor(pooled)).numpy(), grey, rtol=1e-5, atol=1e-3
    )
    assert (grey[1] == MID_GREY).all()


def moving_faces():
    rng = np.random.default_rng(0)
    face = render_texture(sample_identity(rng))
    for label in range(3):
        timing = sample_timing(rng)
        weights = sample_expression(label, rng, 2.0)
        chosen = np.linspace(timing.onset, timing.offset, 16).round().astype(int)
        yield label, render_clip(face, weights, timing, rng, 48)[chosen].mean(axis=-1)


def test_approximation_against_an_exact_rank_svm():
    """The exact ranker separates all ordered pairs of time-averaged frames."""
    found = {}
    for label, clip in moving_faces():
        means = np.cumsum(clip, axis=0) / np.arange(1, 17)[:, None, None]
        pairs = [(i, j) for i in range(16) for j in range(i)]
        later = np.stack([(means[i] - means[j]).ravel() for i, j in pairs])
        x = np.concatenate([later, -later])
        y = np.repeat([1, -1], len(pairs))
        ranker = LinearSVC(C=1e-4, fit_intercept=False, dual=False, tol=1e-6)
        exact = ranker.fit(x, y).coef_[0]
        found[label] = float(np.corrcoef(exact, rank_pool(clip).ravel())[0, 1])
    print(f'correlation with the exact rank-SVM: {found}')
    assert min(found.values()) > 0.5
