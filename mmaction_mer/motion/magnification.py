"""Eulerian motion magnification (MPT, Eq. 4-7; Wu et al. 2012).

Two forms of one operation. With the same gain on every level, decomposing and
reconstructing a Laplacian pyramid is the identity, so that the method reduces to
``alpha * B @ X`` with the temporal matrix ``B``: :func:`magnify`. Gains per level need
the pyramid: :func:`magnify_pyramid`.
"""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np

from .head_motion import remove_head_motion_numpy
from .temporal import bandpass_matrix, multiply


def magnify(
    clip: np.ndarray,
    fps: float,
    alpha: float = 20.0,
    low: float = 0.4,
    high: float = 4.0,
    order: int = 1,
    kind: str = 'zero-phase',
    keep_residual: bool = True,
    levels: int | None = None,
    remove_head_motion: bool = False,
    add_original: bool = False,
    as_video: bool = False,
) -> np.ndarray:
    """Magnify the motion of a clip without building a pyramid (MPT, Eq. 4-7).

    Args:
        clip: Frames ``(T, H, W, C)`` in grey levels.
        fps: Effective frame rate of these T frames, in Hz.
        alpha: Gain. Defaults to 20, as in the paper.
        low: Lower edge of the pass band in Hz. Defaults to 0.4.
        high: Upper edge of the pass band in Hz. Defaults to 4.
        order: Order of the Butterworth filter. Defaults to 1.
        kind: See :func:`~mmaction_mer.motion.temporal.bandpass_matrix`. Defaults to
            ``'zero-phase'``.
        keep_residual: Magnify the low-pass residual of the pyramid, too. ``False``
            drops it, as many implementations do. Defaults to True.
        levels: Levels of the pyramid whose residual is dropped, unused while it is
            kept. Defaults to as many as fit.
        remove_head_motion: Remove the head's own motion, see
            :mod:`~mmaction_mer.motion.head_motion`. Defaults to False.
        add_original: Return the magnified frames instead of the motion. Defaults to
            False.
        as_video: Return the magnified frames as uint8. Defaults to False.

    Returns:
        Float32 ``(T, H, W, C)`` in grey levels times alpha; uint8 with ``as_video``.

    Raises:
        ValueError: ``clip`` has not four axes or fewer than two frames, or the band is
            not possible.

    Example:
        >>> still = np.full((16, 8, 8, 3), 90, np.uint8)
        >>> float(abs(magnify(still, fps=50.0)).max()) < 1e-3
        True
    """
    frames = np.asarray(clip)
    _check_axes(frames)
    matrix = alpha * bandpass_matrix(len(frames), float(fps), low, high, order, kind)
    plain = keep_residual and not remove_head_motion
    if plain and as_video:
        return multiply(matrix + np.eye(len(frames)), frames, as_video=True)
    source = frames
    if not keep_residual:
        depth = pyramid_levels(frames.shape[1:3]) if levels is None else levels
        source = frames - np.stack([
            _low_pass(frame.astype(np.float32), depth) for frame in frames
        ])  # fmt: skip
    motion = multiply(matrix, source)
    if remove_head_motion:
        motion = remove_head_motion_numpy(motion, frames)
    if as_video:
        return to_video(motion + frames)
    return motion + frames if add_original else motion


def magnify_pyramid(
    clip: np.ndarray,
    fps: float,
    alpha: float = 20.0,
    low: float = 0.4,
    high: float = 4.0,
    order: int = 1,
    kind: str = 'zero-phase',
    keep_residual: bool = True,
    levels: int | None = None,
    cutoff_wavelength: float | None = None,
    remove_head_motion: bool = False,
    add_original: bool = False,
) -> np.ndarray:
    """Magnify the motion of a clip through a Laplacian pyramid (MPT, Eq. 4-7).

    Args:
        clip: See :func:`magnify`.
        fps: See :func:`magnify`.
        alpha: See :func:`magnify`.
        low: See :func:`magnify`.
        high: See :func:`magnify`.
        order: See :func:`magnify`.
        kind: See :func:`magnify`.
        keep_residual: See :func:`magnify`.
        levels: Band-pass levels of the pyramid. Defaults to as many as fit.
        cutoff_wavelength: Spatial wavelength in pixels below which the gain is
            attenuated, see :func:`level_gains`. Defaults to None: the same gain
            everywhere, as in the paper.
        remove_head_motion: See :func:`magnify`.
        add_original: See :func:`magnify`.

    Returns:
        See :func:`magnify`; the results are equal if all gains are.

    Raises:
        ValueError: See :func:`magnify`.
    """
    frames = _as_frames(clip)
    matrix = bandpass_matrix(len(frames), float(fps), low, high, order, kind)
    depth = pyramid_levels(frames.shape[1:3]) if levels is None else levels
    gains = level_gains(frames.shape[1:3], depth, alpha, cutoff_wavelength)
    if not keep_residual:
        gains[-1] = 0.0
    pyramids = [_laplacian_pyramid(frame, depth) for frame in frames]  # Eq. 4
    levelled = []
    for gain, level in zip(gains, zip(*pyramids, strict=True), strict=True):
        band = np.stack(level)
        filtered = matrix.astype(np.float32) @ band.reshape(len(band), -1)  # Eq. 5
        levelled.append(gain * filtered.reshape(band.shape))  # Eq. 6
    motion = np.stack(  # Eq. 7
        [_reconstruct([level[t] for level in levelled]) for t in range(len(frames))]
    )
    if remove_head_motion:
        motion = remove_head_motion_numpy(motion, frames)
    return motion + frames if add_original else motion


