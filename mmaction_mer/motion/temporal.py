"""Linear operations along the time axis, each as one small matrix.

A clip of fixed length is filtered, interpolated or pooled by a matrix product from the
left, so that a chain of operations is a single product.
"""

import math
from functools import lru_cache

import cv2
import numpy as np
from scipy import signal

FILTERS = ('zero-phase', 'causal', 'ideal')

# Bytes of a block of a clip as floats: the block and its product fit a core's cache.
_PIECE = 1 << 17


def multiply(
    matrix: np.ndarray, clip: np.ndarray, as_video: bool = False
) -> np.ndarray:
    """Multiply a clip by a temporal matrix, ``matrix @ clip`` along the first axis.

    Works block by block, so that neither the float frames nor the product leave the
    cache.

    Args:
        matrix: ``(L, T)``.
        clip: Frames ``(T, ...)``, any real type.
        as_video: Round the product to grey levels, 0 to 255. Defaults to False.

    Returns:
        ``(L, ...)``, float32, or uint8 with ``as_video``.

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
    """Compute the frame rate of a clip that is resampled to ``length`` frames.

    The first and last frame are kept, so that the same duration has ``length - 1``
    steps instead of ``num_frames - 1``.

    Args:
        fps: Frames per second of the clip as recorded.
        num_frames: Frames before, at least 2.
        length: Frames after, at least 2.

    Returns:
        Frames per second of the resampled clip, in Hz.

    Raises:
        ValueError: Fewer than two frames, or ``fps`` is not a positive number.

    Example:
        >>> effective_fps(200, 61, 16)
        50.0
    """
    if num_frames < 2 or length < 2:
        raise ValueError(
            f'a frame rate needs at least two frames, got {num_frames} -> {length}'
        )
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(
            f'fps must be a positive number of frames per second, got {fps}'
        )
    return fps * (length - 1) / (num_frames - 1)


@lru_cache(maxsize=512)
def interpolation_matrix(
    num_frames: int, length: int = 16, average: bool = False
) -> np.ndarray:
    """Return the matrix of linear interpolation to ``length`` frames.

    Args:
        num_frames: Input frames, at least 2.
        length: Output frames, at least 2. Defaults to 16.
        average: When downsampling, weight all frames by a triangle as wide as the
            output step instead of the two nearest frames: no frame is dropped, and
            noise averages out. Defaults to False.

    Returns:
        Matrix ``(length, num_frames)``; every row sums to one. The first and last
        frame are kept; with ``average`` the first and last output frame represent a
        third of a step at that end. Read-only, since it is cached.

    Raises:
        ValueError: ``num_frames`` or ``length`` is below 2.

    Example:
        >>> interpolation_matrix(2, 3).tolist()
        [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    if num_frames < 2 or length < 2:
        raise ValueError(
            'a clip needs at least two frames to be standardized, '
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
    fraction = position - left
    matrix = np.zeros((length, num_frames))
    rows = np.arange(length)
    matrix[rows, left] = 1 - fraction
    matrix[rows, left + 1] += fraction
    matrix.setflags(write=False)
    return matrix


def resampling_matrix(places: np.ndarray, length: int) -> np.ndarray:
    """Return the matrix of linear interpolation from irregular to regular times.

    Args:
        places: Time of each of T frames in any unit, non-decreasing, ``(T,)``.
        length: Output frames, at least 2.

    Returns:
        Matrix ``(length, T)``; every row sums to one. The first and last frame are
        kept.

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
    """Limit a pass band to the Nyquist rate.

    Args:
        fps: Effective frame rate in Hz (see :func:`effective_fps`).
        low: Lower edge in Hz.
        high: Upper edge in Hz.

    Returns:
        The band that the frame rate supports, and a note about the change, or
        ``None`` if nothing was changed.

    Raises:
        ValueError: The band is empty or lies entirely above the Nyquist rate.

    Example:
        >>> clamp_band(50.0, 0.4, 4.0)
        ((0.4, 4.0), None)
        >>> clamp_band(6.0, 0.4, 4.0)[0]
        (0.4, 2.97)
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(
            f'fps must be a positive number of frames per second, got {fps}'
        )
    if not 0 < low < high:
        raise ValueError(f'a pass band needs 0 < low < high, got {low} to {high} Hz')
    # Just below Nyquist: at Nyquist itself the bilinear transform is singular.
    limit = round(0.99 * fps / 2, 9)
    if high <= limit:
        return (low, high), None
    if low >= limit:
        raise ValueError(
            f'the band {low:g}-{high:g} Hz lies above the Nyquist rate of {fps:g} '
            f'frames per second ({fps / 2:g} Hz); use a higher frame rate or a lower '
            f'band'
        )
    return (low, limit), (
        f'the upper edge {high:g} Hz is above the Nyquist rate of an effective '
        f'{fps:g} frames per second and was lowered to {limit:g} Hz'
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
    """Return a temporal band-pass filter as a matrix (MPT, Eq. 5).

    The paper gives a Butterworth filter and its band; order and phase are choices of
    this implementation. Every row sums to zero, so that a static face gives zero,
    independent of the initial state of the filter.

    Args:
        length: Frames T of the clip.
        fps: Effective frame rate in Hz.
        low: Lower edge in Hz. Defaults to 0.4.
        high: Upper edge in Hz, limited to the Nyquist rate (see :func:`clamp_band`).
            Defaults to 4.
        order: Order of the Butterworth prototype, unused for ``'ideal'``. Defaults
            to 1.
        kind: ``'zero-phase'`` filters forward and backward, so that the apex is not
            delayed; ``'causal'`` filters forward only, initialized with the first
            frame; ``'ideal'`` masks in the Fourier domain. Defaults to
            ``'zero-phase'``.

    Returns:
        Matrix ``(length, length)``, float64, read-only: ``filtered = matrix @ x``.

    Raises:
        ValueError: ``kind`` is unknown, ``length`` or ``order`` is too small, or the
            band is not possible.

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
    # The row sums are only rounding errors, but would be visible times 20 x 255.
    matrix = matrix - matrix.mean(axis=1, keepdims=True)
    matrix.setflags(write=False)
    return matrix
