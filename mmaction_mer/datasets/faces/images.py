"""Pictures made ready for the face finder."""

import cv2
import numpy as np

from ...utils.errors import MERDataError


def as_picture(image: np.ndarray) -> np.ndarray:
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


def equalise(image: np.ndarray) -> np.ndarray:
    """Stretch the luminance over all grey levels, then even it out locally."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, (1, 99))
    stretched = (grey - low) * (255 / max(high - low, 1.0))
    even = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    return np.dstack([even.apply(stretched.clip(0, 255).astype(np.uint8))] * 3)


def pad(image: np.ndarray, border: int) -> np.ndarray:
    """Give a picture a border of its mean colour."""
    # One colour: a mirrored border would show the eyes a second time.
    colour = image.mean(axis=(0, 1)).tolist()
    return cv2.copyMakeBorder(
        image, border, border, border, border, cv2.BORDER_CONSTANT, value=colour
    )


def fit(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Bring the longer side to ``side`` pixels; the scales of x and y come along."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return image, np.ones(2)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way), np.divide(size, (width, height))
