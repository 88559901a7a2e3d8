"""Weight the attribution map of a model by where the face moves."""

import cv2
import numpy as np

from ..motion.magnification import magnify

#: Standard deviation of the blur of the motion, as a fraction of the image: a quarter
#: of a token, so that a moving edge is one location and not two.
_BLUR = 0.036


def weight_by_motion(
    attribution: np.ndarray, clip: np.ndarray, fps: float
) -> np.ndarray:
    """Weight an attribution map by the motion in the clip.

    The attribution of a ViT is as coarse as its tokens, which are as wide as an eye;
    motion has fine detail, but is independent of the class. As Selvaraju et al. 2017
    multiply their coarse maps with a fine one, the square root of the attribution is
    multiplied with the motion.

    Args:
        attribution: ``(H, W)``, 0 and up, from ``saliency_maps`` of a recognizer.
        clip: The frames that the model sees, ``(T, H, W, 3)`` uint8.
        fps: Their rate in Hz.

    Returns:
        ``(H, W)`` in 0..1; all 0 if nothing moves.
    """
    motion = magnify(clip, fps, alpha=1.0, remove_head_motion=True)
    strength = np.sqrt(np.square(motion).mean(axis=(0, 3)))
    strength = cv2.GaussianBlur(strength, (0, 0), _BLUR * max(strength.shape))
    saliency = np.sqrt(attribution.clip(0)) * strength
    return saliency / max(float(saliency.max()), 1e-12)
