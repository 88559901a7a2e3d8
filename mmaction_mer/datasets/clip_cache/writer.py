"""Building a clip store; an interrupted build continues where it stopped."""

import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import TRANSFORMS
from tqdm import tqdm

from ...utils.errors import MERDataError, raise_problems
from ...utils.files import atomic_write, clear_half_written
from ...utils.json_files import write_json
from ...utils.locks import FileLock
from ...utils.parallel import cores, parallel_map
from ...utils.text import quote
from ..annotation import clip_name
from ..clips import locate
from .deterministic import deterministic_prefix
from .record import DAMAGED, ClipRecord, check_link, parse_fields
from .sources import clip_facts, digest, source_content, source_files, source_state
from .store import FORMAT, INDEX, KEY

# The deterministic beginning of configs/_base_/datasets/mer_224.py.
STANDARD = (
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
)
_OWN_FILE = re.compile(rf'({KEY})\.(npy|json)')


def write_store(
    folder: str | Path,
    rows: Sequence[Mapping[str, Any]],
    root: str | Path,
    transforms_cfg: Sequence[dict[str, Any]] = STANDARD,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write the clips of an annotation after the beginning of a pipeline.

    A clip that is already in the folder and up to date is not built again. An older
    store stays valid until the index is replaced at the end.

    Args:
        folder: The store to write, ``<data_root>/store``.
        rows: Rows of annotation files; several label maps may be mixed.
        root: The folder that the paths of the rows start from.
        transforms_cfg: The beginning of the pipeline, deterministic transforms.
            Defaults to :data:`STANDARD`.
        workers: Number of processes. Defaults to one per core.
        progress: Whether to show a progress bar. Defaults to True.

    Returns:
        The folder of the store.

    Raises:
        MERDataError: Clips cannot be read (the others are kept), the folder cannot be
            written or a link leads out of its parent, a transform is not
            deterministic, or another process is writing this store.
    """
    folder = Path(os.path.abspath(folder))
    check_link(folder, folder.parent)
    transforms = [TRANSFORMS.build(dict(config)) for config in transforms_cfg]
    pipeline = deterministic_prefix(transforms)
    if not pipeline or len(pipeline) < len(transforms):
        raise MERDataError(
            f'a clip store needs deterministic transforms, but its pipeline is empty, '
            f'or may draw random numbers after {pipeline}',
            path=folder,
        )
    builder = ClipBuilder(folder, transforms, pipeline, os.path.abspath(root))
    clips = _unique_clips(rows, builder.root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder, folder=True) as lock:
            if not lock.acquire():
                raise MERDataError(
                    'another process is writing this store',
                    path=folder,
                    hint='wait for it',
                )
            keys = _build(builder, clips, workers or cores(), progress)
            index = {'format': FORMAT, 'pipeline': pipeline, 'clips': keys}
            write_json(folder / INDEX, index)
            _remove_unused(folder, {*keys.values()})
    except OSError as error:
        raise MERDataError(
            f'cannot be written: {error}; finished clips are kept', path=folder
        ) from error
    return folder


@dataclass(frozen=True)
class ClipBuilder:
    """Builds clips and writes each to the two files of its key.

    Attributes:
        folder: The folder of the store.
        transforms: The beginning of the pipeline.
        pipeline: Their description.
        root: The folder that the paths of the clips start from.
    """

    folder: Path
    transforms: Sequence[Callable]
    pipeline: list[str]
    root: str

    def __call__(self, facts: dict[str, Any]) -> tuple[str, str]:
        """Build one clip, unless it is there and up to date.

        Args:
            facts: Its annotation, see :func:`~.sources.clip_facts`.

        Returns:
            Its key, and the problem that prevented it, if any.
        """
        try:
            row = locate(facts, self.root)
            files = source_files(row)
            # Before the frames are read: a change in between makes the store stale.
            state, content = source_state(files), source_content(files)
            key = digest([FORMAT, self.pipeline, facts, content])
            record = self._finished(key)
            if record is None:
                frames, fields = build_clip(self.transforms, row)
                record = ClipRecord({}, '', '', fields)
                file = io.BytesIO()
                np.lib.format.write_array(file, frames, allow_pickle=False)
                atomic_write(self.folder / f'{key}.npy', file.getbuffer())
            current = ClipRecord(facts, state, content, record.fields)
            if record != current:
                current.save(self.folder, key)
        except MERDataError as error:
            name, text = clip_name(facts), str(error)
            return '', text if name in text else f'clip {name}: {text}'
        return key, ''

    def _finished(self, key: str) -> ClipRecord | None:
        """Return the record of a clip if both of its files are undamaged."""
        try:
            record = ClipRecord.load(self.folder, key)
            record.read_frames(self.folder, key)
        except MERDataError:
            return None
        return record


def build_clip(
    transforms: Sequence[Callable], row: Mapping[str, Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Run transforms on a located row.

    Returns:
        The frames, (T, H, W, 3) uint8, and the fields that the transforms added or
        changed, as in JSON.

    Raises:
        MERDataError: The clip cannot be read, or the result does not fit in a store.
    """
    results: Any = dict(row)
    for transform in transforms:
        results = transform(results)
    frames = results.pop('imgs')
    fields = {
        field: value.tolist() if isinstance(value, np.ndarray) else value
        for field, value in results.items()
        if field not in row or row[field] is not value
    }
    try:
        for field, value in parse_fields(fields).items():
            if getattr(value, 'dtype', None) != getattr(results[field], 'dtype', None):
                raise ValueError(f"field '{field}' has another type than {value.dtype}")
        shape = fields['clip_len'], *fields['img_shape'], 3
        kinds = {(frame.shape, str(frame.dtype)) for frame in frames}
        if len(frames) != shape[0] or kinds != {(shape[1:], 'uint8')}:
            raise ValueError(f'its {len(frames)} frames are {kinds}, not {shape} uint8')
    except DAMAGED as error:
        raise MERDataError(
            f'cannot be kept in a clip store: {error}', clip=clip_name(row)
        ) from error
    return np.stack(frames), fields


def _unique_clips(
    rows: Sequence[Mapping[str, Any]], root: str
) -> dict[str, dict[str, Any]]:
    """Return the facts of each clip by its name, in the order of the names."""
    clips: dict[str, dict[str, Any]] = {}
    for row in rows:
        name, facts = clip_name(row), clip_facts(row, root)
        known = clips.setdefault(name, facts)
        for field in {**known, **facts}:
            one, other = known.get(field), facts.get(field)
            if one != other:
                raise MERDataError(
                    f'is {quote(one)} in one row, but {quote(other)} in another',
                    clip=name,
                    field=field,
                    hint='correct one of them',
                )
    if not clips:
        raise MERDataError('there are no clips to store', path=root)
    return dict(sorted(clips.items()))


def _build(
    builder: ClipBuilder,
    clips: Mapping[str, dict[str, Any]],
    workers: int,
    progress: bool,
) -> dict[str, str]:
    """Build all clips, and return the key of each by its name."""
    results = parallel_map(builder, [*clips.values()], workers, builder.__module__)
    bar = tqdm(results, 'clip store', len(clips), unit='clip', disable=not progress)
    keys, problems = {}, []
    for name, (key, problem) in zip(clips, bar, strict=True):
        keys[name] = key
        problems += [problem] if problem else []
    raise_problems(
        str(builder.folder),
        'clips cannot be stored (the others are finished and kept)',
        problems,
    )
    return keys


def _remove_unused(folder: Path, keys: set[str]) -> None:
    """Remove the files of clips that the index no longer lists."""
    for path in folder.iterdir():
        match = _OWN_FILE.fullmatch(path.name)
        if match and match[1] not in keys:
            path.unlink()
    clear_half_written(folder)
