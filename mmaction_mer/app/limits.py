"""Limits on the clips that visitors send."""

import time
from collections.abc import Iterator

import cv2
import numpy as np

from ..apis.frame_sources import FrameSource, SourceLimits
from ..utils.errors import MERDataError

#: Suffixes of the video files that are accepted.
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.ts')
#: Bytes of the frames of one window in memory; larger frames are reduced in size.
MAX_FRAME_BYTES = 1 << 30
#: Highest frame rate.
MAX_FPS = 1000.0
#: Seconds for reading a clip.
PATIENCE = 120.0
#: Limits on an upload.
LIMITS = SourceLimits(
    size=64 << 20, side=4096, frames=6000, seconds=20.0, patience=PATIENCE
)


class BoundedSource(FrameSource):
    """A source of limited memory and duration.

    Args:
        source: Frames of an upload.

    Raises:
        MERDataError: Its frame rate is too high.
    """

    def __init__(self, source: FrameSource) -> None:
        if source.fps > MAX_FPS:
            raise MERDataError(
                f'has {source.fps:g} frames per second; at most {MAX_FPS:g} are '
                f'accepted here',
                path=source.name,
            )
        self.source = source
        self.name, self.fps = source.name, source.fps
        self.count, self.limits = source.count, source.limits
        self.notes = source.notes

    def _frames(self) -> Iterator[np.ndarray]:
        started = time.monotonic()
        for frame in self.source.frames():
            if time.monotonic() - started > PATIENCE:
                raise MERDataError(
                    f'reading takes longer than {PATIENCE:g} seconds',
                    path=self.name,
                    hint='give a shorter or a smaller video',
                )
            yield _shrink(frame, MAX_FRAME_BYTES / (self.fps + 2))


def _shrink(frame: np.ndarray, limit: float) -> np.ndarray:
    """Reduce a frame to a number of bytes; smaller frames are returned as they are."""
    if frame.nbytes <= limit:
        return frame
    scale = (limit / frame.nbytes) ** 0.5
    height, width = frame.shape[:2]
    size = max(16, int(width * scale)), max(16, int(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
