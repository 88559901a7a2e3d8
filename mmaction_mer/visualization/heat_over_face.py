"""Overlay of a heat map on a face."""

import cv2
import numpy as np


def over_face(face: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Overlay a heat map on a face; only values above the median are visible.

    Args:
        face: RGB image of shape ``(H, W, 3)``, uint8.
        heat: Non-negative map of any size; it is resized to that of the face.

    Returns:
        The RGB image of shape ``(H, W, 3)``, uint8.
    """
    heat = cv2.resize(heat.astype(np.float32), face.shape[1::-1])
    cold = float(np.median(heat))
    hot = ((heat - cold) / max(float(heat.max()) - cold, 1e-12)).clip(0, 1)
    colors = cv2.applyColorMap(np.uint8(np.rint(hot * 255)), cv2.COLORMAP_INFERNO)
    opacity = (0.75 * hot)[..., None]
    mixed = face * (1 - opacity) + colors[..., ::-1] * opacity
    return np.rint(mixed).astype(np.uint8)
