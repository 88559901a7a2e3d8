"""The two files of a store: how they are written down, and what makes them sound."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..annotation import MERDataError, clip_name

# Raise it when the same transforms give other pixels, so that stores are made anew.
FORMAT = 1
PIXELS, INDEX = 'clips.npy', 'index.json'
ADVICE = (
    'remake it with --store of tools/data/prepare.py or compose.py, or remove the '
    'folder, or set store=False'
)

# What reading a file that somebody else wrote can end in.
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class Index:
    """What ``index.json`` says.

    Attributes:
        pipeline: The transforms that made the clips, in words.
        shape: (N, T, H, W, 3), the shape of ``clips.npy``.
        clips: By name of the clip its ``place`` in ``clips.npy``, ``facts`` of the
            row, fingerprint of the ``sources``, and the ``rest`` of the results.
    """

    pipeline: list[str]
    shape: tuple[int, ...]
    clips: dict[str, dict[str, Any]]


def read_index(folder: str | Path) -> Index:
    """Read and check the index of a store.

    Raises:
        MERDataError: It is missing, broken, or of another format.
    """
    path = Path(folder, INDEX)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        known = content['format']
        if known == FORMAT:
            return _checked(content)
    except _BROKEN as error:
        raise MERDataError(
            f'{path}: the index of this store is broken: {type(error).__name__}: '
            f'{error}: {ADVICE}'
        ) from error
    raise MERDataError(
        f'{path}: this store has format {known!r}, this version reads {FORMAT}: '
        f'{ADVICE}'
    )


def _checked(content: dict[str, Any]) -> Index:
    """Take an index apart; what does not fit raises an error of ``_BROKEN``."""
    pipeline, shape = content['pipeline'], tuple(content['shape'])
    clips = {}
    for place, clip in enumerate(content['clips']):
        clips[clip_name(clip['facts'])] = clip
        if clip['place'] != place or not isinstance(decode(clip['rest']), dict):
            raise ValueError(f'clip {place} is not as it was written')
        _ = [clip['sources'][key] for key in ('names', 'times', 'content')]
    if not pipeline or shape[:1] != (len(clips),):
        raise ValueError(f'{len(clips)} clips cannot be {shape} by {pipeline}')
    return Index(pipeline, shape, clips)


def open_pixels(folder: str | Path, shape: tuple[int, ...]) -> np.memmap:
    """Open the clips of a store; none is read.

    Args:
        folder: The folder with ``clips.npy``.
        shape: The shape that the index says.

    Returns:
        Read-only (N, T, H, W, 3) uint8.

    Raises:
        MERDataError: The file is missing, cut short, or holds something else.
    """
    path = Path(folder, PIXELS)
    try:
        clips = np.load(path, mmap_mode='r', allow_pickle=False)
        size = os.path.getsize(path)
        if not isinstance(clips, np.memmap) or clips.dtype != np.uint8:
            raise ValueError(f'it holds {getattr(clips, "dtype", "several arrays")}')
        if clips.shape != shape or size != clips.offset + clips.nbytes:
            raise ValueError(f'it holds {clips.shape} in {size} bytes, not {shape}')
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise MERDataError(
            f'{path}: the clips of this store cannot be used: {error}: {ADVICE}'
        ) from error
    return clips


def encode(value: Any) -> Any:
    """Write a value of a results dict so that JSON brings it back the same.

    Raises:
        MERDataError: It is of a kind that does not fit.

    >>> encode({'shape': (224, 224), 'inds': np.array([3, 6], dtype=np.int32)})
    {'dict': {'shape': {'tuple': [224, 224]},
              'inds': {'array': [3, 6], 'dtype': '<i4', 'shape': [2]}}}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [encode(item) for item in value]
    if type(value) is tuple:
        return {'tuple': [encode(item) for item in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {'dict': {key: encode(item) for key, item in value.items()}}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in 'biuf':
        if isinstance(value, np.generic):
            return {'number': value.item(), 'dtype': value.dtype.str}
        dtype, shape = value.dtype.str, list(value.shape)
        return {'array': value.tolist(), 'dtype': dtype, 'shape': shape}
    raise MERDataError(f'a store cannot keep a {type(value).__name__}: {value!r:.60}')


def decode(value: Any) -> Any:
    """Read back what :func:`encode` wrote, new objects each time.

    Raises:
        ValueError: It is something else.

    >>> decode({'number': 0.5, 'dtype': '<f4'})
    np.float32(0.5)
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {'tuple': list(items)}:
            return tuple(decode(item) for item in items)
        case {'dict': dict(items)}:
            return {key: decode(item) for key, item in items.items()}
        case {'array': items, 'dtype': str(name), 'shape': list(shape)}:
            return np.array(items, dtype=_plain(name)).reshape(shape)
        case {'number': item, 'dtype': str(name)}:
            return _plain(name).type(item)
    raise ValueError(f'{value!r:.60} is not a value that a store can keep')


def _plain(name: str) -> np.dtype:
    if name[1:2] not in set('biuf'):
        raise ValueError(f'{name!r} is not a type of numbers')
    return np.dtype(name)
