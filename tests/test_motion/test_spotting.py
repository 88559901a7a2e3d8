"""When a face moves: found in synthetic faces of which it is known."""

import numpy as np
import pytest
from inference_toy import synthetic_clip

from mmaction_mer.motion.spotting import spot


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(('onset', 'apex', 'offset'), [(5, 15, 35), (20, 40, 55)])
def test_a_clear_movement_is_found_in_time(seed, onset, apex, offset):
    clip = synthetic_clip({'12': 3.0}, 60, onset, apex, offset, seed)
    found = spot(clip)
    assert found.apex == pytest.approx(apex, abs=5)
    assert found.onset < found.apex < found.offset
    assert 0 < found.explained_variance <= 1


def test_a_larger_movement_is_stronger():
    small, large = (
        spot(synthetic_clip({'12': size}, seed=1)).strength for size in (1.0, 4.0)
    )
    assert large > 2 * small


def test_few_frames_and_a_small_face_will_do():
    clip = synthetic_clip({'1': 3.0, '2': 3.0}, 41, 6, 20, 34)[::8]
    assert spot(clip[:, ::2, ::2]).apex == pytest.approx(20 / 8, abs=1)


def test_a_picture_that_does_not_change_has_no_movement():
    still = np.stack([synthetic_clip(length=20)[0]] * 30)
    found = spot(still)
    assert found.strength < 1e-3


def test_a_steady_drift_is_no_movement_that_comes_and_goes():
    face = synthetic_clip({'12': 3.0}, 40, 2, 20, 38, seed=2)
    there_and_back = spot(face)
    ramp = np.linspace(0, 1, 40)[:, None, None, None]
    drift = (face[0] * (1 - ramp) + face[20] * ramp).round().astype(np.uint8)
    assert spot(drift).strength < 0.4 * there_and_back.strength


@pytest.mark.parametrize('shape', [(4, 32, 32, 3), (9, 32, 32), (0, 32, 32, 3)])
def test_what_is_no_clip(shape):
    with pytest.raises(ValueError, match='T >= 5'):
        spot(np.zeros(shape, np.uint8))
