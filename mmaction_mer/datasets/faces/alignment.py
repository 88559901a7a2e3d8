"""Five points of a face brought to fixed places, by one transform for a clip.

The transform is one similarity, so that alignment adds no motion of its own.
"""

import cv2
import numpy as np

from ...utils.errors import MERDataError
from .images import as_picture

#: Where the five points go in a square of side 1, x right and y down: those of a
#: face seen from the front, with brows and chin inside and little around it.
TEMPLATE = np.array(
    [(0.30, 0.32), (0.70, 0.32), (0.50, 0.54), (0.34, 0.72), (0.66, 0.72)]
)
#: Five points that are less like the template (1: equal up to a similarity) are
#: refused. A face from the side has 0.7 and more, a mirrored one about 0.2.
MIN_LIKENESS = 0.5


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
    frame = as_picture(frame)
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
