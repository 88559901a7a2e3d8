"""An overlay colors the values above the median and keeps the rest of the face."""

import numpy as np

from mmaction_mer.visualization.heat_over_face import over_face


def test_only_high_values_are_colored():
    face = np.full((32, 32, 3), 100, np.uint8)
    heat = np.full((32, 32), 0.1)
    heat[4:8, 20:26] = 0.7
    changed = (over_face(face, heat) != face).any(axis=2)
    assert changed[4:8, 20:26].all()
    assert changed.sum() == 4 * 6


def test_a_map_of_zeros_keeps_the_face():
    face = np.full((8, 8, 3), 100, np.uint8)
    assert (over_face(face, np.zeros((8, 8))) == face).all()


def test_a_coarse_map_is_resized_to_the_face():
    face = np.full((64, 64, 3), 120, np.uint8)
    heat = np.zeros((16, 16))
    heat[4, 12] = 1
    shown = over_face(face, heat)
    assert (shown[40:, :30] == 120).all()
    assert np.abs(shown[18, 50].astype(int) - 120).max() > 40
