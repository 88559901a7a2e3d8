"""Align a face by five points, with one similarity transform for a clip.

One transform for all frames adds no motion.
"""

import cv2
import numpy as np

from ...utils.errors import MERDataError
from .images import as_image

#: Target positions of the five points in a unit square, x right and y down: a frontal
#: face with brows and chin inside and a small margin.
TEMPLATE = np.array(
    [(0.30, 0.32), (0.70, 0.32), (0.50, 0.54), (0.34, 0.72), (0.66, 0.72)]
)
#: Minimum similarity of five points to the template (1: equal up to a similarity
#: transform). A profile has 0.7 and more, a mirrored face about 0.2.
MIN_SIMILARITY = 0.5


def align_matrix(points: np.ndarray, size: int) -> np.ndarray:
    """Compute the similarity transform of five points to the template.

    Least squares over scale, rotation and shift in closed form: with the points as
    complex numbers z and the template's as w, each less their mean, the factor
    ``sum(w conj(z)) / sum(|z|^2)`` scales and rotates. It cannot mirror.

    Args:
        points: (5, 2) x and y in pixels, in the order of :class:`Face`.
        size: Side of the square image, in pixels.

    Returns:
        (2, 3) float64, from ``(x, y, 1)`` in the frame to pixels of the square.

    Raises:
        MERDataError: There are not five points, they coincide, or they are not
            arranged as in a face.

    >>> align_matrix(TEMPLATE * 50 + 10, size=100).round(6) + 0.0
    array([[  2.,   0., -20.],
           [  0.,   2., -20.]])
    """
    points = np.asarray(points, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise MERDataError(
            f'must be finite with shape (5, 2), but is {points.tolist()}',
            field='points',
        )
    if size < 1:
        raise MERDataError(f'must be at least 1 pixel, but is {size}', field='size')
    source, target = points @ (1, 1j), TEMPLATE @ (1, 1j) * size
    z, w = source - source.mean(), target - target.mean()
    spread = np.linalg.norm(z)
    if spread <= 1e-6 * max(1.0, np.abs(points).max()):
        raise MERDataError(
            f'the five face points coincide: {points.tolist()}', field='points'
        )
    factor = (w @ z.conj()) / spread**2
    similarity = abs(factor) * spread / np.linalg.norm(w)
    if similarity < MIN_SIMILARITY:
        raise MERDataError(
            f'{points.round(1).tolist()} are not arranged as right eye, left eye, '
            'nose, right and left mouth corner of a face (similarity '
            f'{similarity:.2f} of 1)',
            field='points',
            hint='check their order',
        )
    a, b = factor, target.mean() - factor * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp a frame to the square of an alignment matrix.

    Args:
        frame: (H, W, 3) or (H, W) uint8.
        matrix: (2, 3) of :func:`align_matrix`; one for all frames of a clip.
        size: Side of the square, in pixels.

    Returns:
        (size, size, 3) uint8. Pixels outside the frame repeat its border.

    Raises:
        MERDataError: The frame is not an image, or the matrix not a similarity.
    """
    frame = as_image(frame)
    matrix = np.asarray(matrix, np.float64)
    fits = matrix.shape == (2, 3) and np.isfinite(matrix).all()
    if not fits or np.linalg.det(matrix[:, :2]) <= 0:
        raise MERDataError(
            f'must be a (2, 3) similarity, but is {matrix.tolist()}', field='matrix'
        )
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    image = frame.astype(np.float32)  # only the last step rounds
    if scale < 1:
        # Without blur, texture finer than the new pixels flickers when it moves. With a
        # factor of 0.7, one gray level of flicker is left in sharp photographs; with
        # 0.5, which keeps more detail, two.
        sigma = 0.7 * np.sqrt(1 / scale**2 - 1)
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    image = cv2.warpAffine(
        image,
        matrix,
        (size, size),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return image.round().clip(0, 255).astype(np.uint8)