def level_gains(
    size: Sequence[int],
    levels: int,
    alpha: float,
    cutoff_wavelength: float | None = None,
) -> list[float]:
    """Compute the gain of every pyramid level (Wu et al. 2012, section 4).

    Their bound ``(1 + alpha) delta < lambda / 8`` relates gain and displacement to the
    spatial wavelength. With the cut-off ``lambda_c`` the largest displacement for which
    alpha holds is ``delta = lambda_c / (8 (1 + alpha))``, and a level of
    wavelength ``lambda_l`` gets ``min(alpha, lambda_l / (8 delta) - 1)``, not below
    zero. The wavelength is a third of the image's diagonal at the residual and
    halves with every finer level, as in their code.

    Args:
        size: Height and width of the frames in pixels.
        levels: Band-pass levels above the residual.
        alpha: Requested gain.
        cutoff_wavelength: ``lambda_c`` in pixels. Defaults to None: no attenuation.

    Returns:
        ``levels + 1`` gains, the finest level first and the residual last.

    Raises:
        ValueError: The cut-off is not positive.

    Example:
        >>> [round(gain, 1) for gain in level_gains((64, 64), 3, 20.0, 16.0)]
        [3.9, 8.9, 18.8, 20.0]
    """
    if cutoff_wavelength is None:
        return [alpha] * (levels + 1)
    if cutoff_wavelength <= 0:
        raise ValueError(
            f'the cut-off wavelength must be positive, got {cutoff_wavelength}'
        )
    delta = cutoff_wavelength / (8 * (1 + alpha))
    coarsest = math.hypot(*size) / 3
    wavelengths = [coarsest / 2 ** (levels - level) for level in range(levels + 1)]
    return [min(alpha, max(0.0, w / (8 * delta) - 1)) for w in wavelengths]


def pyramid_levels(size: Sequence[int]) -> int:
    """Return the number of band-pass levels whose residual has 8 pixels or more.

    Example:
        >>> pyramid_levels((224, 224)), pyramid_levels((9, 100))
        (4, 0)
    """
    return max(0, int(math.log2(max(1, min(size)) / 8)))


@functools.cache
def low_pass_matrix(size: int, levels: int) -> np.ndarray:
    """Return the low-pass residual of a pyramid along one axis as a matrix.

    The pyramid is separable: the residual of an image ``X``, upsampled to its size, is
    ``A X B^T`` with one matrix per axis.

    Args:
        size: Pixels along the axis.
        levels: Band-pass levels above the residual.

    Returns:
        Float32 ``(size, size)``, read-only; its rows sum to one.

    Example:
        >>> low_pass_matrix(4, 0).tolist() == np.eye(4).tolist()
        True
    """
    # An impulse along the axis, constant across it, stays constant across it.
    across = 2 ** (levels + 1)
    impulses = np.eye(size, dtype=np.float32)
    columns = [
        _low_pass(np.tile(one[:, None, None], (1, across, 1)), levels)[:, 0, 0]
        for one in impulses
    ]
    matrix = np.stack(columns, axis=1)
    matrix.flags.writeable = False
    return matrix


def to_video(magnified: np.ndarray) -> np.ndarray:
    """Round and clip magnified frames to uint8."""
    return np.clip(np.rint(magnified), 0, 255).astype(np.uint8)


def _as_frames(clip: np.ndarray) -> np.ndarray:
    frames = np.asarray(clip, dtype=np.float32)
    _check_axes(frames)
    return frames


def _check_axes(frames: np.ndarray) -> None:
    if frames.ndim != 4:
        raise ValueError(
            f'a clip has four axes (T, H, W, C), got an array of shape {frames.shape}'
        )


def _shrink(image: np.ndarray) -> np.ndarray:
    return _with_channels(cv2.pyrDown(image), image)


def _grow(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    height, width = like.shape[:2]
    return _with_channels(cv2.pyrUp(image, dstsize=(width, height)), image)


def _with_channels(result: np.ndarray, image: np.ndarray) -> np.ndarray:
    # OpenCV drops the last axis of one-channel images.
    return result.reshape(*result.shape[:2], image.shape[2])


def _laplacian_pyramid(frame: np.ndarray, levels: int) -> list[np.ndarray]:
    bands = []
    for _ in range(levels):
        smaller = _shrink(frame)
        bands.append(frame - _grow(smaller, frame))
        frame = smaller
    return [*bands, frame]


def _reconstruct(pyramid: list[np.ndarray]) -> np.ndarray:
    frame = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        frame = band + _grow(frame, band)
    return frame


def _low_pass(frame: np.ndarray, levels: int) -> np.ndarray:
    sizes = []
    for _ in range(levels):
        sizes.append(frame)
        frame = _shrink(frame)
    for like in reversed(sizes):
        frame = _grow(frame, like)
    return frame
