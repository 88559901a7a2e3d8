"""From the frames of a clip to its face, where a model's training had it."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..datasets.faces.alignment import align
from ..datasets.faces.finder import Face, FaceFinder, FaceNotFoundError
from ..utils.errors import MERDataError
from .framing import Framing


def face_clip(
    frames: Sequence[np.ndarray],
    framing: Framing,
    find_face: FaceFinder | None,
    name: str,
) -> tuple[np.ndarray, np.ndarray, Face | None]:
    """Cut the face out of a clip by one transform for all frames.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB, two or more.
        framing: How the face is to lie in the square.
        find_face: Finds the face; None takes frames that are cut already as they are.
        name: For messages.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB; ``(2, 3)`` from ``(x, y, 1)`` in the frame to
        the square; and the face, None where none was looked for.

    Raises:
        MERDataError: There is but one frame.
        FaceNotFoundError: No frame shows one face.
    """
    if len(frames) < 2:
        raise MERDataError(
            f'{name}: one frame, but a movement needs two or more: give a video or a '
            f'folder of frames, not a single picture'
        )
    size = framing.size
    if find_face is None:
        height, width = frames[0].shape[:2]
        matrix = np.diag([size / width, size / height, 1.0])[:2]
        return np.stack([_fit(frame, size) for frame in frames]), matrix, None
    face = _find(frames, find_face)
    matrix = framing.matrix(face.points)
    return np.stack([align(frame, matrix, size) for frame in frames]), matrix, face


def _find(frames: Sequence[np.ndarray], find_face: FaceFinder) -> Face:
    """Find the face in the first frame, or later where eyes were shut there."""
    tried = list(dict.fromkeys((0, len(frames) // 2, len(frames) - 1)))
    for place in tried:
        try:
            return find_face(frames[place])
        except FaceNotFoundError:
            if place == tried[-1]:
                raise
    raise AssertionError('unreachable')


def _fit(frame: np.ndarray, size: int) -> np.ndarray:
    way = cv2.INTER_AREA if min(frame.shape[:2]) > size else cv2.INTER_CUBIC
    return cv2.resize(frame, (size, size), interpolation=way)
