"""Head motion goes, the face's own motion stays."""

import cv2
import numpy as np
import pytest
import torch

from mmaction_mer.motion import (
    magnify,
    rank_pool,
    remove_head_motion,
    remove_head_motion_numpy,
)


def textured(size=96, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0, 255, (size, size, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 3.0) * 3 - 255


def warp(image, dx=0.0, dy=0.0, degrees=0.0, scale=1.0):
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += dx, dy
    return cv2.warpAffine(
        image,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )


def tensors(*images):
    return [torch.from_numpy(np.moveaxis(image, -1, 0))[None] for image in images]


@pytest.mark.parametrize(
    'moved',
    [
        dict(dx=0.4),
        dict(dy=-0.3),
        dict(degrees=0.3),
        dict(scale=1.004),
        dict(dx=0.2, dy=0.2, degrees=-0.2, scale=0.997),
    ],
)
def test_a_head_that_moves_as_a_whole_is_removed(moved):
    image = textured()
    change = warp(image, **moved) - image
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    change_t, frame = tensors(change, image)
    left = remove_head_motion(change_t[:, None], frame)[:, 0]
    assert left[inner].norm() < 0.2 * change_t[inner].norm()


def test_a_round_head_that_turns_is_removed():
    image = textured()
    y, x = (np.mgrid[:96, :96].astype(np.float32) - 47.5) / 47.5
    depth = 1.2 - 0.6 * x**2 - 0.4 * y**2 + 0.2 * x * y
    rows, columns = np.mgrid[:96, :96].astype(np.float32)
    turned = cv2.remap(
        image, columns + 0.4 * depth, rows - 0.2 * depth, cv2.INTER_CUBIC
    )
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    change, frame = tensors(turned - image, image)
    left = remove_head_motion(change[:, None], frame)[:, 0]
    assert left[inner].norm() < 0.2 * change[inner].norm()


def test_light_is_removed():
    image = textured()
    change_t, frame = tensors(0.05 * image + 4, image)
    left = remove_head_motion(change_t[:, None], frame)
    assert left.abs().max() < 1e-2


def test_a_local_movement_stays():
    image = textured()
    y, x = np.mgrid[:96, :96].astype(np.float32)
    bump = np.exp(-((x - 30) ** 2 + (y - 40) ** 2) / (2 * 6.0**2)).astype(np.float32)
    change = cv2.remap(image, x, y + 0.5 * bump, cv2.INTER_CUBIC) - image
    head = warp(image, dx=0.5, dy=0.3) - image
    change_t, both, frame = tensors(change, change + head, image)
    left = remove_head_motion(both[:, None], frame)[0, 0]
    region = torch.from_numpy(bump > 0.3).expand(3, -1, -1)
    kept = (
        torch.sum(left[region] * change_t[0][region])
        / change_t[0][region].square().sum()
    )
    assert kept == pytest.approx(1, abs=0.25)
    # The movement now stands out against the rest of the head, as it did not before.
    rest = ~region
    rest[:, :8], rest[:, -8:], rest[..., :8], rest[..., -8:] = (
        False,
        False,
        False,
        False,
    )
    before = both[0][region].std() / both[0][rest].std()
    after = left[region].std() / left[rest].std()
    assert after > 3 * before


def test_flat_pictures_do_not_fail():
    frame = torch.full((1, 3, 16, 16), 50.0)
    changes = torch.randn(1, 2, 3, 16, 16)
    assert torch.isfinite(remove_head_motion(changes, frame)).all()


def test_functions_take_it_as_an_option():
    image = textured(64)
    clip = np.stack([warp(image, dx=0.05 * t) for t in range(16)])
    plain = magnify(clip, 50.0)
    without = magnify(clip, 50.0, remove_head_motion=True)
    np.testing.assert_array_equal(without, remove_head_motion_numpy(plain, clip))
    assert np.abs(without - plain).max() > 1
    assert np.abs(rank_pool(clip, remove_head_motion=True) - rank_pool(clip)).max() > 1
