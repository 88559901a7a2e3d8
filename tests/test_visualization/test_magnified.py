"""Magnified motion for people: more of the movement, not of the noise."""

import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.motion.magnification import magnify
from mmaction_mer.visualization.magnified import FRAMES, magnified_video


def test_without_gain_the_face_is_as_it_is():
    clip = synthetic_clip(length=20)
    still, moved, fps = magnified_video(clip, 50.0, alpha=0)
    assert fps == 50
    assert np.array_equal(still, moved)


def test_a_fast_camera_is_averaged_down_and_lasts_as_long():
    clip = synthetic_clip(length=100, onset=10, apex=40, offset=80)
    still, moved, fps = magnified_video(clip, 200.0)
    assert len(still) == len(moved) == FRAMES
    assert (FRAMES - 1) / fps == pytest.approx(99 / 200)


def test_noise_is_magnified_less_than_pixel_by_pixel():
    rng = np.random.default_rng(0)
    face = synthetic_clip(length=20)[0].astype(float)
    noisy = face + rng.normal(size=(24, *face.shape)) * 2
    clip = noisy.round().clip(0, 255).astype(np.uint8)
    _, moved, _ = magnified_video(clip, 50.0, alpha=20)
    plain = magnify(clip, 50.0, alpha=20, as_video=True)
    assert moved.std(axis=0).mean() < 0.4 * plain.std(axis=0).mean()


def test_one_frame_does_not_move():
    with pytest.raises(ValueError):
        magnified_video(synthetic_clip(length=20)[:1], 25.0)
