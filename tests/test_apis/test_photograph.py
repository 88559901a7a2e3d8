"""A photograph moved by a known warp: time and location of the motion are found.

The brows are raised by one pixel of the photograph, where the face is 90 pixels wide.
"""

import numpy as np
import pytest
from inference_toy import encode, raise_brows
from skimage import data

from mmaction_mer.apis import MERInferencer
from mmaction_mer.datasets.faces.alignment import align
from mmaction_mer.datasets.faces.finder import FaceFinder
from mmaction_mer.motion import MagnifiedClip

APEX = 18


@pytest.fixture(scope='module')
def raised():
    image = data.astronaut()
    return raise_brows(image, FaceFinder()(image).points, pixels=1.0, apex=APEX)


@pytest.fixture(scope='module')
def demo():
    return MERInferencer(device='cpu')


@pytest.fixture(scope='module')
def prediction(raised, demo, tmp_path_factory):
    path = encode(tmp_path_factory.mktemp('video') / 'brows.mkv', raised[0])
    return demo.predict(path, fps=200)


@pytest.fixture(scope='module')
def region(prediction, raised):
    """The moving region of the photograph, in the aligned face."""
    size = prediction.clip.shape[1]
    matrix = prediction.window.matrix * (size / prediction.side)
    return align(raised[1].astype(np.uint8) * 255, matrix, size)[..., 0] > 127


def test_the_magnified_video_moves_where_the_brows_are(prediction, region):
    assert prediction.apex == pytest.approx(APEX, abs=3)
    registration = prediction.window.spot.registration
    shown = MagnifiedClip.of(prediction.clip, prediction.fps, registration=registration)
    still, (moved, _) = shown.still, shown.magnified()
    # From rest to the apex, averaged against the noise of the camera.
    change = np.abs(moved[APEX - 2 : APEX + 3].mean(0) - moved[:3].mean(0)).mean(axis=2)
    before = np.abs(still[APEX - 2 : APEX + 3].mean(0) - still[:3].mean(0)).mean(axis=2)
    inside, outside = change[region].mean(), change[~region].mean()
    assert inside > 4 * outside
    assert inside > 4 * before[region].mean()
    strongest = change >= np.quantile(change, 0.99)
    assert region[strongest].mean() > 0.8


def test_the_saliency_map_points_at_the_brows(prediction, region, raised):
    y, x = np.unravel_index(prediction.saliency.argmax(), prediction.saliency.shape)
    assert region[y, x]
    # Pointing at random would be right this often.
    assert region.mean() < 0.2
    left, top = prediction.saliency_peak()  # in pixels of the photograph
    assert raised[1][round(top), round(left)]


def test_a_still_photograph_has_little_motion(prediction, demo):
    image = data.astronaut()
    noise = np.random.default_rng(1).normal(size=(20, *image.shape)) * 0.7
    still = (image + noise).round().clip(0, 255).astype(np.uint8)
    strength = demo.predict(still, fps=200).window.strength
    assert strength < 0.3 * prediction.window.strength
