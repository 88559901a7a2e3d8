"""A face held still, and its motion magnified while one watches.

All that does not depend on the gain and the band is done once: the head is held still,
what is left of its motion is taken out, and the frames are smoothed. Both are linear
maps of single pictures that are the same for all frames, so that they may as well come
before the filter in time; what is left for a slider is one small matrix times the
frames.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .head_motion import remove_head_motion_numpy
from .magnification import magnify, to_video
from .registration import stabilize
from .temporal import clamp_band, effective_fps, interpolation_matrix, multiply

#: Most frames that are shown of a clip.
FRAMES = 48
#: Deviation in pixels of the blur that keeps the camera's noise from being magnified.
BLUR = 2.0
#: What the sliders are set to: the gain and the band of the paper.
ALPHA, LOW, HIGH = 20.0, 0.4, 4.0


@dataclass(frozen=True, eq=False)
class MagnifiedClip:
    """A clip as it is shown.

    Attributes:
        frames: ``(T, S, S, 3)`` uint8, T of at most ``most``.
        still: The same, with the head held still.
        changes: How the brightness of each differs from their mean, without the head's
            own motion, smoothed, ``(T, S, S, 1)`` float16 in grey levels. Skin moves
            without a change of colour, but a camera's noise is coloured.
        fps: Effective rate of these frames in Hz.
        seconds: From the first frame to the last.
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
            most: Number of frames to keep; those of a faster camera are averaged.
            registration: See ``maps`` of
                :func:`~mmaction_mer.motion.registration.stabilize`.
        """
        length = min(len(clip), most)
        frames = clip
        if len(clip) > length:
            matrix = interpolation_matrix(len(clip), length, average=True)
            frames = multiply(matrix, clip, as_video=True)
        still = stabilize(frames, registration)
        # Around their mean: what is fitted is meant for differences of frames.
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
        """Magnify the face's motion.

        Args:
            alpha: Gain, 0 and up; 0 gives the frames, with the head held still.
            low: Lower edge of the pass band in Hz.
            high: Upper edge.

        Returns:
            ``(T, S, S, 3)`` uint8, and a sentence if the frame rate holds less than
            the whole band, else nothing.

        Raises:
            ValueError: The band is empty, or the frame rate holds none of it.
        """
        _, note = clamp_band(self.fps, low, high)
        motion = magnify(self.changes, self.fps, alpha, low, high)
        return to_video(motion + self.still), note or ''
