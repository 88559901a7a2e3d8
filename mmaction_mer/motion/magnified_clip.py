"""Motion magnification of one clip for interactive display.

Everything that does not depend on the gain and the band is computed once: registration
of the head, removal of its remaining motion, and smoothing. The last two are linear
maps of single frames, so that they commute with the temporal filter; a change of gain
or band is then one small matrix product.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .head_motion import remove_head_motion_numpy
from .magnification import magnify, to_video
from .registration import stabilize
from .temporal import clamp_band, effective_fps, interpolation_matrix, multiply

#: Maximum number of frames that are shown.
FRAMES = 48
#: Standard deviation in pixels of the blur that suppresses sensor noise.
BLUR = 2.0
#: Gain and band of the paper.
ALPHA, LOW, HIGH = 20.0, 0.4, 4.0


@dataclass(frozen=True, eq=False)
class MagnifiedClip:
    """A registered clip whose motion can be magnified at once.

    Attributes:
        frames: ``(T, S, S, 3)`` uint8, T at most ``most``.
        still: The same after registration of the head.
        changes: Smoothed difference of each frame from the mean frame in grey levels,
            without head motion, ``(T, S, S, 1)`` float16. One channel: skin moves
            without a change of color, while sensor noise is colored.
        fps: Effective rate of these frames in Hz.
        seconds: Duration from the first frame to the last.
    """

    frames: np.ndarray
    still: np.ndarray
    changes: np.ndarray
    fps: float
    seconds: float

    @classmethod
    def of(
        cls,
        clip: np.ndarray,
        fps: float,
        most: int = FRAMES,
        registration: np.ndarray | None = None,
    ) -> 'MagnifiedClip':
        """Prepare an aligned face.

        Args:
            clip: ``(N, S, S, 3)`` uint8, N of two or more.
            fps: Its rate in Hz.
            most: Maximum number of frames; more are averaged in time. Defaults to 48.
            registration: See ``maps`` of
                :func:`~mmaction_mer.motion.registration.stabilize`. Defaults to None.
        """
        length = min(len(clip), most)
        frames = clip
        if len(clip) > length:
            matrix = interpolation_matrix(len(clip), length, average=True)
            frames = multiply(matrix, clip, as_video=True)
        still = stabilize(frames, registration)
        # Around the mean: the fit is defined for differences of frames.
        around = still - still.mean(axis=0, dtype=np.float32)
        changes = remove_head_motion_numpy(around, still).mean(axis=3)
        smooth = [cv2.GaussianBlur(one, (0, 0), BLUR)[..., None] for one in changes]
        return cls(
            frames,
            still,
            np.stack(smooth).astype(np.float16),
            effective_fps(fps, len(clip), length),
            (len(clip) - 1) / fps,
        )

    def magnified(
        self, alpha: float = ALPHA, low: float = LOW, high: float = HIGH
    ) -> tuple[np.ndarray, str]:
        """Magnify the motion of the face.

        Args:
            alpha: Gain, 0 or more; 0 returns the registered frames. Defaults to 20.
            low: Lower edge of the pass band in Hz. Defaults to 0.4.
            high: Upper edge of the pass band in Hz. Defaults to 4.

        Returns:
            ``(T, S, S, 3)`` uint8, and a note where the frame rate limits the band,
            else an empty string.

        Raises:
            ValueError: The band is empty or lies above the Nyquist rate.
        """
        _, note = clamp_band(self.fps, low, high)
        motion = magnify(self.changes, self.fps, alpha, low, high)
        return to_video(motion + self.still), note or ''
