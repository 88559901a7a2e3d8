"""A face is placed as in the training data."""

import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.apis import Framing, get_framing
from mmaction_mer.datasets.faces.alignment import TEMPLATE, align
from mmaction_mer.datasets.faces.finder import FaceFinder


def test_by_default_the_template_fills_the_square():
    matrix = Framing(224).matrix(TEMPLATE * 300 + 40)
    points = (TEMPLATE * 300 + 40) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(points - TEMPLATE * 224).max() < 1e-9
    assert get_framing('casme2') == get_framing(None) == Framing()


@pytest.mark.parametrize('seed', range(2))
def test_faces_of_synthme_stay_in_place(seed):
    frame = synthetic_clip({}, length=12, onset=2, apex=5, offset=9, seed=seed)[0]
    find = FaceFinder()
    framing = get_framing('synthme')
    face = find(frame)
    crop = align(frame, framing.matrix(face.points), framing.size)
    assert framing.size == 112
    # Faces differ, so that each is some of the 112 pixels from the mean place.
    assert np.abs(find(crop).points - face.points).mean() < 2.5
