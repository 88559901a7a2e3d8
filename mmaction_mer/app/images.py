"""Encode images as ``data:`` addresses, which are part of the page."""

import base64

import cv2
import numpy as np

# Quality of JPEG images, of 100.
_QUALITY = 88


def film_strip(frames: np.ndarray) -> str:
    """Stack frames vertically into one image, of which the page shows one at a time.

    Unlike a video, it can be stopped at any frame, and two strips side by side are
    always in step.

    Args:
        frames: ``(T, H, W, 3)`` uint8 RGB.

    Returns:
        A ``data:`` address of a JPEG of ``(T * H, W)``.
    """
    count, height, width, _ = frames.shape
    return data_url(frames.reshape(count * height, width, 3))


def upscale(image: np.ndarray, side: int = 224) -> np.ndarray:
    """Resize an image in gray levels, ``(H, W, 3)``, to ``(side, side, 3)`` uint8."""
    image = np.rint(image).clip(0, 255).astype(np.uint8)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)


def data_url(image: np.ndarray) -> str:
    """Encode an image ``(H, W, 3)`` uint8 RGB as a ``data:`` address of a JPEG.

    Example:
        >>> data_url(np.zeros((2, 2, 3), np.uint8))[:23]
        'data:image/jpeg;base64,'
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, payload = cv2.imencode('.jpg', np.ascontiguousarray(image[..., ::-1]), options)
    return f'data:image/jpeg;base64,{base64.b64encode(payload).decode()}'
