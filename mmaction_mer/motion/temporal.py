"""Linear operations on the time axis, each written as one small matrix.

A clip of fixed length is filtered, interpolated or pooled by multiplying it with
a matrix from the left, so that a chain of them is one product.
"""

import math
from functools import lru_cache

import cv2
import numpy as np
from scipy import signal

FILTERS = ('zero-phase', 'causal', 'ideal')

# Bytes of a clip's piece as floats: with the product of it, what a core's own cache
# holds.
_PIECE = 1 << 17


def multiply(
    matrix: np.ndarray, clip: np.ndarray, as_video: bool = False
) -> np.ndarray:
    """A temporal matrix times a clip, ``matrix @ clip`` along the first axis.

    In pieces, so that neither the frames as floats nor the product leave the cache
    on their way.

    Args:
        matrix: ``(L, T)``.
        clip: Frames ``(T, ...)``, any real type.
        as_video: Round the product to grey levels, 0 to 255.

    Returns:
        ``(L, ...)``, float32, or uint8 as a video.

    Example:
        >>> multiply(np.array([[-1, 1]]), np.array([[1, 2], [3, 5]], np.uint8))
        array([[2., 3.]], dtype=float32)
    """
    matrix = matrix.astype(np.float32)
    flat = clip.reshape(len(clip), -1)
    kind = np.uint8 if as_video else np.float32
    product = np.empty((len(matrix), flat.shape[1]), kind)
    columns = max(256, _PIECE // (4 * len(clip)))
    for start in range(0, flat.shape[1], columns):
        piece = slice(start, start + columns)
        frames = flat[:, piece].astype(np.float32)
        if as_video:
            # Rounds half to even and saturates, in one pass.
            product[:, piece] = cv2.add(matrix @ frames, 0.0, dtype=cv2.CV_8U)
        else:
            np.matmul(matrix, frames, out=product[:, piece])
    return product.reshape(len(matrix), *clip.shape[1:])


def effective_fps(fps: float, num_frames: int, length: int) -> float:
    """Frame rate of a clip after ``num_frames`` became ``length`` frames.

    First and last frame stay where they are, so the same time is divided into
    ``length - 1`` steps in place of ``num_frames - 1``.

    Args:
        fps: Frames per second of the clip as recorded.
        num_frames: Frames before, at least 2.
        length: Frames after, at least 2.

    Returns:
        Frames per second of the standardised clip, in Hz.

    Raises:
        ValueError: Fewer than two frames, or a frame rate that is no positive
            number.

    Example:
        >>> effective_fps(200, 61, 16)
        50.0
    """
    if num_frames < 2 or length < 2:
        raise ValueError(
            f'a frame rate needs at least two frames, got {num_frames} -> {length}'
        )
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f'fps must be a positive number of frames a second, got {fps}')
    return fps * (length - 1) / (num_frames - 1)


@lru_cache(maxsize=512)
def interpolation_matrix(
    num_frames: int, length: int = 16, average: bool = False
) -> np.ndarray:
    """Linear interpolation in time from ``num_frames`` to ``length`` frames.

    Args:
        num_frames: Frames in, at least 2.
        length: Frames out, at least 2.
        average: Where frames go in faster than they come out, weight all of them by
            a triangle as wide as the step between frames out, rather than the two
            nearest: no frame is dropped, and noise averages out.

    Returns:
        Matrix of shape ``(length, num_frames)``; every row sums to one. The first
        and the last frame are kept; with ``average`` the first and the last frame
        out stand for the third of a step at that end. Read-only: it is cached.

    Raises:
        ValueError: One frame or none: there is no motion to interpolate.

    Example:
        >>> interpolation_matrix(2, 3).tolist()
        [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    if num_frames < 2 or length < 2:
        raise ValueError(
            'a clip needs at least two frames to be standardised, '
            f'got {num_frames} -> {length}'
        )
    position = np.linspace(0, num_frames - 1, length)
    step = (num_frames - 1) / (length - 1)
    if average and step > 1:
        distance = np.abs(np.arange(num_frames) - position[:, None])
        matrix = np.maximum(0, 1 - distance / step)
        matrix /= matrix.sum(axis=1, keepdims=True)
        matrix.setflags(write=False)
        return matrix
    left = np.minimum(position.astype(int), num_frames - 2)
    share = position - left
    matrix = np.zeros((length, num_frames))
    rows = np.arange(length)
    matrix[rows, left] = 1 - share
    matrix[rows, left + 1] += share
    matrix.setflags(write=False)
    return matrix


def resampling_matrix(places: np.ndarray, length: int) -> np.ndarray:
    """Linear interpolation in time from irregular places to regular ones.

    Args:
        places: Time of each of T frames in any unit, rising, ``(T,)``; a frame may
            stand twice.
        length: Frames out, at least 2.

    Returns:
        Matrix ``(length, T)``; every row sums to one. First and last frame are kept.

    Example:
        >>> resampling_matrix(np.array([0, 1, 4]), 3).round(2).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.67, 0.33], [0.0, 0.0, 1.0]]
    """
    wanted = np.linspace(places[0], places[-1], length)
    return np.stack(
        [np.interp(wanted, places, one) for one in np.eye(len(places))], axis=1
    )


def clamp_band(
    fps: float, low: float, high: float
) -> tuple[tuple[float, float], str | None]:
    """Fit a pass band under the Nyquist rate.

    Args:
        fps: Effective frame rate in Hz (see :func:`effective_fps`).
        low: Lower edge in Hz.
        high: Upper edge in Hz.

    Returns:
        The band that the frame rate can hold, and a sentence that says what was
        changed, or ``None`` when nothing was.

    Raises:
        ValueError: The band is empty, or lies above the Nyquist rate altogether.

    Example:
        >>> clamp_band(50.0, 0.4, 4.0)
        ((0.4, 4.0), None)
        >>> clamp_band(6.0, 0.4, 4.0)[0]
        (0.4, 2.97)
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f'fps must be a positive number of frames a second, got {fps}')
    if not 0 < low < high:
        raise ValueError(f'a pass band needs 0 < low < high, got {low} to {high} Hz')
    # Just below Nyquist: at Nyquist itself the bilinear transform is singular.
    limit = round(0.99 * fps / 2, 9)
    if high <= limit:
        return (low, high), None
    if low >= limit:
        raise ValueError(
            f'the band {low:g}-{high:g} Hz lies above what {fps:g} frames a second '
            f'can hold ({fps / 2:g} Hz); use a higher frame rate or a lower band'
        )
    return (low, limit), (
        f'the upper edge {high:g} Hz is above the Nyquist rate of an effective '
        f'{fps:g} frames a second and was lowered to {limit:g} Hz'
    )


