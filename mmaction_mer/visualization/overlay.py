"""A clip with what a model reads in it drawn in, frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from matplotlib import colormaps, font_manager
from PIL import Image, ImageDraw, ImageFont

from ..datasets.faces import align
from ..inference.reading import Reading, WindowReading
from ..inference.sources import Source
from ..motion.magnification import magnify
from ..motion.stabilize import stabilize
from .timeline_figure import COLOURS
from .video import write_video

#: Frames per second at which it is shown, at most: what is faster is slowed down.
SHOWN_FPS = 25.0
#: Height in pixels of the pictures, width of the frame's, height of what stands below.
_SIDE, _WIDE, _BELOW = 360, 480, 132
_INK, _PAPER, _FAINT = (32, 36, 42), (250, 250, 248), (205, 208, 212)
#: Of the heat; below, a face should be seen and not a colour.
_COLD, _STRENGTH = 0.35, 0.55


def write_overlay(
    path: str | Path,
    reading: Reading,
    source: Source,
    alpha: float = 20.0,
    low: float = 0.4,
    high: float = 4.0,
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
    alpha: float = 20.0,
    low: float = 0.4,
    high: float = 4.0,
) -> Iterator[np.ndarray]:
    """Draw frame by frame: the clip with box and heat, the face magnified, the scores.

    Args:
        reading: See :func:`write_overlay`, and so are the others.
        source: The clip.
        alpha: Gain.
        low: Lower edge in Hz.
        high: Upper edge in Hz.

    Yields:
        ``(492, 848, 3)`` uint8 RGB.
    """
    slowed = source.fps / min(source.fps, SHOWN_FPS)
    for number, window, frames in _segments(reading, source):
        faces = [None] * len(frames)
        if window.matrix is not None:
            large = window.matrix * (_SIDE / reading.side)
            clip = np.stack([align(frame, large, _SIDE) for frame in frames])
            faces = magnify(
                stabilize(clip), source.fps, alpha, low, high, as_video=True
            )
        below = _scores(reading, window, slowed)
        heat = reading.heat if number == reading.chosen else None
        last = number == len(reading.windows) - 1
        until = window.stop if last else reading.windows[number + 1].start
        for place in range(until - window.start):
            left = _with_face(frames[place], window, heat, reading.side)
            canvas = np.full((_SIDE + _BELOW, _WIDE + _SIDE + 8, 3), _PAPER, np.uint8)
            canvas[:_SIDE, :_WIDE] = left
            if faces[place] is not None:
                canvas[:_SIDE, _WIDE + 8 :] = faces[place]
            canvas[_SIDE:] = below
            _cursor(canvas[_SIDE:], (window.start + place) / max(1, reading.frames - 1))
            yield canvas


def _segments(
    reading: Reading, source: Source
) -> Iterator[tuple[int, WindowReading, list[np.ndarray]]]:
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


def _with_face(
    frame: np.ndarray, window: WindowReading, heat: np.ndarray | None, side: int
) -> np.ndarray:
    """A frame brought to its place, with the square of the face and the heat."""
    height, width = frame.shape[:2]
    scale = min(_WIDE / width, _SIDE / height)
    shift = ((_WIDE - width * scale) / 2, (_SIDE - height * scale) / 2)
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    border = dict(borderMode=cv2.BORDER_CONSTANT, borderValue=_PAPER)
    picture = cv2.warpAffine(
        frame, place, (_WIDE, _SIDE), flags=cv2.INTER_AREA, **border
    )
    if window.matrix is None:
        return picture
    to_frame = cv2.invertAffineTransform(window.matrix)
    to_place = place @ np.vstack([to_frame, [0, 0, 1]])
    if heat is not None:
        small = to_place.copy()
        small[:, :2] *= side / heat.shape[0]
        spread = cv2.warpAffine(heat.astype(np.float32), small, (_WIDE, _SIDE))
        weight = ((spread - _COLD) / (1 - _COLD)).clip(0, 1)[..., None] * _STRENGTH
        colours = colormaps['inferno'](spread.clip(0, 1))[..., :3] * 255
        picture = (picture * (1 - weight) + colours * weight).astype(np.uint8)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float64)
    corners = corners @ to_place[:, :2].T + to_place[:, 2]
    return cv2.polylines(
        picture.copy(),
        [np.int32(corners * 8)],
        True,
        (255, 255, 255),
        1,
        cv2.LINE_AA,
        3,
    )


def _scores(reading: Reading, window: WindowReading, slowed: float) -> np.ndarray:
    """What stands below: the bars of this window, and the whole clip's time."""
    width = _WIDE + _SIDE + 8
    image = Image.new('RGB', (width, _BELOW), _PAPER)
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
            draw.rectangle((150, top + 3, 150 + int(260 * value), top + 15), colour)
            draw.text((418, top), f'{value:.0%}', _INK, small)
        draw.text((_WIDE + 12, 8), 'face held still, motion magnified', _INK, small)
        if window.spot is not None:
            apex = (window.start + window.spot.apex) / reading.fps
            draw.text((_WIDE + 12, 28), f'apex about {apex:.2f} s', _INK, small)
    if slowed > 1.05:
        draw.text((_WIDE + 12, 48), f'shown {slowed:.1f} times slower', _INK, small)
    left, right, base = 12, width - 12, _BELOW - 14
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
