"""How much of what somebody sends is read, and what it may cost."""

import time
from collections.abc import Iterator

import cv2
import numpy as np

from ..apis.sources import Limits, Source
from ..utils.errors import MERDataError

#: Endings of the files that are read.
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.ts')
#: Bytes of the frames that a reading may hold at once; larger ones are made smaller.
HELD = 1 << 30
#: Highest frame rate.
MOST_FPS = 1000.0
#: Seconds that reading may take.
PATIENCE = 120.0
#: What is read of an upload.
LIMITS = Limits(size=64 << 20, side=4096, frames=6000, seconds=20.0, patience=PATIENCE)


class Bounded(Source):
    """A source that asks for no more memory and time than a page has.

    Args:
        source: Frames of something that somebody sent.

    Raises:
        MERDataError: Its frame rate is higher than any camera's that is meant here.
    """

    def __init__(self, source: Source) -> None:
        if source.fps > MOST_FPS:
            raise MERDataError(
                f'{source.name}: {source.fps:g} frames a second; up to '
                f'{MOST_FPS:g} are read here'
            )
        self.source = source
        self.name, self.fps = source.name, source.fps
        self.count, self.limits = source.count, source.limits
        self.notes = source.notes

    def _frames(self) -> Iterator[np.ndarray]:
        begun = time.monotonic()
        for frame in self.source.frames():
            if time.monotonic() - begun > PATIENCE:
                raise MERDataError(
                    f'{self.name}: reading takes longer than {PATIENCE:g} seconds; '
                    f'give a shorter or a smaller video'
                )
            yield _smaller(frame, HELD / (self.fps + 2))


def _smaller(frame: np.ndarray, most: float) -> np.ndarray:
    """Shrink a frame to so many bytes; one that has fewer stays as it is."""
    if frame.nbytes <= most:
        return frame
    scale = (most / frame.nbytes) ** 0.5
    height, width = frame.shape[:2]
    size = max(16, int(width * scale)), max(16, int(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
