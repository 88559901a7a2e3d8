"""Temporal matrices: interpolation, the band and the filters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction_mer.motion.temporal import (
    FILTERS,
    bandpass_matrix,
    clamp_band,
    effective_fps,
    interpolation_matrix,
    multiply,
)


@given(st.integers(2, 200), st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_interpolation_rows_sum_to_one_and_keep_the_ends(frames, length):
    matrix = interpolation_matrix(frames, length)
    assert matrix.shape == (length, frames)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert matrix[0, 0] == 1
    assert matrix[-1, -1] == 1
    np.testing.assert_allclose(
        matrix @ np.arange(frames), np.linspace(0, frames - 1, length)
    )


@given(st.integers(2, 200), st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_averaging_drops_no_frame_and_keeps_time(frames, length):
    matrix = interpolation_matrix(frames, length, average=True)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    if frames <= length:
        np.testing.assert_array_equal(matrix, interpolation_matrix(frames, length))
        return
    assert (matrix.sum(axis=0) > 0).all()
    # All frames out but the ends stand for the time that interpolation gives them.
    centres = matrix @ np.arange(frames)
    np.testing.assert_allclose(
        centres[1:-1], np.linspace(0, frames - 1, length)[1:-1], atol=0.5
    )


def test_averaging_lowers_noise():
    noise = np.random.default_rng(0).standard_normal((91, 4000))
    dropped = (interpolation_matrix(91) @ noise).std()
    averaged = (interpolation_matrix(91, average=True) @ noise).std()
    assert averaged < 0.6 * dropped


@pytest.mark.parametrize('frames', [0, 1])
def test_interpolation_of_one_frame_or_none_is_an_error(frames):
    with pytest.raises(ValueError, match='at least two frames'):
        interpolation_matrix(frames, 16)


def test_effective_rate_of_a_standardised_clip():
    assert effective_fps(200, 16, 16) == 200
    assert effective_fps(200, 31, 16) == 100
    for fps in (0, -1, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='fps'):
            effective_fps(fps, 31, 16)


@pytest.mark.parametrize('kind', FILTERS)
@pytest.mark.parametrize('order', [1, 2, 5])
@pytest.mark.parametrize('fps', [9.0, 25.0, 50.0, 200.0])
@pytest.mark.parametrize('length', [4, 16, 64])
def test_rows_sum_to_zero(kind, order, fps, length):
    matrix = bandpass_matrix(length, fps, order=order, kind=kind)
    assert np.isfinite(matrix).all()
    assert abs(matrix.sum(axis=1)).max() < 1e-9


@pytest.mark.parametrize(
    ('kind', 'order'),
    [('zero-phase', 1), ('zero-phase', 2), ('causal', 2), ('ideal', 1)],
)
@pytest.mark.parametrize(('hertz', 'gain'), [(1.5, 1.0), (25.0, 0.0)])
def test_sinusoids_in_the_band_pass_and_others_do_not(kind, order, hertz, gain):
    fps, length = 100.0, 1000
    t = np.arange(length) / fps
    wave = np.sin(2 * np.pi * hertz * t)
    filtered = bandpass_matrix(length, fps, order=order, kind=kind) @ wave
    inner = slice(300, 700)  # away from the ends, where start-up plays no part
    amplitude = np.sqrt(2 * np.mean(filtered[inner] ** 2))
    assert amplitude == pytest.approx(gain, abs=0.05)


def test_zero_phase_does_not_move_the_apex_and_causal_does():
    fps, length = 100.0, 400
    t = np.arange(length) / fps
    bump = np.exp(-(((t - 2.0) / 0.15) ** 2))
    shift = {
        kind: np.argmax(bandpass_matrix(length, fps, order=3, kind=kind) @ bump) - 200
        for kind in ('zero-phase', 'causal')
    }
    assert abs(shift['zero-phase']) <= 1
    assert abs(shift['causal']) > 1


def test_ideal_filter_at_a_high_rate_returns_exactly_zero():
    assert (bandpass_matrix(16, 158.0, kind='ideal') == 0).all()


def test_matrices_are_cached_and_cannot_be_changed():
    matrix = bandpass_matrix(16, 50.0)
    assert bandpass_matrix(16, 50.0) is matrix
    with pytest.raises(ValueError, match='read-only'):
        matrix[0, 0] = 1


def test_band_above_nyquist():
    assert clamp_band(200, 0.4, 4) == ((0.4, 4), None)
    band, change = clamp_band(5.0, 0.4, 4.0)
    assert band == (0.4, pytest.approx(2.475))
    assert '5 frames per second' in change
    with pytest.raises(ValueError, match='above the Nyquist'):
        clamp_band(0.5, 0.4, 4.0)
    with pytest.raises(ValueError, match='low < high'):
        clamp_band(50, 4.0, 0.4)
    with pytest.raises(ValueError, match='fps'):
        clamp_band(float('nan'), 0.4, 4.0)


def test_unknown_filter_and_bad_order():
    with pytest.raises(ValueError, match='zero-phase'):
        bandpass_matrix(16, 50.0, kind='chebyshev')
    with pytest.raises(ValueError, match='order'):
        bandpass_matrix(16, 50.0, order=0)
    with pytest.raises(ValueError, match='two frames'):
        bandpass_matrix(1, 50.0)


@pytest.mark.parametrize('shape', [(16, 1), (5, 300, 7), (16, 70, 33, 3), (900, 300)])
def test_multiply_is_the_product_whatever_the_pieces(shape):
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, shape, dtype=np.uint8)
    matrix = rng.normal(size=(4, shape[0]))
    expected = np.tensordot(matrix, clip.astype(float), axes=1)
    product = multiply(matrix, clip)
    assert product.dtype == np.float32
    np.testing.assert_allclose(product, expected, rtol=1e-4, atol=0.05)
    video = multiply(matrix, clip, as_video=True)
    assert video.dtype == np.uint8
    assert (abs(video - np.clip(expected, 0, 255)) <= 0.55).all()
