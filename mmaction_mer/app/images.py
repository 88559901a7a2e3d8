"""Pictures of a reading, as bytes that a page carries within itself."""

import base64

import cv2
import numpy as np

#: Quality of JPEG pictures, of 100.
QUALITY = 88


def film_strip(frames: np.ndarray) -> str:
    """Put frames below one another, in one picture.

    A page shows one of them at a time. So each is seen exactly as long as it should,
    any can be held, and two strips side by side never run apart, which videos do.

    Args:
        frames: ``(T, H, W, 3)`` uint8 RGB.

    Returns:
        A ``data:`` address with a JPEG of ``(T * H, W)``.
    """
    count, height, width, _ = frames.shape
    return as_address(frames.reshape(count * height, width, 3), '.jpg')


def enlarged(image: np.ndarray, side: int = 224) -> np.ndarray:
    """Bring a picture in grey levels, ``(H, W, 3)``, to ``(side, side, 3)`` uint8."""
    image = np.rint(image).clip(0, 255).astype(np.uint8)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)


def as_address(image: np.ndarray, ending: str = '.jpg') -> str:
    """Write a picture ``(H, W, 3)`` uint8 RGB as a ``data:`` address.

    Example:
        >>> as_address(np.zeros((2, 2, 3), np.uint8), '.png')[:22]
        'data:image/png;base64,'
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if ending == '.jpg' else []
    _, payload = cv2.imencode(ending, np.ascontiguousarray(image[..., ::-1]), options)
    kind = {'.jpg': 'jpeg', '.png': 'png'}[ending]
    return f'data:image/{kind};base64,{base64.b64encode(payload).decode()}'
