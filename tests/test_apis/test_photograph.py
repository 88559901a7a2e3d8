"""A real photograph moved by a known warp: seen in the right place, at the right time.

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
    picture = data.astronaut()
    points = FaceFinder()(picture).points
    return raise_brows(picture, points, pixels=1.0, apex=APEX)


@pytest.fixture(scope='module')
def reading(raised, tmp_path_factory):
    path = encode(tmp_path_factory.mktemp('video') / 'brows.mkv', raised[0])
    return MERInferencer(device='cpu').predict(path, fps=200)


def in_the_square(reading, region):
    """A region of the photograph, as the aligned face shows it."""
    size = reading.clip.shape[1]
    matrix = reading.window.matrix * (size / reading.side)
    return align(region.astype(np.uint8) * 255, matrix, size)[..., 0] > 127


def test_the_apex_is_found(reading):
    assert reading.apex == pytest.approx(APEX, abs=3)


def test_the_magnified_video_moves_where_the_brows_are(reading, raised):
    region = in_the_square(reading, raised[1])
    film = MagnifiedClip.of(reading.clip, reading.fps)
    still, (moved, _) = film.still, film.magnified()
    # From rest to the apex, beyond what the camera's noise does.
    change = np.abs(moved[APEX - 2 : APEX + 3].mean(0) - moved[:3].mean(0)).mean(axis=2)
    before = np.abs(still[APEX - 2 : APEX + 3].mean(0) - still[:3].mean(0)).mean(axis=2)
    inside, outside = change[region].mean(), change[~region].mean()
    assert inside > 4 * outside
    assert inside > 4 * before[region].mean()
    # The brightest changes all lie there.
    strongest = change >= np.quantile(change, 0.99)
    assert region[strongest].mean() > 0.8


def test_the_heat_map_is_where_the_brows_are(reading, raised):
    region = in_the_square(reading, raised[1])
    y, x = np.unravel_index(reading.saliency.argmax(), reading.saliency.shape)
    assert region[y, x]
    # Pointing anywhere would hit it by chance only so often.
    assert region.mean() < 0.2
    # And in the photograph's own pixels.
    left, top = reading.saliency_peak()
    assert raised[1][round(top), round(left)]


def test_a_still_photograph_shows_nothing(raised):
    picture = data.astronaut()
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(20, *picture.shape)) * 0.7
    still = (picture + noise).round().clip(0, 255).astype(np.uint8)
    inferencer = MERInferencer(device='cpu')
    quiet = inferencer.predict(still, fps=200)
    moved = inferencer.predict(raised[0], fps=200)
    assert quiet.window.strength < 0.3 * moved.window.strength
