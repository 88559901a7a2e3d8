"""The pointing game on known answers."""

import numpy as np
import pytest

from mmaction_mer.evaluation import movement_regions, pointing_hits


def test_a_region_is_where_a_face_moves_by_half_of_its_maximum():
    displacement = np.zeros((2, 4, 4, 2))
    displacement[0, 1, 1] = 3, 4
    displacement[0, 1, 2] = 0, 2.5
    displacement[0, 3, 3] = 0, 2.4
    regions = movement_regions(displacement)
    assert regions[0].sum() == 2 and regions[0, 1, 1] and regions[0, 1, 2]
    assert not regions[1].any()  # nothing moves
    assert movement_regions(displacement, fraction=0.4)[0, 3, 3]


def test_pointing_anywhere_hits_as_often_as_the_region_is_large():
    rng = np.random.default_rng(0)
    regions = np.zeros((4000, 6, 6), dtype=bool)
    regions[:, :2] = True
    rate = pointing_hits(rng.random(regions.shape), regions).mean()
    assert rate == pytest.approx(regions.mean(), abs=0.03)
    assert pointing_hits(regions.astype(float), regions).all()
    assert not pointing_hits(1.0 - regions, regions).any()


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r'saliency is \(1, 2, 2\), but regions'):
        pointing_hits(np.zeros((1, 2, 2)), np.zeros((1, 3, 3), dtype=bool))
