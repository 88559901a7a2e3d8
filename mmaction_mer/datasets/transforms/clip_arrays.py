"""Clips and their geometry in the results of a pipeline."""

from typing import Any

import numpy as np
import torch

from ...utils.errors import MERDataError
from .frame_rates import clip_of

# Keys that mmaction's geometric transforms write.
_GEOMETRY = ('img_shape', 'flip', 'flip_direction', 'crop_quadruple', 'crop_bbox')


def stack_clips(results: dict) -> np.ndarray:
    """Stack ``imgs`` as ``(num_clips, T, H, W, C)``."""
    frames = np.stack(results['imgs'])
    length = results.get('clip_len', len(frames))
    if not isinstance(length, (int, np.integer)) or len(frames) % length:
        length = len(frames)
    return frames.reshape(-1, length, *frames.shape[1:])


def stack_moving_clips(results: dict) -> np.ndarray:
    """Stack ``imgs`` as ``(num_clips, T, H, W, C)`` with T of two or more.

    Raises:
        MERDataError: There is one frame or none per clip.
    """
    count = len(results['imgs'])
    clips = stack_clips(results) if count else np.empty((1, 0, 0, 0, 0))
    if clips.shape[1] < 2:
        given = f'{len(clips)} clips of one frame' if count > 1 else f'{count} frame(s)'
        raise MERDataError(
            f'{given}, but motion needs at least two',
            clip=clip_of(results),
            hint='check onset and offset, or the clip_len of the sampler',
        )
    return clips


def geometry(results: dict) -> dict[str, Any]:
    """Return the flip, crop and size of the frames, as plain values."""
    values = {key: results.get(key) for key in _GEOMETRY}
    return {
        key: None if value is None else np.asarray(value).tolist()
        for key, value in values.items()
    }


def to_channels_first(array: np.ndarray) -> torch.Tensor:
    """Convert ``(..., H, W, C)`` to a tensor ``(..., C, H, W)``."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, -3)))
