"""A clip with what a model reads in it drawn in, frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from ..datasets.faces.alignment import align
from ..motion.magnified_clip import ALPHA, HIGH, LOW, MagnifiedClip
from ..visualization.heat_over_face import over_face
from ..visualization.video import write_video
from .clip_prediction import Reading, WindowPrediction
from .sources import Source
from .timeline import COLOURS

#: Frames per second at which it is shown, at most: what is faster is slowed down.
SHOWN_FPS = 25.0
#: Faces of a window that are drawn anew, at most: of a faster camera every other is.
_FACES = 120
#: Height in pixels of the pictures, width of the frame's, height of what stands below.
_SIDE, _WIDE, _BELOW, _GAP = 320, 426, 132, 8
_WIDTH = _WIDE + 2 * (_SIDE + _GAP)
_INK, _PAPER, _FAINT = (32, 36, 42), (250, 250, 248), (205, 208, 212)


def write_overlay(
    path: str | Path,
    reading: Reading,
    source: Source,
    alpha: float = ALPHA,
    low: float = LOW,
    high: float = HIGH,
) -> Path:
    """Write an mp4 of a clip with its reading drawn in.

    Args:
        path: Where to.
        reading: What was read.
        source: The clip, which is read again.
        alpha: Gain of the magnified face.
        low: Lower edge of its pass band in Hz.
        high: Upper edge in Hz.

    Returns:
        The path written.
    """
    frames = overlay_frames(reading, source, alpha, low, high)
    return write_video(path, frames, min(source.fps, SHOWN_FPS))


def overlay_frames(
    reading: Reading,
    source: Source,
    alpha: float = ALPHA,
    low: float = LOW,
    high: float = HIGH,
) -> Iterator[np.ndarray]:
    """Draw frame by frame: the clip, the face with the heat, its motion, the scores.

    Args:
        reading: See :func:`write_overlay`, and so are the others.
        source: The clip.
        alpha: Gain.
        low: Lower edge in Hz.
        high: Upper edge in Hz.

    Yields:
        ``(452, 1082, 3)`` uint8 RGB.
    """
    slowed = source.fps / min(source.fps, SHOWN_FPS)
    for number, window, frames in _segments(reading, source):
        still = moved = None
        every = -(-len(frames) // _FACES)
        if window.matrix is not None:
            large = window.matrix * (_SIDE / reading.side)
            clip = np.stack([align(frame, large, _SIDE) for frame in frames[::every]])
            film = MagnifiedClip.of(clip, source.fps / every, len(clip))
            still, (moved, _) = film.still, film.magnified(alpha, low, high)
        below = _scores(reading, window, slowed)
        heat = reading.heat if number == reading.chosen else None
        last = number == len(reading.windows) - 1
        until = window.stop if last else reading.windows[number + 1].start
        for place in range(until - window.start):
            canvas = np.full((_SIDE + _BELOW, _WIDTH, 3), _PAPER, np.uint8)
            canvas[:_SIDE, :_WIDE] = _framed(frames[place], window, reading.side)
            if still is not None:
                face = still[place // every]
                face = face if heat is None else over_face(face, heat)
                canvas[:_SIDE, _WIDE + _GAP : -_SIDE - _GAP] = face
                canvas[:_SIDE, -_SIDE:] = moved[place // every]
            canvas[_SIDE:] = below
            _cursor(canvas[_SIDE:], (window.start + place) / max(1, reading.frames - 1))
            yield canvas


def _segments(
    reading: Reading, source: Source
) -> Iterator[tuple[int, WindowPrediction, list[np.ndarray]]]:
    """Give each window with its frames, holding no more than one of them."""
    frames = source.frames()
    kept: list[np.ndarray] = []
    first = 0
    for number, window in enumerate(reading.windows):
        while first + len(kept) < window.stop:
            kept.append(next(frames))
        del kept[: window.start - first]
        first = window.start
        yield number, window, kept[: window.stop - window.start]


def _framed(frame: np.ndarray, window: WindowPrediction, side: int) -> np.ndarray:
    """A frame brought to its place, with the square of the face."""
    height, width = frame.shape[:2]
    scale = min(_WIDE / width, _SIDE / height)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (_WIDE - small[0]) // 2, (_SIDE - small[1]) // 2
    picture = np.full((_SIDE, _WIDE, 3), _PAPER, np.uint8)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture[top : top + small[1], left : left + small[0]] = cv2.resize(
        frame, small, interpolation=way
    )
    if window.matrix is None:
        return picture
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float64)
    back = cv2.invertAffineTransform(window.matrix)
    corners = (corners @ back[:, :2].T + back[:, 2]) * scale + (left, top)
    return cv2.polylines(
        picture, [np.int32(corners * 8)], True, (255, 255, 255), 1, cv2.LINE_AA, 3
    )


def _scores(reading: Reading, window: WindowPrediction, slowed: float) -> np.ndarray:
    """What stands below: the bars of this window, and the whole clip's time."""
    image = Image.new('RGB', (_WIDTH, _BELOW), _PAPER)
    draw = ImageDraw.Draw(image)
    small, plain = _font(12), _font(14)
    if window.probabilities is None:
        draw.text((12, 12), 'no face in this window', _INK, plain)
    else:
        best = int(window.mean.argmax())
        step = min(22, (_BELOW - 44) // len(reading.classes))
        for row, (name, value) in enumerate(
            zip(reading.classes, window.mean, strict=True)
        ):
            top = 8 + row * step
            colour = COLOURS[row % len(COLOURS)] if row == best else _FAINT
            draw.text((12, top), name[:18], _INK, plain if row == best else small)
            draw.rectangle((150, top + 3, 150 + int(220 * value), top + 15), colour)
            draw.text((378, top), f'{value:.0%}', _INK, small)
        middle, right = _WIDE + _GAP, _WIDTH - _SIDE
        if window is reading.window and reading.heat is not None:
            draw.text((middle, 6), f'what speaks for {reading.label}', _INK, small)
        draw.text((right, 6), 'its motion magnified', _INK, small)
        if window.spot is not None:
            apex = (window.start + window.spot.apex) / reading.fps
            draw.text((middle, 28), f'apex about {apex:.2f} s', _INK, small)
    if slowed > 1.05:
        draw.text((_WIDTH - _SIDE, 28), f'shown {slowed:.1f} x slower', _INK, small)
    left, right, base = 12, _WIDTH - 12, _BELOW - 14
    draw.line((left, base, right, base), _FAINT, 2)
    for one in reading.windows:
        if one.spot is None or one.probabilities is None:
            continue
        where = (one.start + one.spot.apex) / max(1, reading.frames - 1)
        at = left + (right - left) * where
        strongest = max(other.strength for other in reading.windows) or 1.0
        tall = 4 + 12 * one.strength / strongest
        colour = COLOURS[int(one.mean.argmax()) % len(COLOURS)]
        draw.line((at, base, at, base - tall), colour, 3)
    return np.asarray(image)


def _cursor(below: np.ndarray, share: float) -> None:
    """Mark where in time a frame is, in place."""
    at = 12 + round((below.shape[1] - 24) * share)
    below[-20:-8, at - 1 : at + 1] = _INK


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), size)
