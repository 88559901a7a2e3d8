"""Reconstructed frames, read back from the axes."""

import numpy as np
import pytest

from mmaction_mer.visualization import plot_reconstruction


def test_a_row_shows_frames_and_differences():
    rng = np.random.default_rng(0)
    first = rng.uniform(20, 200, (2, 8, 8, 3))
    last = first.copy()
    last[:, 2:4] += 12
    heat = rng.random((2, 8, 8))
    figure = plot_reconstruction(first, last, first, heat, ['a', 'b'])
    axes = figure.axes
    assert len(axes) == 12 and axes[6].get_ylabel() == 'b'
    shown = [one.images[0].get_array() for one in axes[:6]]
    np.testing.assert_array_equal(shown[0], np.rint(first[0]))
    # 12 of 24 gray levels are halfway between mid-gray and white; 0 is mid-gray.
    assert np.abs(shown[3][2:4].astype(int) - 191).max() <= 1
    assert np.abs(shown[3][4:].astype(int) - 128).max() <= 1
    np.testing.assert_array_equal(
        shown[3], shown[4]
    )  # the reconstruction is the first frame
    np.testing.assert_array_equal(shown[5], heat[0])


def test_shapes_must_match():
    one = np.zeros((1, 8, 8, 3))
    with pytest.raises(ValueError, match='must have one shape'):
        plot_reconstruction(one, one, np.zeros((1, 4, 4, 3)), np.zeros((1, 8, 8)))
