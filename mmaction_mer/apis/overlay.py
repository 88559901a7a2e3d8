"""Draw the prediction for a clip into its frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..datasets.faces.alignment import align
from ..motion.magnified_clip import ALPHA, MagnifiedClip
from ..visualization.heat_over_face import over_face
from ..visualization.video import write_video
from .clip_prediction import ClipPrediction, WindowPrediction
from .frame_sources import FrameSource
from .timeline import COLORS

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

#: Highest frame rate of the result: faster recordings are slowed down.
MAX_FPS = 25.0
# Largest number of faces that are drawn for a window: those of a faster camera are
# subsampled.
_FACES = 120
# Height in pixels of the images, width of the frame's, height of the scores, gap.
_SIDE, _WIDE, _BELOW, _GAP = 320, 426, 132, 8
_WIDTH = _WIDE + 2 * (_SIDE + _GAP)
_INK, _PAPER, _FAINT = (32, 36, 42), (250, 250, 248), (205, 208, 212)


def write_overlay(
    path: str | Path, prediction: ClipPrediction, source: FrameSource
) -> Path:
    """Write an mp4 of a clip with its prediction drawn in.

    Args:
        path: File to write.
        prediction: Prediction for the clip.
        source: The clip, which is read again.

    Returns:
        The path.
    """
    frames = overlay_frames(prediction, source)
    return write_video(path, frames, min(source.fps, MAX_FPS))


def overlay_frames(
    prediction: ClipPrediction, source: FrameSource, alpha: float = ALPHA
) -> Iterator[np.ndarray]:
    """Draw frame by frame: the clip, the face with the saliency, its motion, scores.

    Args:
        prediction: See :func:`write_overlay`.
        source: See :func:`write_overlay`.
        alpha: Gain of the magnified face. Defaults to 20.

    Yields:
        ``(452, 1082, 3)`` uint8 RGB.
    """
    slowdown = source.fps / min(source.fps, MAX_FPS)
    last = len(prediction.windows) - 1
    for number, window, frames in _segments(prediction, source):
        step = -(-len(frames) // _FACES)
        faces = _faces(prediction, window, frames[::step], source.fps / step, alpha)
        scores = _scores(prediction, window, slowdown)
        saliency = prediction.saliency if number == prediction.chosen else None
        stop = window.stop if number == last else prediction.windows[number + 1].start
        for index in range(stop - window.start):
            canvas = np.full((_SIDE + _BELOW, _WIDTH, 3), _PAPER, np.uint8)
            canvas[:_SIDE, :_WIDE] = _framed(frames[index], window, prediction.side)
            if faces is not None:
                face, moved = (one[index // step] for one in faces)
                face = face if saliency is None else over_face(face, saliency)
                canvas[:_SIDE, _WIDE + _GAP : -_SIDE - _GAP] = face
                canvas[:_SIDE, -_SIDE:] = moved
            canvas[_SIDE:] = scores
            time = (window.start + index) / max(1, prediction.frames - 1)
            _draw_cursor(canvas[_SIDE:], time)
            yield canvas


def _faces(
    prediction: ClipPrediction,
    window: WindowPrediction,
    frames: list[np.ndarray],
    fps: float,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the stabilized face of a window, and its magnified motion."""
    if window.matrix is None:
        return None
    matrix = window.matrix * (_SIDE / prediction.side)
    clip = np.stack([align(frame, matrix, _SIDE) for frame in frames])
    registration = window.spot.registration if window.spot else None
    magnified = MagnifiedClip.of(clip, fps, len(clip), registration)
    return magnified.still, magnified.magnified(alpha)[0]


def _segments(
    prediction: ClipPrediction, source: FrameSource
) -> Iterator[tuple[int, WindowPrediction, list[np.ndarray]]]:
    """Yield each window with its frames, holding only one window in memory."""
    frames = source.frames()
    kept: list[np.ndarray] = []
    first = 0
    for number, window in enumerate(prediction.windows):
        while first + len(kept) < window.stop:
            kept.append(next(frames))
        del kept[: window.start - first]
        first = window.start
        yield number, window, kept[: window.stop - window.start]


def _framed(frame: np.ndarray, window: WindowPrediction, side: int) -> np.ndarray:
    """Resize a frame and draw the square around the face."""
    height, width = frame.shape[:2]
    scale = min(_WIDE / width, _SIDE / height)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (_WIDE - small[0]) // 2, (_SIDE - small[1]) // 2
    image = np.full((_SIDE, _WIDE, 3), _PAPER, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image[top : top + small[1], left : left + small[0]] = cv2.resize(
        frame, small, interpolation=method
    )
    if window.matrix is None:
        return image
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float64)
    inverse = cv2.invertAffineTransform(window.matrix)
    corners = (corners @ inverse[:, :2].T + inverse[:, 2]) * scale + (left, top)
    return cv2.polylines(
        image, [np.int32(corners * 8)], True, (255, 255, 255), 1, cv2.LINE_AA, 3
    )


def _scores(
    prediction: ClipPrediction, window: WindowPrediction, slowdown: float
) -> np.ndarray:
    """Draw the scores of a window as bars, and the timeline of the whole clip."""
    from PIL import Image, ImageDraw

    image = Image.new('RGB', (_WIDTH, _BELOW), _PAPER)
    draw = ImageDraw.Draw(image)
    small, plain = _font(12), _font(14)
    if window.probabilities is None:
        draw.text((12, 12), 'no face in this window', _INK, plain)
    else:
        best = int(window.mean.argmax())
        step = min(22, (_BELOW - 44) // len(prediction.classes))
        for row, (name, value) in enumerate(
            zip(prediction.classes, window.mean, strict=True)
        ):
            top = 8 + row * step
            color = COLORS[row % len(COLORS)] if row == best else _FAINT
            draw.text((12, top), name[:18], _INK, plain if row == best else small)
            draw.rectangle((150, top + 3, 150 + int(220 * value), top + 15), color)
            draw.text((378, top), f'{value:.0%}', _INK, small)
        middle, right = _WIDE + _GAP, _WIDTH - _SIDE
        if window is prediction.window and prediction.saliency is not None:
            draw.text((middle, 6), f'saliency of {prediction.label}', _INK, small)
        draw.text((right, 6), 'magnified motion', _INK, small)
        if window.spot is not None:
            apex = (window.start + window.spot.apex) / prediction.fps
            draw.text((middle, 28), f'apex about {apex:.2f} s', _INK, small)
    if slowdown > 1.05:
        draw.text((_WIDTH - _SIDE, 28), f'shown {slowdown:.1f} x slower', _INK, small)
    left, right, base = 12, _WIDTH - 12, _BELOW - 14
    draw.line((left, base, right, base), _FAINT, 2)
    strongest = max(one.strength for one in prediction.windows) or 1.0
    for one in prediction.windows:
        if one.spot is None or one.probabilities is None:
            continue
        time = (one.start + one.spot.apex) / max(1, prediction.frames - 1)
        x = left + (right - left) * time
        top = base - 4 - 12 * one.strength / strongest
        color = COLORS[int(one.mean.argmax()) % len(COLORS)]
        draw.line((x, base, x, top), color, 3)
    return np.asarray(image)


def _draw_cursor(scores: np.ndarray, time: float) -> None:
    """Mark a frame in the timeline, in place; ``time`` is in 0..1."""
    x = 12 + round((scores.shape[1] - 24) * time)
    scores[-20:-8, x - 1 : x + 1] = _INK


def _font(size: int) -> 'FreeTypeFont':
    from matplotlib import font_manager
    from PIL import ImageFont

    return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), size)
