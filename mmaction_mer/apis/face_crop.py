"""Crop the face of a clip as in the training data of a model."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..datasets.faces.alignment import align
from ..datasets.faces.finder import Face, FaceFinder, FaceNotFoundError
from ..utils.errors import MERDataError
from .framing import Framing

#: Values of the option ``face``: detect and align faces, or take frames as they are.
FACE_MODES = ('align', 'as-is')


def crop_face(
    frames: Sequence[np.ndarray],
    framing: Framing,
    find_face: FaceFinder | None,
    name: str,
) -> tuple[np.ndarray, np.ndarray, Face | None]:
    """Crop the face of a clip by one transform for all frames.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB, two or more.
        framing: Position of the face in the square.
        find_face: Detects the face; None if the frames are cropped already.
        name: Name of the clip, for messages.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB; ``(2, 3)`` from ``(x, y, 1)`` in the frame to
        the square; and the face, None if none was looked for.

    Raises:
        MERDataError: There is only one frame.
        FaceNotFoundError: No frame shows exactly one face.
    """
    if len(frames) < 2:
        raise MERDataError(
            'has one frame, but a movement needs two or more',
            path=name,
            hint='give a video or a folder of frames, not a single image',
        )
    size = framing.size
    if find_face is None:
        height, width = frames[0].shape[:2]
        matrix = np.diag([size / width, size / height, 1.0])[:2]
        return np.stack([_resize(frame, size) for frame in frames]), matrix, None
    face = _find(frames, find_face)
    matrix = framing.matrix(face.points)
    return np.stack([align(frame, matrix, size) for frame in frames]), matrix, face


def _find(frames: Sequence[np.ndarray], find_face: FaceFinder) -> Face:
    """Find the face in the first frame; in later ones where its eyes are shut."""
    for index in (0, len(frames) // 2):
        try:
            return find_face(frames[index])
        except FaceNotFoundError:
            continue
    return find_face(frames[-1])


def _resize(frame: np.ndarray, size: int) -> np.ndarray:
    method = cv2.INTER_AREA if min(frame.shape[:2]) > size else cv2.INTER_CUBIC
    return cv2.resize(frame, (size, size), interpolation=method)
