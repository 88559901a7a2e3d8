"""A heat map laid over a face."""

import cv2
import numpy as np


def over_face(face: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay the hotter half of a heat map over a face, the more opaque the hotter.

    Args:
        face: ``(H, W, 3)`` uint8 RGB.
        heat: Of any size, 0 and up.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    heat = cv2.resize(heat.astype(np.float32), face.shape[1::-1])
    cold = float(np.median(heat))
    hot = ((heat - cold) / max(float(heat.max()) - cold, 1e-12)).clip(0, 1)
    colours = cv2.applyColorMap(np.uint8(np.rint(hot * 255)), cv2.COLORMAP_INFERNO)
    share = (0.75 * hot)[..., None]
    mixed = face * (1 - share) + colours[..., ::-1] * share
    return np.rint(mixed).astype(np.uint8)
