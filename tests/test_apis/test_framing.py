"""A face brought to where the training had it."""

import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.apis import Framing, get_framing
from mmaction_mer.datasets.faces.alignment import TEMPLATE, align
from mmaction_mer.datasets.faces.finder import FaceFinder


def test_by_default_the_template_fills_the_square():
    place = Framing(224).matrix(TEMPLATE * 300 + 40)
    points = (TEMPLATE * 300 + 40) @ place[:, :2].T + place[:, 2]
    assert np.abs(points - TEMPLATE * 224).max() < 1e-9
    assert get_framing('casme2') == get_framing(None) == Framing()


@pytest.mark.parametrize('seed', range(4))
def test_faces_of_synthme_stay_where_they_are(seed):
    """Cut out as the training had them, they lie as in the release's own frames."""
    frame = synthetic_clip({}, length=12, onset=2, apex=5, offset=9, seed=seed)[0]
    find = FaceFinder()
    framing = get_framing('synthme')
    face = find(frame)
    cut = align(frame, framing.matrix(face.points), framing.size)
    moved = np.abs(find(cut).points - face.points)
    assert framing.size == 112
    # Faces differ, so that each lands at the mean place of all: some pixels of 112.
    assert moved.mean() < 2.5
