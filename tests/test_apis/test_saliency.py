"""The heat map: where it moves and speaks for the class, not either alone."""

import numpy as np

from mmaction_mer.apis.saliency import weight_by_motion


def squares(moving):
    """A flat picture with textured squares that pulse where asked for."""
    rng = np.random.default_rng(0)
    clip = np.full((16, 80, 80, 3), 120.0)
    pulse = np.sin(np.pi * np.arange(16) / 15)[:, None, None, None]
    for top, left in moving:
        texture = rng.normal(size=(10, 10, 1)) * 20
        clip[:, top : top + 10, left : left + 10] += pulse * texture
    return clip.round().astype(np.uint8)


def peak(heat):
    return np.unravel_index(heat.argmax(), heat.shape)


def test_of_two_movements_the_one_that_speaks_for_the_class():
    clip = squares([(10, 10), (60, 60)])
    evidence = np.zeros((80, 80), np.float32)
    evidence[40:, 40:] = 1  # a coarse cell
    y, x = peak(weight_by_motion(evidence, clip, 50.0))
    assert 58 <= y < 72 and 58 <= x < 72


def test_evidence_where_nothing_moves_is_cold():
    clip = squares([(10, 10)])
    evidence = np.zeros((80, 80), np.float32)
    evidence[:40, :40], evidence[40:, 40:] = 0.2, 1.0
    heat = weight_by_motion(evidence, clip, 50.0)
    y, x = peak(heat)
    assert 8 <= y < 22 and 8 <= x < 22
    assert heat.max() == 1 and heat[50:, 50:].max() < 0.2


def test_a_still_clip_has_no_heat_that_is_not_finite():
    heat = weight_by_motion(np.ones((80, 80), np.float32), squares([]), 50.0)
    assert np.isfinite(heat).all() and heat.min() >= 0
