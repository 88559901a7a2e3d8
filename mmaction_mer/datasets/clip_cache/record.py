"""The two files of a clip in a store: its frames, and where they come from."""

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.errors import MERDataError
from ...utils.files import open_regular
from ...utils.json_files import read_json, write_json
from ...utils.text import quote
from ..annotation_rules import MAX_FPS, MAX_FRAMES, MAX_TEXT
from ..images.image_file import MAX_SIDE

HINT = (
    'build it again with --store of tools/data/prepare.py or compose.py, or remove the '
    'folder, or set store=False'
)
# Bytes of the JSON file of a clip, of its frames, and of the header before these.
_MAX_RECORD, _MAX_FRAMES, _MAX_HEADER = 1 << 24, 1 << 32, 1 << 12
#: Errors that reading a damaged or hostile file can end in.
DAMAGED = (
    OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError,
    MemoryError, RecursionError,
)  # fmt: skip


def _scalar(kind: Any, low: float, high: float) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if type(value) is not kind or not low <= value <= high:
            raise ValueError(f'is not a value of {kind.__name__} from {low} to {high}')
        return value

    return parse


_count, _side = _scalar(int, 1, MAX_FRAMES), _scalar(int, 1, MAX_SIDE)


def _size(value: Any) -> tuple[int, int]:
    height, width = map(_side, value)
    return height, width


def _vector(dtype: type, length: int | None = None) -> Callable[[Any], np.ndarray]:
    def parse(value: Any) -> np.ndarray:
        array: np.ndarray = np.array(value, dtype)
        if array.shape != (len(value) if length is None else length,):
            raise ValueError('is not a vector of this length')
        if array.tolist() != value or not np.isfinite(array).all():
            raise ValueError(f'holds other values than finite {array.dtype}')
        return array

    return parse


#: The fields that a store may add to a clip, by the functions that parse them from
#: JSON. These are the fields of ``LoadMERFrames``, ``StandardizeLength``,
#: ``StabilizeHead`` and of mmaction's ``Resize`` and ``CenterCrop``. A store from
#: somebody else must not set any other: a label would change what is trained.
FIELDS: dict[str, Callable[[Any], Any]] = {
    'clip_len': _count,
    'crop_bbox': _vector(np.int64, 4),
    'crop_quadruple': _vector(np.float32, 4),
    'fps': _scalar(float, 1e-6, MAX_FPS),
    'frame_inds': _vector(np.int64),
    'frame_step': _scalar(float, 1e-6, MAX_FRAMES),
    'img_shape': _size,
    'keep_ratio': _scalar(bool, 0, 1),
    'num_clips': _scalar(int, 1, 1),
    'original_shape': _size,
    'scale_factor': _vector(np.float32, 2),
    'total_frames': _count,
}


def parse_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Parse the fields that a store adds to a clip, to new objects.

    Args:
        fields: Their values as in JSON.

    Returns:
        Their values as the transforms set them, with tuples and arrays.

    Raises:
        ValueError: A field is unknown, or its value is not one that it can have.

    >>> parse_fields({'img_shape': [224, 224], 'frame_inds': [3, 6]})
    {'img_shape': (224, 224), 'frame_inds': array([3, 6])}
    """
    parsed = {}
    for field, value in fields.items():
        if field not in FIELDS:
            raise ValueError(f'{quote(field)} is not one of {", ".join(FIELDS)}')
        try:
            parsed[field] = FIELDS[field](value)
        except DAMAGED as error:
            raise ValueError(
                f"field '{field}': {quote(value)}: {str(error)[:MAX_TEXT]}"
            ) from error
    return parsed


@dataclass
class ClipRecord:
    """What a store knows of a clip besides its frames.

    Attributes:
        facts: The annotation fields that determine the frames, see
            :func:`~.sources.clip_facts`.
        state: Hash of the source files without reading them, see
            :func:`~.sources.source_state`.
        content: Hash of what is in them, see :func:`~.sources.source_content`.
        fields: What the transforms added to the annotation, see :data:`FIELDS`.
    """

    facts: dict[str, Any]
    state: str
    content: str
    fields: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, key: str) -> 'ClipRecord':
        """Read and check the record of a clip; its frames have to be there.

        Raises:
            MERDataError: A file is missing or damaged, or a link leads out of the
                data root.
        """
        path, frames = folder / f'{key}.json', folder / f'{key}.npy'
        check_link(path, folder.parent)
        check_link(frames, folder.parent)
        try:
            record = cls(**read_json(path, _MAX_RECORD))
            if type(record.facts) is not dict:
                raise ValueError('its facts are not an object')
            parse_fields(record.fields)
            size = math.prod(record.shape)
            path = frames
            header = os.stat(path).st_size - size
            if size > _MAX_FRAMES or not 0 < header <= _MAX_HEADER:
                raise ValueError(f'has the wrong size for frames of {record.shape}')
        except DAMAGED as error:
            raise damaged(path, error) from error
        return record

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the frames, (T, H, W, 3)."""
        return self.fields['clip_len'], *self.fields['img_shape'], 3

    def save(self, folder: Path, key: str) -> None:
        """Write the record."""
        write_json(folder / f'{key}.json', asdict(self))

    def read_frames(self, folder: Path, key: str) -> np.ndarray:
        """Read the frames, (T, H, W, 3) uint8.

        They are not memory-mapped: if the file was cut short in the meantime, an
        access would end the process.

        Raises:
            MERDataError: The file is missing, damaged or holds something else.
        """
        path = folder / f'{key}.npy'
        try:
            with open_regular(path) as file:
                frames = np.lib.format.read_array(file, allow_pickle=False)
            if (frames.shape, frames.dtype) != (self.shape, np.uint8):
                raise ValueError(f'holds {frames.dtype} of shape {frames.shape}')
        except DAMAGED as error:
            raise damaged(path, error) from error
        return frames


def damaged(path: Path, error: BaseException) -> MERDataError:
    """Return the error for a file of a store that cannot be used."""
    kind = '' if type(error) is ValueError else f'{type(error).__name__}: '
    reason = getattr(error, 'strerror', None) or f'{kind}{error}'
    if isinstance(error, FileNotFoundError):
        reason += ' (if the store was built again while it was in use, start again)'
    return MERDataError(
        f'this file of a clip store cannot be used: {reason[:MAX_TEXT]}',
        path=path,
        hint=HINT,
    )


def check_link(path: Path, root: Path) -> None:
    """Check that no link in ``path`` leads out of ``root``.

    Raises:
        MERDataError: One does.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise MERDataError(
            f'a link leads out of {root}',
            path=path,
            hint=f'put the store there, or make {root} itself the link',
        )
