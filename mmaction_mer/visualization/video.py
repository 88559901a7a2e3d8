"""Videos that a browser plays, and the magnified beside the original."""

import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..utils.errors import MERRunError
from ..utils.files import atomic_write

#: Height in pixels of the line of labels.
LINE = 28
#: Pixels between two videos.
GAP = 4


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> Path:
    """Write an mp4 file (H.264, yuv420p), atomically.

    Args:
        path: Where to; missing parent folders are made.
        frames: ``(T, H, W, 3)`` uint8 RGB, or such frames one by one, of which only
            one is held. An odd side is made even, which the format asks for, by
            doubling its last row or column.
        fps: Frames a second, above 0.

    Returns:
        The path written.

    Raises:
        ValueError: The frames are something else, or fps is not above 0.
        MERRunError: PyAV, or its encoder, is not there; the message says what to do.

    Example:
        >>> grey = np.full((2, 5, 6, 3), 90, np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(Path(folder, 'grey.mp4'), grey, 25).name
        'grey.mp4'
    """
    if isinstance(frames, np.ndarray):
        _check(frames)
    if not fps > 0:
        raise ValueError(f'fps must be above 0, got {fps}')
    try:
        import av
    except ImportError as error:
        raise MERRunError(
            'videos are written with PyAV, which is not installed: pip install av'
        ) from error
    if 'libx264' not in av.codecs_available:
        raise MERRunError(
            'this PyAV has no H.264 encoder (libx264): install it with pip install av'
        )
    with tempfile.TemporaryDirectory() as folder:
        # The index goes to the front, for browsers to start at once; that takes a
        # second pass over a file with a name.
        whole = Path(folder, 'video.mp4')
        with av.open(str(whole), 'w', options={'movflags': 'faststart'}) as file:
            rate = Fraction(fps).limit_denominator(1000)
            stream = file.add_stream('libx264', rate=rate, options={'crf': '18'})
            stream.pix_fmt = 'yuv420p'
            shape = None
            for frame in frames:
                frame = np.asarray(frame)
                _check(frame[None])
                if shape not in (None, frame.shape):
                    raise ValueError(f'frames differ: {shape} and {frame.shape}')
                given = frame.shape
                odd = ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0))
                frame = np.ascontiguousarray(np.pad(frame, odd, mode='edge'))
                if shape is None:
                    shape = given
                    stream.height, stream.width = frame.shape[:2]
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            if shape is None:
                raise ValueError('a video has one frame or more, but there is none')
            file.mux(stream.encode())
        return atomic_write(path, whole.read_bytes())


def side_by_side(
    frames: np.ndarray,
    magnified: np.ndarray,
    labels: Sequence[str] = ('original', 'magnified'),
    side: int = 256,
) -> np.ndarray:
    """Put two videos of a clip beside each other, a label above each.

    Args:
        frames: ``(T, H, W, 3)`` uint8 RGB.
        magnified: Alike, of the same shape.
        labels: One for each; letters that do not fit are squeezed.
        side: Smaller videos are enlarged to so many pixels of height.

    Returns:
        ``(T, H', W', 3)`` uint8 RGB.

    Raises:
        ValueError: The videos are something else, or differ in shape.

    Example:
        >>> clip = np.zeros((3, 64, 64, 3), np.uint8)
        >>> side_by_side(clip, clip).shape
        (3, 284, 516, 3)
    """
    frames, magnified = np.asarray(frames), np.asarray(magnified)
    _check(frames)
    if frames.shape != magnified.shape or magnified.dtype != np.uint8:
        raise ValueError(
            f'both videos must be uint8 and of one shape, but are {frames.shape} and '
            f'{magnified.shape} of {magnified.dtype}'
        )
    height, width = frames.shape[1:3]
    scale = max(1.0, side / height)
    size = round(width * scale), round(height * scale)
    columns = []
    for video, label in zip((frames, magnified), labels, strict=True):
        large = [cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in video]
        heading = np.broadcast_to(
            _label(label, size[0]), (len(video), LINE, size[0], 3)
        )
        columns.append(np.concatenate([heading, np.stack(large)], axis=1))
    between = np.full((len(frames), size[1] + LINE, GAP, 3), 255, np.uint8)
    return np.concatenate([columns[0], between, columns[1]], axis=2)


def _label(text: str, width: int) -> np.ndarray:
    """Write a line, white on dark, as ``(LINE, width, 3)``."""
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, 1
    # The font has no other letters than these.
    text = text.encode('ascii', 'replace').decode()
    (wide, _), _ = cv2.getTextSize(text, font, 0.55, thick)
    scale = 0.55 * min(1.0, (width - 12) / max(wide, 1))
    line = np.full((LINE, width, 3), 32, np.uint8)
    return cv2.putText(
        line, text, (6, LINE - 9), font, scale, (255, 255, 255), thick, cv2.LINE_AA
    )


def _check(frames: np.ndarray) -> None:
    right = frames.ndim == 4 and frames.shape[-1] == 3 and frames.dtype == np.uint8
    if not right or not frames.size:
        raise ValueError(
            f'a video is (T, H, W, 3) uint8, but this is {frames.shape} of '
            f'{frames.dtype}'
        )