@lru_cache(maxsize=4096)
def bandpass_matrix(
    length: int,
    fps: float,
    low: float = 0.4,
    high: float = 4.0,
    order: int = 1,
    kind: str = 'zero-phase',
) -> np.ndarray:
    """A temporal band-pass filter as a matrix (MPT, Eq. 5).

    The paper names a Butterworth filter and its band; order and phase are our
    choice. Every row sums to zero, so that a still face leaves no trace in the
    filtered sequence, whatever the start-up of the filter.

    Args:
        length: Frames T of the clip.
        fps: Effective frame rate in Hz.
        low: Lower edge in Hz.
        high: Upper edge in Hz; above the Nyquist rate it is lowered (ask
            :func:`clamp_band` for the sentence that says so).
        order: Order of the Butterworth prototype (unused for ``'ideal'``).
        kind: ``'zero-phase'`` runs forward and backward, so that the apex does
            not move in time; ``'causal'`` runs forward only, its state seeded with
            the first frame; ``'ideal'`` cuts in the Fourier domain.

    Returns:
        Matrix ``(length, length)``, float64, read-only: ``filtered = matrix @ x``.

    Raises:
        ValueError: Unknown ``kind``, a length below 2, or an impossible band.

    Example:
        >>> matrix = bandpass_matrix(16, 50.0)
        >>> bool(abs(matrix.sum(axis=1)).max() < 1e-12)
        True
    """
    if length < 2:
        raise ValueError(f'a temporal filter needs at least two frames, got {length}')
    if order < 1:
        raise ValueError(
            f'the order of a Butterworth filter is at least 1, got {order}'
        )
    (low, high), _ = clamp_band(fps, low, high)
    impulses = np.eye(length)
    if kind == 'ideal':
        frequency = np.fft.rfftfreq(length, 1 / fps)
        spectrum = np.fft.rfft(impulses, axis=0)
        spectrum[(frequency < low) | (frequency > high)] = 0
        matrix = np.fft.irfft(spectrum, n=length, axis=0)
    elif kind in FILTERS:
        # Second-order sections: the (b, a) form is unstable at high frame rates.
        sos = signal.butter(order, (low, high), 'bandpass', fs=fps, output='sos')
        if kind == 'zero-phase':
            padding = min(3 * (2 * len(sos) + 1), length - 1)
            matrix = signal.sosfiltfilt(sos, impulses, axis=0, padlen=padding)
        else:
            state = signal.sosfilt_zi(sos)[:, :, None] * impulses[0]
            matrix, _ = signal.sosfilt(sos, impulses, axis=0, zi=state)
    else:
        raise ValueError(f'unknown filter {kind!r}, choose from {", ".join(FILTERS)}')
    # What is left of the row sums is rounding; times 20 x 255 it would be seen.
    matrix = matrix - matrix.mean(axis=1, keepdims=True)
    matrix.setflags(write=False)
    return matrix
