"""Detect the face in an image by YuNet (``cv2.FaceDetectorYN``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...utils.errors import MERDataError
from .alignment import align, align_matrix
from .images import as_image, equalize, fit, pad
from .model import find_model

#: Minimum shorter side of an image, in pixels.
MIN_SIDE = 16
#: Minimum confidence of the detector, 0..1.
MIN_SCORE = 0.6
#: Maximum longer side for detection, in pixels; larger images are downscaled.
LONG_SIDE = 640
#: Longer side of an image that is padded, and the width of its border, in pixels.
PADDED = (160, 80)
#: Minimum ratio of the area of the largest face to that of the next one.
CLEARLY_LARGER = 2.0
#: A face is detected again in views with a side of 256 pixels, in which it fills a
#: square of each of these sizes; each view is also mirrored.
VIEWS = (150, 180, 216)
VIEW_SIDE = 256
#: The order of the five points in a mirrored face.
MIRRORED = [1, 0, 2, 4, 3]


class FaceNotFoundError(MERDataError):
    """There is no face in the image, or several of similar size."""


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face, in pixels of its image.

    Attributes:
        points: (5, 2) float64, x and y of right eye, left eye, tip of the nose, right
            and left corner of the mouth; the person's right is the left of the image.
        box: (4,) float64, x, y, width, height; may extend beyond the image.
        score: Confidence of the detector, 0..1.
        how: Preprocessing of the image: ``'plain'``, ``'equalized'``, ``'padded'`` or
            ``'padded, equalized'``.
    """

    points: np.ndarray
    box: np.ndarray
    score: float
    how: str


class FaceFinder:
    """Detect the one face of an image with YuNet.

    Four versions of the image are tried: as it is; with equalized contrast (gray and
    near-infrared frames); resized and padded (frames cropped to the face, and very
    small ones), without and with equalization.

    If a face is moved, rotated or scaled a little, the points of single detections
    vary by 6 percent of the distance between the eyes. So a face is detected again in
    six views, upright, at three sizes and mirrored, and the points are their mean,
    which varies by 2 percent. The first version in which all views confirm the face is
    taken, otherwise the one with the most; a face that less than half of the views
    confirm is rejected.

    A finder is cheap to create and can be pickled; each thread needs its own.

    Args:
        model: File of the detector, see :func:`find_model`. Defaults to None.

    Raises:
        MERDataError: There is no model, or OpenCV cannot read it.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = find_model(model)
        try:
            with _no_warnings():
                self._detector = cv2.FaceDetectorYN.create(
                    str(self.model), '', (LONG_SIDE, LONG_SIDE), MIN_SCORE
                )
        except cv2.error as error:
            raise MERDataError(
                f'OpenCV cannot read this face model: {error}',
                path=self.model,
                hint='the file should have about 232 KB; a few lines of text are a Git '
                'LFS pointer to it',
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model,)

    def __call__(self, image: np.ndarray) -> Face:
        """Detect the face.

        Args:
            image: (H, W, 3) uint8 RGB, or (H, W) uint8 gray.

        Raises:
            FaceNotFoundError: There is no face, or several of similar size.
            MERDataError: This is not an image, or it is too small.
        """
        image = as_image(image)
        size = f'{image.shape[1]}x{image.shape[0]} pixels'
        if min(image.shape[:2]) < MIN_SIDE:
            raise MERDataError(
                f'an image of {size} is too small for a face: it needs at least '
                f'{MIN_SIDE} pixels on each side'
            )
        whole = (min(LONG_SIDE, max(image.shape[:2])), 0)
        best, most = None, len(VIEWS) - 1
        for how, (side, border), prepare in (
            ('plain', whole, np.asarray),
            ('equalized', whole, equalize),
            ('padded', PADDED, np.asarray),
            ('padded, equalized', PADDED, equalize),
        ):
            resized, scale = fit(image, side)
            resized = pad(prepare(resized), border)
            found = self._largest(resized)
            seen = [] if found is None else self._views(resized, found)
            if found is None or len(seen) <= most:
                continue
            # Pixel centers are half a pixel from the corners that scaling keeps.
            corner, points = (
                (place - border + 0.5) / scale - 0.5
                for place in (found[:2], np.mean(seen, axis=0))
            )
            box = np.concatenate([corner, found[2:4] / scale])
            best, most = Face(points, box, float(found[14]), how), len(seen)
            if most == 2 * len(VIEWS):
                break
        if best is None:
            raise FaceNotFoundError(
                f'no face found in an image of {size}, neither as it is nor with '
                'equalized contrast or a border'
            )
        return best

    def _detect(self, image: np.ndarray) -> np.ndarray:
        """Return the detections (N, 15): box, points, score; the largest first."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        rows = self._detector.detect(image[..., ::-1].copy())[1]  # BGR
        rows = np.empty((0, 15)) if rows is None else rows.astype(np.float64)
        return rows[np.argsort(-rows[:, 2] * rows[:, 3], kind='stable')]

    def _largest(self, image: np.ndarray) -> np.ndarray | None:
        """Return the row of the face that is clearly the largest, if there is one."""
        rows = self._detect(image)
        areas = rows[:, 2] * rows[:, 3]
        similar = int((areas * CLEARLY_LARGER > areas.max(initial=0)).sum())
        if similar > 1:
            raise FaceNotFoundError(
                f'{similar} faces of similar size in one image',
                hint='crop the frames to one face',
            )
        return rows[0] if len(rows) else None

    def _views(self, image: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
        """Detect a face again, upright and at other sizes: (5, 2) for each view."""
        seen = []
        for size in VIEWS:
            try:
                matrix = align_matrix(row[4:14].reshape(5, 2), size)
            except MERDataError:  # not arranged as a face
                return []
            matrix[:, 2] += (VIEW_SIDE - size) / 2
            back = cv2.invertAffineTransform(matrix)
            view = align(image, matrix, VIEW_SIDE)
            for mirrored, shown in ((False, view), (True, view[:, ::-1])):
                for found in self._detect(shown)[:1, 4:14]:
                    points = found.reshape(5, 2)
                    if mirrored:  # left and right are swapped
                        points = [VIEW_SIDE - 1, 0] + points[MIRRORED] * [-1, 1]
                    seen.append(points @ back[:, :2].T + back[:, 2])
        return seen


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence the warning of OpenCV 5 about its own default at each detector."""
    log = getattr(cv2.utils, 'logging', None)
    if log is None:  # OpenCV 4 does not warn
        yield
        return
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        log.setLogLevel(level)
