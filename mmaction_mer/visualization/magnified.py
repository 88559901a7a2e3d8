"""Magnified motion as people like to see it."""

import cv2
import numpy as np

from ..motion.magnification import magnify, to_video
from ..motion.stabilize import stabilize
from ..motion.temporal import effective_fps, interpolation_matrix, multiply

#: Frames that are shown, at most; a faster camera's are averaged, not dropped.
FRAMES = 48
#: Deviation of the blur that keeps a camera's noise and the blocks of a compressed
#: video out of what is magnified, as a share of the face.
_BLUR = 0.009


def magnified_video(
    clip: np.ndarray,
    fps: float,
    alpha: float = 20.0,
    low: float = 0.4,
    high: float = 4.0,
    frames: int = FRAMES,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Magnify the motion of a face that is held still.

    What the models are given is magnified colour by colour and pixel by pixel. Here
    brightness alone is, and finer detail than an expression has is left as it is, so
    that one sees the face move rather than its noise. Wu et al. 2012 limit the gain
    of fine detail for the same reason.

    Args:
        clip: Frames of an aligned face ``(N, H, W, 3)`` uint8 RGB, two or more.
        fps: Their rate in Hz.
        alpha: Gain; zero shows the face as it is.
        low: Lower edge of the pass band in Hz.
        high: Upper edge in Hz.
        frames: So many are given, at most.

    Returns:
        The face held still and the same magnified, ``(T, H, W, 3)`` uint8 RGB each,
        and their rate in Hz.

    Raises:
        ValueError: Fewer than two frames, or an impossible band.
    """
    count = min(len(clip), frames)
    if count < len(clip):
        fps = effective_fps(fps, len(clip), count)
        clip = multiply(interpolation_matrix(len(clip), count, average=True), clip)
    still = stabilize(np.asarray(clip, np.float32))
    grey = still @ np.float32([0.299, 0.587, 0.114])
    sigma = _BLUR * max(still.shape[1:3])
    blurred = np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in grey])
    motion = magnify(blurred[..., None], fps, alpha, low, high)
    return to_video(still), to_video(still + motion), fps
