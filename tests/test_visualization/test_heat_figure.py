"""Heat maps over faces, read back from the axes."""

import numpy as np
import pytest

from mmaction_mer.visualization import plot_heat_maps


def test_heat_is_over_the_face_and_low_values_are_transparent():
    frames = np.full((5, 8, 8, 3), 90.0)
    heat = np.zeros((5, 8, 8))
    heat[:, 2, 3] = 4
    heat[:, 5, 5] = 2
    regions = heat > 3
    names = [f'c{i}' for i in range(5)]
    figure = plot_heat_maps(frames, heat, regions, names, columns=3)
    assert len(figure.axes) == 6
    assert [axes.get_title() for axes in figure.axes] == [*names, '']
    face, hot = figure.axes[0].images
    assert (face.get_array() == 90).all()
    assert hot.get_array()[2, 3] == 1 and hot.get_array()[5, 5] == 0.5
    assert hot.get_alpha()[0, 0] == 0 and hot.get_alpha()[2, 3] > 0.5
    assert figure.axes[0].collections  # the outline of the region


def test_maps_of_zero_are_drawn():
    figure = plot_heat_maps(np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4)))
    assert len(figure.axes) == 1 and not figure.axes[0].collections


def test_shapes_must_match():
    with pytest.raises(ValueError, match='shapes of frames'):
        plot_heat_maps(np.zeros((1, 4, 4, 3)), np.zeros((1, 5, 4)))
