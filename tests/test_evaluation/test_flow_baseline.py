"""The classical baseline: flow of known motion, and its classifier."""

import cv2
import numpy as np
import pytest

from mmaction_mer.evaluation.flow_baseline import fit_and_predict, flow_features

SIDE = 224
# Images are warped larger and then cropped, so that motion crosses the border.
EDGE = 32
FULL = SIDE + 2 * EDGE


def texture(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(FULL, FULL)).astype(np.float32)
    layers = [cv2.GaussianBlur(noise, (0, 0), s) * s for s in (2, 5, 12)]
    # Contrast like that of a face: a standard deviation of some 30 grey levels.
    return 128 + 30 * sum(layers) / np.std(sum(layers))


def moved(image, flow):
    """Warp an image so that what was at p shows at p + flow(p), nearly."""
    y, x = np.mgrid[:FULL, :FULL].astype(np.float32)
    flow = flow.astype(np.float32)
    return cv2.remap(image, x - flow[..., 0], y - flow[..., 1], cv2.INTER_CUBIC)


def crop(image):
    return image[EDGE:-EDGE, EDGE:-EDGE].copy()


def as_frame(image):
    return np.rint(crop(image)).clip(0, 255).astype(np.uint8)


def bump(x0, y0, u, v, width=20):
    """A spot of motion at (x0, y0) of the cropped frame."""
    y, x = np.mgrid[:FULL, :FULL].astype(np.float32) - EDGE
    weight = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * width**2))
    return weight[..., None] * np.array([u, v], np.float32)


@pytest.mark.parametrize('seed', range(3))
def test_local_motion_is_found_in_place_with_its_sign_under_drift(seed):
    # 1 pixel right at (72, 72), 1 up at (152, 152), and the head drifts.
    image = texture(seed)
    flow = bump(72, 72, 1, 0) + bump(152, 152, 0, -1) + np.float32([0.4, -0.3])
    cells = flow_features(as_frame(image), as_frame(moved(image, flow)))
    cells = cells.reshape(14, 14, 2)
    right, up = cells[3:6, 3:6, 0].mean(), cells[8:11, 8:11, 1].mean()
    assert 0.4 < right < 1.1
    assert -1.1 < up < -0.4
    # The drift is gone: far from both, little moves.
    assert np.abs(cells[2:5, 9:12].mean(axis=(0, 1))).max() < 0.15
    assert np.abs(cells[9:12, 2:5].mean(axis=(0, 1))).max() < 0.15


def test_cells_follow_the_true_field_through_flicker():
    true, found = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        flow = bump(*rng.uniform(60, 164, 2), *rng.uniform(-1.5, 1.5, 2))
        image = texture(seed)
        apex = as_frame(moved(image, flow) * 1.02)
        found.append(flow_features(as_frame(image), apex))
        flow = crop(flow) - np.median(crop(flow), axis=(0, 1))
        true.append(flow.reshape(14, 16, 14, 16, 2).mean(axis=(1, 3)).reshape(-1))
    assert np.corrcoef(np.ravel(true), np.ravel(found))[0, 1] > 0.8


def test_a_still_clip_has_no_flow_and_gray_equals_rgb():
    image = as_frame(texture(1))
    # Noise of the method: below a tenth of the smallest motion, 0.3 pixels.
    np.testing.assert_allclose(flow_features(image, image), 0, atol=0.03)
    other = as_frame(moved(texture(1), bump(100, 100, 1, 1)))
    pair = [np.repeat(one[..., None], 3, axis=2) for one in (image, other)]
    rgb = flow_features(*pair)
    np.testing.assert_array_equal(rgb, flow_features(image, other))
    assert rgb.dtype == np.float32
    assert rgb.shape == (392,)
    assert flow_features(image, other, grid=7).shape == (98,)


@pytest.mark.parametrize(
    ('onset', 'apex', 'message'),
    [
        (np.zeros((64, 64), np.uint8), np.zeros((64, 60), np.uint8), 'but apex is'),
        (np.zeros((64, 64)), np.zeros((64, 64)), 'must be uint8'),
        (np.zeros((9, 64), np.uint8), np.zeros((9, 64), np.uint8), 'too small'),
    ],
)
def test_frames_that_do_not_fit_are_refused(onset, apex, message):
    with pytest.raises(ValueError, match=message):
        flow_features(onset, apex)


def study(clean=True):
    """Features and labels of 90 clips, separable if clean."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    features = rng.normal(size=(90, 30))
    if clean:
        features[np.arange(90), labels] += 4
    return features, labels


@pytest.mark.parametrize('clean', [True, False])
def test_what_can_be_learned_is_and_what_cannot_is_not(clean):
    features, labels = study(clean)
    found = fit_and_predict(features[:60], labels[:60], features[60:], 3).argmax(axis=1)
    accuracy = (found == labels[60:]).mean()
    assert accuracy > 0.85 if clean else accuracy < 0.6


def test_probabilities_follow_the_decision_and_sum_to_one():
    features, labels = study()
    probabilities = fit_and_predict(
        features[9:], labels[9:], features[:9], num_classes=4
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, :3] > 0).all()
    assert not probabilities[:, 3].any()  # a class that was not in training
    two = labels[9:] < 2
    probabilities = fit_and_predict(features[9:][two], labels[9:][two], features[:9], 3)
    known = labels[:9] < 2
    assert (probabilities.argmax(axis=1)[known] == labels[:9][known]).all()


def test_training_clips_of_one_class_give_that_class():
    probabilities = fit_and_predict([[0.0], [1.0]], [1, 1], [[5.0]], num_classes=3)
    np.testing.assert_array_equal(probabilities, [[0, 1, 0]])
