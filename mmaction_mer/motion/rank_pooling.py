"""Approximate rank pooling: one image that represents the motion of a clip.

Source: Bilen et al., "Action Recognition with Dynamic Image Networks"; MPT, Eq. 1.
"""

from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from .head_motion import remove_head_motion_numpy

Array = TypeVar('Array', np.ndarray, torch.Tensor)

MID_GREY = 127.5
# A pooled clip with a smaller range, in grey levels, is only rounding error.
_STILL = 1e-2


@lru_cache(maxsize=64)
def rank_pooling_weights(length: int) -> np.ndarray:
    """Return the weights of approximate rank pooling (MPT, Eq. 1).

    ``a_t = 2 (T - t + 1) - (T + 1) (H_T - H_{t-1})`` with the harmonic numbers
    ``H_t = sum_{i <= t} 1 / i`` and ``t = 1 .. T``.

    Args:
        length: Frames T of the clip, at least 2.

    Returns:
        Weights of shape ``(T,)`` that sum to zero; read-only.

    Raises:
        ValueError: ``length`` is below 2.

    Example:
        >>> rank_pooling_weights(2).tolist()
        [-0.5, 0.5]
    """
    if length < 2:
        raise ValueError(f'rank pooling needs at least two frames, got {length}')
    t = np.arange(1, length + 1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / t)])
    weights = 2.0 * (length - t + 1) - (length + 1) * (harmonic[-1] - harmonic[:-1])
    weights -= weights.mean()
    weights.setflags(write=False)
    return weights


def rank_pool(clip: np.ndarray, remove_head_motion: bool = False) -> np.ndarray:
    """Pool a clip into one image (MPT, Eq. 1), in grey levels.

    Args:
        clip: Frames of shape ``(T, ...)``, any real type.
        remove_head_motion: Remove the head's own motion first, see
            :mod:`~mmaction_mer.motion.head_motion`; requires ``(T, H, W, C)``.
            Defaults to False.

    Returns:
        Image of shape ``(...)``, float32 in ``[0, 255]``; see :func:`to_grey_levels`.

    Raises:
        ValueError: Fewer than two frames.

    Example:
        >>> rank_pool(np.stack([np.zeros((2, 2)), np.eye(2)])).tolist()
        [[255.0, 0.0], [0.0, 255.0]]
    """
    weights = rank_pooling_weights(len(clip)).astype(np.float32)
    pooled = np.tensordot(weights, np.asarray(clip, dtype=np.float32), axes=1)
    pooled = pooled[None]
    if remove_head_motion:
        pooled = remove_head_motion_numpy(pooled, clip)
    return to_grey_levels(pooled)[0]


def to_grey_levels(pooled: Array) -> Array:
    """Stretch each pooled image to ``[0, 255]``; a still clip becomes mid-grey.

    Args:
        pooled: Weighted sums of frames, shape ``(B, ...)``, array or tensor.

    Returns:
        Same shape and type; every ``pooled[b]`` is stretched by its own minimum and
        maximum.
    """
    flat = pooled.reshape(pooled.shape[0], -1)
    shape = (-1,) + (1,) * (pooled.ndim - 1)
    if isinstance(flat, torch.Tensor):
        low, high = (x.view(shape) for x in torch.aminmax(flat, dim=1))
        span = high - low
        grey = (pooled - low) * (255 / span.clamp_min(_STILL))
        return torch.where(span < _STILL, torch.full_like(grey, MID_GREY), grey)
    low = flat.min(axis=1).reshape(shape)
    span = flat.max(axis=1).reshape(shape) - low
    grey = (pooled - low) * (255 / np.maximum(span, _STILL))
    return np.where(span < _STILL, np.float32(MID_GREY), grey).astype(np.float32)
