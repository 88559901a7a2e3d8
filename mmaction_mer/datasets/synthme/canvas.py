"""Drawing: an image in units, noise, and soft brushes."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .actions import EXTENT, MARGIN


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: tuple[float, float],
    octaves: int = 1,
    persistence: float = 0.6,
) -> np.ndarray:
    """Return smooth noise of zero mean and unit variance.

    Args:
        rng: Random number generator.
        shape: (H, W) of the result.
        cell: Size (rows, columns) in pixels of the coarsest octave's blobs.
        octaves: Number of octaves, each with blobs of half the size. Defaults to 1.
        persistence: Strength of an octave relative to the coarser one. Defaults to
            0.6.

    Returns:
        (H, W) float32.
    """
    height, width = shape
    out = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows = max(int(height / max(cell[0] / 2**octave, 1)), 2)
        columns = max(int(width / max(cell[1] / 2**octave, 1)), 2)
        coarse = rng.standard_normal((rows, columns), np.float32)
        coarse *= persistence**octave
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (out - out.mean()) / (out.std() + 1e-6)


def step(
    value: np.ndarray, edge: float | np.ndarray = 0.0, soft: float = 1.0
) -> np.ndarray:
    """Smooth step: 0 below ``edge``, 1 above, over a width of ``soft``."""
    t = np.clip((value - edge) / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


@dataclass
class Canvas:
    """An image to draw on.

    Attributes:
        rgb: (N, N, 3) float32 in 0..1.
        scale: Pixels per unit.
        rng: Random number generator of fine details: pores, hairs.
    """

    rgb: np.ndarray
    scale: int
    rng: np.random.Generator

    @classmethod
    def blank(cls, scale: int, rng: np.random.Generator) -> 'Canvas':
        """Create a black image that covers the frame and its margin."""
        side = int(EXTENT * scale)
        return cls(np.zeros((side, side, 3), np.float32), scale, rng)

    def patch(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Return the part of the image in a box in units.

        Returns:
            Slices (rows, columns) of the part, x (1, w) and y (h, 1) in units.
        """
        side = self.rgb.shape[0]
        lo = [int((v + MARGIN) * self.scale) for v in (left, top)]
        hi = [int((v + MARGIN) * self.scale) + 1 for v in (right, bottom)]
        (x0, y0), (x1, y1) = np.clip(lo, 0, side), np.clip(hi, 0, side)
        x = (np.arange(x0, x1, dtype=np.float32) + 0.5) / self.scale - MARGIN
        y = (np.arange(y0, y1, dtype=np.float32) + 0.5) / self.scale - MARGIN
        where = (slice(int(y0), int(y1)), slice(int(x0), int(x1)))
        return where, x[None, :], y[:, None]

    def whole(self) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Return :meth:`patch` of the whole image."""
        return self.patch(-MARGIN, -MARGIN, EXTENT, EXTENT)

    def paint(
        self, where: tuple[slice, slice], color: ArrayLike, alpha: np.ndarray
    ) -> None:
        """Paint ``color`` (..., 3) over a part with opacity ``alpha`` (h, w)."""
        part = self.rgb[where]
        part += alpha[..., None].astype(np.float32) * (
            np.asarray(color, np.float32) - part
        )

    def tint(
        self, where: tuple[slice, slice], factor: ArrayLike, alpha: np.ndarray
    ) -> None:
        """Multiply a part by ``factor`` (..., 3) with strength ``alpha`` (h, w)."""
        part = self.rgb[where]
        part *= 1 + alpha[..., None].astype(np.float32) * (
            np.asarray(factor, np.float32) - 1
        )

    def strokes(
        self, where: tuple[slice, slice], lines: np.ndarray, width: float
    ) -> np.ndarray:
        """Draw antialiased thin lines as an opacity.

        Args:
            where: The part that contains them.
            lines: (count, points, 2) in units.
            width: Line width in units.

        Returns:
            (h, w) float32 in 0..1.
        """
        rows, columns = where
        mask = np.zeros(
            (rows.stop - rows.start, columns.stop - columns.start), np.uint8
        )
        origin = np.array([columns.start, rows.start], np.float32)
        # 4 fractional bits: cv2 counts pixel centers as whole numbers.
        pixels = (lines + MARGIN) * self.scale - 0.5 - origin
        fixed = np.round(pixels * 16).astype(np.int32)
        thickness = max(int(round(width * self.scale)), 1)
        cv2.polylines(mask, list(fixed), False, 255, thickness, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / 255


def blob(
    x: np.ndarray, y: np.ndarray, center: tuple[float, float], sx: float, sy: float
) -> np.ndarray:
    """Return a Gaussian of peak 1; x (1, w), y (h, 1), result (h, w)."""
    return np.exp(-0.5 * ((y - center[1]) / sy) ** 2) * np.exp(
        -0.5 * ((x - center[0]) / sx) ** 2
    )
