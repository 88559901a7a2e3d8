"""Held still: heads come back to where they were, expressions stay."""

import cv2
import numpy as np
import pytest

from mmaction_mer.datasets import StabilizeHead
from mmaction_mer.motion import stabilize


@pytest.fixture(scope='module')
def texture():
    noise = np.random.default_rng(0).uniform(0, 255, (160, 160, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4.0)
    return np.clip(128 + (smooth - smooth.mean()) * 5, 0, 255)


def view(texture, dx=0.0, dy=0.0, degrees=0.0, scale=1.0, bump=0.0):
    """112 pixels of the texture: no border is invented."""
    matrix = cv2.getRotationMatrix2D((80, 80), degrees, scale)
    matrix[:, 2] += dx, dy
    y, x = np.mgrid[:160, :160].astype(np.float32)
    y = y + bump * np.exp(-((x - 60) ** 2 + (y - 70) ** 2) / (2 * 7.0**2))
    image = cv2.remap(texture, x, y.astype(np.float32), cv2.INTER_CUBIC)
    image = cv2.warpAffine(image, matrix, (160, 160), flags=cv2.INTER_CUBIC)
    return np.clip(np.rint(image[24:136, 24:136]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    'moved',
    [
        dict(dx=2.0),
        dict(dy=-1.5),
        dict(degrees=1.0),
        dict(scale=1.015),
        dict(dx=1.0, dy=1.0, degrees=-0.7, scale=0.99),
    ],
)
def test_the_head_comes_back(texture, moved):
    still, gone = view(texture), view(texture, **moved)
    inner = (slice(8, -8), slice(8, -8))
    out = stabilize(np.stack([still, gone]))
    assert out.dtype == np.uint8
    assert np.abs(out[0][inner].astype(float) - still[inner]).mean() < 1
    before = np.abs(gone[inner].astype(float) - still[inner]).mean()
    after = np.abs(out[1][inner].astype(float) - out[0][inner]).mean()
    assert after < 0.2 * before


def test_an_expression_stays_when_the_head_is_held(texture):
    still = view(texture)
    expression = view(texture, bump=2.0).astype(float) - still
    both = view(texture, dx=1.5, dy=-1.0, bump=2.0)
    held = stabilize(np.stack([still, both])).astype(float)
    left = held[1] - held[0]
    inner = (slice(8, -8), slice(8, -8))
    match = np.corrcoef(left[inner].ravel(), expression[inner].ravel())[0, 1]
    raw = np.corrcoef(
        (both[inner].astype(float) - still[inner]).ravel(), expression[inner].ravel()
    )[0, 1]
    assert match > raw + 0.3


def test_interpolation_leaves_no_edges():
    """A sharp picture that only drifts is nearly nothing once it is held."""
    noise = np.random.default_rng(0).uniform(0, 255, (900, 900)).astype(np.float32)
    scene = np.where(cv2.GaussianBlur(noise, (0, 0), 25) > 127.5, 200.0, 60.0)
    frames = []
    for shift in (0, 3, 5):
        camera = scene[50 + shift : 722 + shift, 50:722].astype(np.float32)
        frames.append(cv2.resize(camera, (112, 112), interpolation=cv2.INTER_AREA))
    clip = np.stack(frames)[..., None].repeat(3, axis=3).round().astype(np.uint8)
    inner = (slice(8, -8), slice(8, -8))
    held = stabilize(clip)
    moved = np.abs(clip[2][inner].astype(float) - clip[0][inner]).mean()
    left = np.abs(held[2][inner].astype(float) - held[0][inner]).mean()
    assert left < 0.1 * moved


def test_transform_and_bad_shapes(texture):
    clip = [view(texture, dx=0.1 * t) for t in range(4)]
    out = StabilizeHead()(dict(imgs=list(clip), clip_len=4))
    np.testing.assert_array_equal(np.stack(out['imgs']), stabilize(np.stack(clip)))
    with pytest.raises(ValueError, match='four axes'):
        stabilize(clip[0])
    with pytest.raises(ValueError, match='cannot be registered'):
        stabilize(np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match='uint8, float32 or float64'):
        stabilize(np.zeros((2, 32, 32, 3), np.float16))
