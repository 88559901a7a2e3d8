"""What the transforms of a store may say of a clip, besides its frames.

A store that somebody else made has no say in anything else: a label, or points that
frames are moved together with, would change what is trained.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...utils.text import quote
from ..annotation_rules import MAX_FPS, MAX_FRAMES
from ..images.image_file import MAX_SIDE

Check = Callable[[Any], bool]


def problem_of(said: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    """Say which field is not one that the transforms of a store add.

    These are the fields of ``LoadMERFrames``, ``StandardizeLength``, ``StabilizeHead``
    and of mmaction's ``Resize`` and ``CenterCrop``.

    Args:
        said: The fields of a clip.
        shape: (N, T, H, W, 3) of the store.

    Returns:
        What is wrong, None where nothing is.
    """
    for field, value in said.items():
        check = FIELDS.get(field)
        if check is None:
            return f'says {quote(field)}, which is none of {", ".join(sorted(FIELDS))}'
        if not check(value):
            return f'{field} is {quote(value)}'
    for field, wanted in (('clip_len', shape[1]), ('img_shape', shape[2:4])):
        if field in said and said[field] != wanted:
            return f'{field} is {quote(said[field])}, but its pixels are {shape[1:]}'
    return None


def _whole(most: int) -> Check:
    return lambda value: type(value) is int and 1 <= value <= most


def _size(value: Any) -> bool:
    side = _whole(MAX_SIDE)
    return type(value) is tuple and len(value) == 2 and all(map(side, value))


def _rate(value: Any) -> bool:
    return isinstance(value, float) and 0 < value <= MAX_FPS


def _frame_numbers(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in 'iu'
        and value.ndim == 1
        and value.size <= MAX_FRAMES
    )


def _numbers(count: int) -> Check:
    def check(value: Any) -> bool:
        return (
            isinstance(value, np.ndarray)
            and value.dtype.kind in 'iuf'
            and value.shape == (count,)
            and bool(np.isfinite(value).all())
        )

    return check


#: Check of each field that a store may hold of a clip.
FIELDS: dict[str, Check] = {
    'clip_len': _whole(MAX_FRAMES),
    'crop_bbox': _numbers(4),
    'crop_quadruple': _numbers(4),
    'fps': _rate,
    'frame_inds': _frame_numbers,
    'frame_step': lambda value: isinstance(value, float) and 0 < value <= MAX_FRAMES,
    'img_shape': _size,
    'keep_ratio': lambda value: type(value) is bool,
    'num_clips': _whole(1),
    'original_shape': _size,
    'scale_factor': _numbers(2),
    'total_frames': _whole(MAX_FRAMES),
}
