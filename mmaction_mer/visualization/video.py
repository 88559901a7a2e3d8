"""Writing of videos, and videos of two clips side by side."""

import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..utils.errors import MERRunError
from ..utils.files import atomic_write

#: Height in pixels of the label above a video.
LINE = 28
#: Width in pixels of the gap between two videos.
GAP = 4


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> Path:
    """Write an mp4 file (H.264, yuv420p), atomically.

    Args:
        path: The file; missing parent folders are created.
        frames: RGB frames of shape ``(T, H, W, 3)``, uint8, or an iterable of frames,
            of which one at a time is kept in memory. The last row or column of an
            odd side is repeated, since the format requires even sides.
        fps: Frame rate in Hz, above 0.

    Returns:
        The path written.

    Raises:
        ValueError: The frames have another shape or type, or ``fps`` is not positive.
        MERRunError: PyAV or its H.264 encoder is not installed.

    Example:
        >>> gray = np.full((2, 5, 6, 3), 90, np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(Path(folder, 'gray.mp4'), gray, 25).name
        'gray.mp4'
    """
    if isinstance(frames, np.ndarray):
        _check(frames)
    if not fps > 0:
        raise ValueError(f'fps must be above 0, got {fps}')
    try:
        import av
    except ImportError as error:
        raise MERRunError(
            'writing videos needs PyAV, which is not installed', hint='pip install av'
        ) from error
    if 'libx264' not in av.codecs_available:
        raise MERRunError(
            'this PyAV has no H.264 encoder (libx264)', hint='pip install av'
        )
    with tempfile.TemporaryDirectory() as folder:
        # The index is at the front, so that browsers start at once; to move it there
        # the encoder needs a file that it can read again.
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
                    raise ValueError(
                        f'the shapes of frames differ: {shape} and {frame.shape}'
                    )
                given = frame.shape
                odd = ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0))
                frame = np.ascontiguousarray(np.pad(frame, odd, mode='edge'))
                if shape is None:
                    shape = given
                    stream.height, stream.width = frame.shape[:2]
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            if shape is None:
                raise ValueError('a video needs at least one frame')
            file.mux(stream.encode())
        return atomic_write(path, whole.read_bytes())


def side_by_side(
    frames: np.ndarray,
    magnified: np.ndarray,
    labels: Sequence[str] = ('original', 'magnified'),
    side: int = 256,
) -> np.ndarray:
    """Place two videos side by side, each below its label.

    Args:
        frames: RGB frames of shape ``(T, H, W, 3)``, uint8.
        magnified: The other video, of the same shape.
        labels: Label of each; long ones are set in smaller letters. Defaults to
            ``('original', 'magnified')``.
        side: Height in pixels that smaller videos are enlarged to. Defaults to 256.

    Returns:
        RGB frames of shape ``(T, H', W', 3)``, uint8.

    Raises:
        ValueError: The videos have another type, or different shapes.

    Example:
        >>> clip = np.zeros((3, 64, 64, 3), np.uint8)
        >>> side_by_side(clip, clip).shape
        (3, 284, 516, 3)
    """
    frames, magnified = np.asarray(frames), np.asarray(magnified)
    _check(frames)
    if frames.shape != magnified.shape or magnified.dtype != np.uint8:
        raise ValueError(
            f'both videos must be uint8 and of one shape, got {frames.shape} and '
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
    """Draw white text on dark, as an image of shape ``(LINE, width, 3)``."""
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, 1
    # The font has ASCII letters only.
    text = text.encode('ascii', 'replace').decode()
    (wide, _), _ = cv2.getTextSize(text, font, 0.55, thick)
    scale = 0.55 * min(1.0, (width - 12) / max(wide, 1))
    line = np.full((LINE, width, 3), 32, np.uint8)
    return cv2.putText(
        line, text, (6, LINE - 9), font, scale, (255, 255, 255), thick, cv2.LINE_AA
    )


def _check(frames: np.ndarray) -> None:
    valid = frames.ndim == 4 and frames.shape[-1] == 3 and frames.dtype == np.uint8
    if not valid or not frames.size:
        raise ValueError(
            f'frames must be uint8 of shape (T, H, W, 3), got {frames.shape} of '
            f'{frames.dtype}'
        )
