"""The two files of a store: how they are written down, and what makes them sound."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...utils.errors import MERDataError
from ...utils.files import open_regular
from ...utils.json_files import read_json
from ...utils.text import quote
from ..annotation import clip_name
from ..annotation_rules import MAX_TEXT, value_problem
from .said import problem_of

# Raise it when the same transforms give other pixels, so that stores are made anew.
FORMAT = 1
PIXELS, INDEX = 'clips.npy', 'index.json'
ADVICE = (
    'remake it with --store of tools/data/prepare.py or compose.py, or remove the '
    'folder, or set store=False'
)

# Bytes of an index, of which a clip takes some hundred.
MAX_INDEX = 1 << 28
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
        content = read_json(path, MAX_INDEX)
        known = content['format']
        if known == FORMAT:
            return _checked(content)
    except _BROKEN as error:
        raise MERDataError(
            f'{path}: the index of this store is broken: {type(error).__name__}: '
            f'{str(error)[:MAX_TEXT]}: {ADVICE}'
        ) from error
    raise MERDataError(
        f'{path}: this store has format {quote(known)}, this version reads {FORMAT}: '
        f'{ADVICE}'
    )


def _checked(content: dict[str, Any]) -> Index:
    """Take an index apart; what does not fit raises an error of ``_BROKEN``."""
    pipeline, shape = content['pipeline'], tuple(content['shape'])
    if len(shape) != 5 or any(type(one) is not int or one < 1 for one in shape):
        raise ValueError(f'{quote(shape)} is not the shape of clips')
    if type(pipeline) is not list or any(type(one) is not str for one in pipeline):
        raise ValueError(f'{quote(pipeline)} is not a list of transforms')
    clips = {}
    for place, clip in enumerate(content['clips']):
        clips[clip_name(clip['facts'])] = clip
        if type(clip['place']) is not int or clip['place'] != place:
            raise ValueError(f'clip {place} is not as it was written')
        if problem := rest_problem(clip['rest'], shape) or value_problem(clip['facts']):
            raise ValueError(f'clip {place}: {problem}')
        _ = [clip['sources'][key] for key in ('names', 'times', 'content')]
    if not pipeline or shape[0] != len(clips) or shape[4] != 3:
        raise ValueError(
            f'{len(clips)} clips cannot be {quote(shape)} by {quote(pipeline)}'
        )
    return Index(pipeline, shape, clips)


def rest_problem(rest: Any, shape: tuple[int, ...]) -> str | None:
    """Say what keeps ``rest`` from being what transforms say of a clip.

    Args:
        rest: What an index holds.
        shape: (N, T, H, W, 3) of the store.

    Returns:
        What is wrong, see :func:`~.said.problem_of`.

    Raises:
        ValueError: It is not as :func:`encode` wrote it.
    """
    said = decode(rest)
    if not isinstance(said, dict):
        return 'is not as it was written'
    return problem_of(said, shape)


@dataclass(frozen=True)
class Pixels:
    """The clips of a store, each read when it is asked for.

    Not through a memory map: if the file were cut short meanwhile, looking at it would
    end the process.

    Attributes:
        file: ``clips.npy``, open.
        start: Where the first clip begins, in bytes.
        shape: (N, T, H, W, 3).
    """

    file: BinaryIO
    start: int
    shape: tuple[int, ...]

    def read(self, place: int) -> np.ndarray:
        """Read a clip, (T, H, W, 3) uint8.

        Raises:
            MERDataError: The file was cut short since it was opened, or the disk
                fails.
        """
        clip = np.empty(self.shape[1:], np.uint8)
        flat: Any = clip.reshape(-1)
        buffer = memoryview(flat)
        done = 0
        while done < clip.nbytes:
            begin = self.start + place * clip.nbytes + done
            try:
                count = os.preadv(self.file.fileno(), [buffer[done:]], begin)
            except OSError as error:
                raise MERDataError(
                    f'{self.file.name}: cannot be read: {error.strerror}: {ADVICE}'
                ) from error
            if count == 0:
                raise MERDataError(
                    f'{self.file.name}: was cut short while it was in use: {ADVICE}'
                )
            done += count
        return clip


def open_pixels(folder: str | Path, shape: tuple[int, ...]) -> Pixels:
    """Open the clips of a store; none is read.

    Args:
        folder: The folder with ``clips.npy``.
        shape: The shape that the index says.

    Returns:
        The clips.

    Raises:
        MERDataError: The file is missing, cut short, or holds something else.
    """
    path = Path(folder, PIXELS)
    file = None
    try:
        file = open_regular(path)
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0,
                   (2, 0): np.lib.format.read_array_header_2_0}  # fmt: skip
        held, columns_first, dtype = readers[version](file)
        start, size = file.tell(), os.fstat(file.fileno()).st_size
        if dtype != np.uint8 or dtype.hasobject or columns_first:
            raise ValueError(f'it holds {dtype}')
        if held != shape or size != start + math.prod(shape):
            raise ValueError(f'it holds {held} in {size} bytes, not {shape}')
    except (OSError, ValueError, TypeError, LookupError, EOFError) as error:
        if file is not None:
            file.close()
        raise MERDataError(
            f'{path}: the clips of this store cannot be used: '
            f'{str(error)[:MAX_TEXT]}: {ADVICE}'
        ) from error
    return Pixels(file, start, shape)


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
    raise MERDataError(f'a store cannot keep a {type(value).__name__}: {quote(value)}')


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
    raise ValueError(f'{quote(value)} is not a value that a store can keep')


def _plain(name: str) -> np.dtype:
    if name[1:2] not in set('biuf'):
        raise ValueError(f'{quote(name)} is not a type of numbers')
    return np.dtype(name)
