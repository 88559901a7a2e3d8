"""Faces found in a picture, by YuNet (``cv2.FaceDetectorYN``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...utils.errors import MERDataError
from .alignment import align, align_matrix
from .images import as_picture, equalise, fit, pad
from .model import find_model

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


class FaceNotFoundError(MERDataError):
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
            FaceNotFoundError: No face is seen, or two of like size.
            MERDataError: This is no picture.
        """
        image = as_picture(image)
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
            ('equalised', whole, equalise),
            ('padded', PADDED, np.asarray),
            ('padded, equalised', PADDED, equalise),
        ):
            picture, scale = fit(image, side)
            picture = pad(prepare(picture), border)
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
            raise FaceNotFoundError(
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
            raise FaceNotFoundError(
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
