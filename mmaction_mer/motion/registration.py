"""Registration of the head: every frame is warped onto the first by an affine map.

A head that drifts by a pixel hides an expression that moves by half a pixel. The
first-order removal of :mod:`~mmaction_mer.motion.head_motion` fails where an edge moves
farther than it is wide. Frames are therefore registered first, and the remaining motion
is small enough for the linear fit. This is not part of the paper. One map is estimated
for the whole head, so that an expression is not undone.
"""

import cv2
import numpy as np

from .head_motion import head_columns_numpy

# Side in pixels at which the maps are estimated: noise averages out, and it is fast.
_SIDE = 56
# Gauss-Newton steps: the maps no longer change after three.
_STEPS = 3
# Standard deviation in pixels of the blur that hides where frames were interpolated.
SOFTNESS = 0.7


def stabilize(clip: np.ndarray, maps: np.ndarray | None = None) -> np.ndarray:
    """Warp every frame of a clip onto its first frame.

    Args:
        clip: Frames ``(T, H, W, C)``, uint8 or float.
        maps: Affine maps ``(N, 3, 3)`` of :func:`register` for N frames that span the
            same time, of any size; interpolated where N is not T. Estimated from the
            clip by default.

    Returns:
        The same shape and type. Every frame is slightly blurred; the first one is not
        moved.

    Raises:
        ValueError: See :func:`register`.

    Example:
        >>> frame = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
        >>> first, second = stabilize(np.stack([frame, frame]))
        >>> (first == second).all()
        np.True_
    """
    maps = register(clip) if maps is None else _resample(maps, len(clip))
    frames = [_soften(clip[0])]
    for frame, total in zip(clip[1:], maps[1:], strict=True):
        frames.append(_soften(_warp(frame, total, cv2.INTER_CUBIC)))
    return np.stack(frames).astype(clip.dtype)


def register(clip: np.ndarray) -> np.ndarray:
    """Estimate the affine map of every frame of a clip to its first frame.

    Gauss-Newton on the brightness difference with the gradients of the first frame
    (inverse compositional alignment; Baker and Matthews 2004). Six parameters of an
    affine map and two of the illumination are fitted; only the map is returned.

    Args:
        clip: Frames ``(T, H, W, C)``, uint8 or float.

    Returns:
        ``(T, 3, 3)``, in coordinates from -1 to 1 on both axes; the first one is the
        identity.

    Raises:
        ValueError: ``clip`` has not four axes, fewer than 16 pixels on a side, more
            than four channels, or a type other than uint8, float32 and float64.
    """
    if clip.ndim != 4:
        raise ValueError(f'a clip has four axes (T, H, W, C), got {clip.shape}')
    if min(clip.shape[1:3]) < 16 or clip.shape[3] > 4:
        raise ValueError(f'frames of {clip.shape[1:]} cannot be registered')
    if clip.dtype not in (np.uint8, np.float32, np.float64):
        raise ValueError(f'a clip is uint8, float32 or float64, got {clip.dtype}')
    small = np.stack([_shrink(frame) for frame in clip])
    columns = head_columns_numpy(small[0])
    # einsum rather than BLAS, whose threads would compete with the training process.
    gram = np.einsum('in,jn->ij', columns, columns) + 1e-3 * np.eye(8)
    solve = np.einsum('ij,jn->in', np.linalg.inv(gram), columns)
    maps = [np.eye(3)]
    for frame in small[1:]:
        total, current = np.eye(3), frame
        for step in range(_STEPS):
            fit = np.einsum('in,n->i', solve, (current - small[0]).ravel())
            total = total @ np.linalg.inv(_affine(fit))
            if step < _STEPS - 1:
                current = _warp(frame, total)
        maps.append(total)
    return np.stack(maps)


def _resample(maps: np.ndarray, count: int) -> np.ndarray:
    """Interpolate maps linearly in time to another number of frames."""
    if len(maps) == count:
        return maps
    times, known = np.linspace(0, 1, count), np.linspace(0, 1, len(maps))
    flat = maps.reshape(len(maps), -1).T
    return np.stack([np.interp(times, known, one) for one in flat], 1).reshape(-1, 3, 3)


def _soften(frame: np.ndarray) -> np.ndarray:
    """Blur a frame slightly, including the first, which is not interpolated.

    Interpolated frames are less sharp, and the difference in sharpness alone would show
    at every edge of the face.
    """
    return cv2.GaussianBlur(frame, (0, 0), SOFTNESS).reshape(*frame.shape[:2], -1)


def _shrink(frame: np.ndarray) -> np.ndarray:
    if frame.shape[2] == 3 and frame.dtype == np.uint8:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    else:
        grey = frame.astype(np.float32).mean(axis=2)
    scale = _SIDE / min(grey.shape)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(grey, (0, 0), 0.7)


def _affine(fit: np.ndarray) -> np.ndarray:
    """Return the affine map of a fit, in coordinates from -1 to 1 on both axes."""
    u, v, ux, uy, vx, vy = fit[:6]
    return np.array([[1 + ux, uy, u], [vx, 1 + vy, v], [0, 0, 1]])


def _warp(
    image: np.ndarray, normalized: np.ndarray, interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    height, width = image.shape[:2]
    to_unit = np.array([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1], [0, 0, 1]])
    matrix = np.linalg.inv(to_unit) @ normalized @ to_unit
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        image, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
