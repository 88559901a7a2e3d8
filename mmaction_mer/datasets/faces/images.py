"""Prepare images for face detection."""

import cv2
import numpy as np

from ...utils.errors import MERDataError


def as_image(image: np.ndarray) -> np.ndarray:
    """Check an image, and give a gray one three channels."""
    image = np.asarray(image)
    gray = image.ndim == 2
    if (
        image.dtype != np.uint8
        or not image.size
        or not (gray or image.shape[2:] == (3,))
    ):
        raise MERDataError(
            f'an image must be (H, W, 3) or (H, W), uint8, not empty, but is '
            f'{image.shape} {image.dtype}'
        )
    return np.repeat(image[..., None], 3, axis=2) if gray else image


def equalize(image: np.ndarray) -> np.ndarray:
    """Stretch the luminance to all gray levels, then equalize it locally."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(gray, (1, 99))
    stretched = (gray - low) * (255 / max(high - low, 1.0))
    even = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    return np.dstack([even.apply(stretched.clip(0, 255).astype(np.uint8))] * 3)


def pad(image: np.ndarray, border: int) -> np.ndarray:
    """Add a border in the mean color of an image."""
    # A constant color: a mirrored border would show the eyes a second time.
    color = image.mean(axis=(0, 1)).tolist()
    return cv2.copyMakeBorder(
        image, border, border, border, border, cv2.BORDER_CONSTANT, value=color
    )


def fit(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize the longer side to ``side`` pixels; also return the scales of x and y."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return image, np.ones(2)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=method), np.divide(
        size, (width, height)
    )
