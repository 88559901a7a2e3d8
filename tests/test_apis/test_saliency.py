"""The saliency map: where the face moves and the attribution is high."""

import numpy as np

from mmaction_mer.apis.saliency import weight_by_motion


def pulsing(squares):
    """A flat clip with textured squares that pulse."""
    rng = np.random.default_rng(0)
    clip = np.full((16, 80, 80, 3), 120.0)
    pulse = np.sin(np.pi * np.arange(16) / 15)[:, None, None, None]
    for top, left in squares:
        texture = rng.normal(size=(10, 10, 1)) * 20
        clip[:, top : top + 10, left : left + 10] += pulse * texture
    return clip.round().astype(np.uint8)


def test_the_peak_is_where_both_are():
    attribution = np.zeros((80, 80), np.float32)
    attribution[:40, :40], attribution[40:, 40:] = 0.2, 1.0  # coarse, as of tokens
    both = weight_by_motion(attribution, pulsing([(10, 10), (60, 60)]), 50.0)
    y, x = np.unravel_index(both.argmax(), both.shape)
    assert 58 <= y < 72 and 58 <= x < 72 and both.max() == 1
    # A high attribution without motion is no peak.
    one = weight_by_motion(attribution, pulsing([(10, 10)]), 50.0)
    y, x = np.unravel_index(one.argmax(), one.shape)
    assert 8 <= y < 22 and 8 <= x < 22 and one[50:, 50:].max() < 0.2


def test_a_still_clip_has_a_finite_map():
    still = weight_by_motion(np.ones((80, 80), np.float32), pulsing([]), 50.0)
    assert np.isfinite(still).all() and still.min() >= 0
