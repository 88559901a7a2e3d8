"""Eulerian magnification: both forms, their gains and what they must not do."""

import numpy as np
import pytest

from mmaction_mer.motion.magnification import (
    level_gains,
    magnify,
    magnify_pyramid,
    pyramid_levels,
    to_video,
)


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (16, 57, 66, 3), dtype=np.uint8)


@pytest.mark.parametrize('keep_residual', [True, False])
@pytest.mark.parametrize('kind', ['zero-phase', 'causal', 'ideal'])
def test_fast_form_equals_pyramid_form(clip, kind, keep_residual):
    options = dict(fps=25.0, kind=kind, keep_residual=keep_residual)
    fast, pyramid = magnify(clip, **options), magnify_pyramid(clip, **options)
    assert abs(fast).max() > 100  # there is something to compare
    np.testing.assert_allclose(fast, pyramid, atol=2e-2)


def test_one_channel_clips_work(clip):
    grey = clip[..., :1]
    np.testing.assert_allclose(
        magnify(grey, 50.0), magnify_pyramid(grey, 50.0), atol=2e-2
    )


def test_alpha_zero_gives_zero_and_still_faces_give_zero(clip):
    assert (magnify(clip, 50.0, alpha=0) == 0).all()
    still = np.repeat(clip[:1], 16, axis=0)
    assert abs(magnify(still, 50.0)).max() < 1e-2
    assert abs(magnify_pyramid(still, 50.0)).max() < 1e-2


@pytest.mark.parametrize(('hertz', 'expected'), [(1.5, 20 * 3), (25.0, 0)])
def test_a_sinusoid_of_known_amplitude(hertz, expected):
    fps, length = 100.0, 800
    wave = 128 + 3 * np.sin(2 * np.pi * hertz * np.arange(length) / fps)
    clip = np.broadcast_to(wave[:, None, None, None], (length, 2, 2, 1))
    motion = magnify(clip, fps, alpha=20, order=2)[200:600, 0, 0, 0]
    amplitude = np.sqrt(2 * np.mean(motion**2))
    assert amplitude == pytest.approx(expected, abs=0.05 * 60)


def test_add_original_is_the_magnified_video(clip):
    motion = magnify(clip, 50.0, alpha=5)
    np.testing.assert_allclose(
        magnify(clip, 50.0, alpha=5, add_original=True), clip + motion
    )
    assert to_video(clip + motion).dtype == np.uint8


def test_gain_by_level_attenuates_fine_levels_only(clip):
    gains = level_gains((224, 224), 4, 20.0, 30.0)
    assert gains == sorted(gains)
    assert gains[-1] == 20.0
    assert gains[0] < 20.0
    assert level_gains((224, 224), 4, 20.0) == [20.0] * 5
    plain = magnify_pyramid(clip, 50.0)
    attenuated = magnify_pyramid(clip, 50.0, cutoff_wavelength=30.0)
    assert np.abs(attenuated).mean() < np.abs(plain).mean()
    with pytest.raises(ValueError, match='positive'):
        level_gains((224, 224), 4, 20.0, 0)


def test_dropping_the_residual_drops_slow_light(clip):
    # A whole-frame flicker lives in the residual alone.
    t = np.arange(16) / 50
    flicker = np.broadcast_to(
        100 + 10 * np.sin(2 * np.pi * 2 * t)[:, None, None, None], (16, 64, 64, 3)
    )
    assert np.abs(magnify(flicker, 50.0)).max() > 50
    assert np.abs(magnify(flicker, 50.0, keep_residual=False)).max() < 1


def test_levels_and_bad_shapes(clip):
    assert pyramid_levels((224, 224)) == 4
    assert pyramid_levels((4, 4)) == 0
    with pytest.raises(ValueError, match='four axes'):
        magnify(clip[0], 50.0)
    with pytest.raises(ValueError, match='two frames'):
        magnify(clip[:1], 50.0)


@pytest.mark.parametrize('remove_head_motion', [False, True])
@pytest.mark.parametrize('keep_residual', [False, True])
def test_a_video_is_the_rounded_sum(clip, keep_residual, remove_head_motion):
    options = dict(
        fps=25.0,
        alpha=2.0,
        keep_residual=keep_residual,
        remove_head_motion=remove_head_motion,
    )
    video = magnify(clip, as_video=True, **options)
    expected = magnify(clip, add_original=True, **options)
    assert video.dtype == np.uint8
    assert (video == 0).any() and (video == 255).any()  # it saturates
    # A half may fall to either side of its last digit.
    near_half = abs(expected % 1 - 0.5) < 1e-3
    assert (video == to_video(expected))[~near_half].all()
    assert (abs(video - to_video(expected).astype(int)) <= 1).all()
