"""Where in a face the model finds its class: what moves there, and speaks for it."""

import cv2
import numpy as np

from ..motion.magnification import magnify

#: Deviation of the blur of the movement, as a share of the picture: a quarter of a
#: token, so that an edge that moves is one place and not two.
_BLUR = 0.036


def moving_evidence(evidence: np.ndarray, clip: np.ndarray, fps: float) -> np.ndarray:
    """Sharpen what a model says by where the face moves.

    A ViT's evidence is as coarse as its tokens, which are an eye wide; movement is
    sharp, but says nothing of the class. As Selvaraju et al. 2017 guide their coarse
    maps by a fine one, the root of the evidence is multiplied with the movement.

    Args:
        evidence: ``(H, W)``, 0 and up, from a recognizer's ``locate``.
        clip: The frames that the model sees ``(T, H, W, 3)`` uint8.
        fps: Their rate in Hz.

    Returns:
        ``(H, W)`` in 0..1; all 0 where nothing moves.
    """
    motion = magnify(clip, fps, alpha=1.0, remove_head_motion=True)
    strength = np.sqrt(np.square(motion).mean(axis=(0, 3)))
    strength = cv2.GaussianBlur(strength, (0, 0), _BLUR * max(strength.shape))
    heat = np.sqrt(evidence.clip(0)) * strength
    return heat / max(float(heat.max()), 1e-12)
