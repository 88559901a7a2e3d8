"""Magnifying while one watches."""

import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.motion.magnification import magnify
from mmaction_mer.motion.magnified_clip import FRAMES, MagnifiedClip
from mmaction_mer.motion.registration import stabilize


@pytest.fixture(scope='module')
def clip():
    """A still picture in which one spot gets brighter and darker again, 0.6 s long."""
    rng = np.random.default_rng(0)
    picture = rng.integers(60, 190, (8, 8, 3)).repeat(8, 0).repeat(8, 1)
    course = np.sin(np.linspace(0, np.pi, 120)) ** 2
    frames = np.repeat(picture[None].astype(np.float32), 120, axis=0)
    frames[:, 40:48, 16:24] += 12 * course[:, None, None, None]
    return np.rint(frames).astype(np.uint8)


def test_a_long_clip_is_shown_in_fewer_frames_of_the_same_time(clip):
    film = MagnifiedClip.of(clip, 200.0)
    assert film.frames.shape == (FRAMES, 64, 64, 3)
    assert film.fps == pytest.approx(200 * 47 / 119)
    assert film.seconds == pytest.approx(119 / 200)
    short = MagnifiedClip.of(clip[:7], 25.0)
    assert (short.frames == clip[:7]).all() and short.fps == 25


def test_only_what_moves_is_magnified_and_the_more_the_higher_the_gain(clip):
    film = MagnifiedClip.of(clip, 200.0)

    def change(alpha):
        frames, note = film.magnified(alpha)
        assert frames.dtype == np.uint8 and note == ''
        difference = np.abs(frames.astype(int) - film.still).mean(axis=(0, 3))
        return difference[40:48, 16:24].mean(), difference[:24, 32:].mean()

    assert change(0) == (0, 0)
    there, elsewhere = change(10)
    assert there > 8 * elsewhere
    assert change(20)[0] > 1.3 * there


def test_it_is_the_motion_of_the_package_with_the_head_held_still(clip):
    film = MagnifiedClip.of(clip[:40], 100.0)
    still = stabilize(clip[:40])
    whole = magnify(still, 100.0, 8.0, 0.5, 6.0, remove_head_motion=True)
    quick = magnify(film.changes, 100.0, 8.0, 0.5, 6.0)[..., 0]
    # Where nothing but the blur and the mean of the colours comes in between.
    middle = whole.mean(axis=3)[:, 43:45, 19:21]
    assert np.corrcoef(middle.ravel(), quick[:, 43:45, 19:21].ravel())[0, 1] > 0.99


def test_another_band_shows_something_else(clip):
    film = MagnifiedClip.of(clip, 200.0)
    slow, _ = film.magnified(20, 0.4, 4)
    fast, _ = film.magnified(20, 8, 20)
    spot = np.s_[:, 40:48, 16:24]
    assert np.ptp(slow[spot].mean(axis=(1, 2, 3))) > 3 * np.ptp(
        fast[spot].mean(axis=(1, 2, 3))
    )


def test_a_band_that_the_rate_does_not_hold_is_said(clip):
    film = MagnifiedClip.of(clip[:20], 25.0)
    _, note = film.magnified(20, 0.4, 30)
    assert 'Nyquist' in note
    with pytest.raises(ValueError, match='0 < low < high'):
        film.magnified(20, 5, 4)
    with pytest.raises(ValueError, match='higher frame rate'):
        film.magnified(20, 20, 30)


def test_noise_is_magnified_less_than_pixel_by_pixel():
    rng = np.random.default_rng(0)
    face = synthetic_clip(length=20)[0].astype(float)
    noisy = face + rng.normal(size=(24, *face.shape)) * 2
    clip = noisy.round().clip(0, 255).astype(np.uint8)
    moved, _ = MagnifiedClip.of(clip, 50.0).magnified()
    plain = magnify(clip, 50.0, as_video=True)
    assert moved.std(axis=0).mean() < 0.4 * plain.std(axis=0).mean()
