"""Reading a clip store: one transform in place of the beginning of a pipeline."""

import functools
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ...utils.errors import MERDataError, raise_problems
from ...utils.json_files import read_json
from ...utils.text import quote
from ..annotation import clip_name
from .record import DAMAGED, HINT, ClipRecord, check_link, damaged, parse_fields
from .sources import clip_facts, source_content, source_files, source_state

# Increase it when the files change, or the same transforms give other pixels.
FORMAT = 2
INDEX = 'index.json'
KEY = r'[0-9a-f]{32}'
# Bytes of an index, of which a clip takes about a hundred.
_MAX_INDEX = 1 << 28
# Fields that have to change together with the frames; a store holds only the frames.
_TIED_TO_FRAMES = (
    'keypoint', 'gt_bboxes', 'proposals', 'lazy', 'scale_factor', 'crop_quadruple'
)  # fmt: skip


class ClipStore:
    """A transform from the annotation of a clip to its frames in a store.

    It has no open files, so it can be sent to the workers of a data loader. The system
    caches the files that are read, for all processes together.

    Args:
        folder: The folder of the store.

    Attributes:
        pipeline: The transforms that the clips were built with, as text.
        keys: Key of each clip by its name, ``dataset/subject/clip``.

    Raises:
        MERDataError: The index is missing, damaged, or of another format.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / INDEX
        try:
            content = read_json(path, _MAX_INDEX)
            if content['format'] != FORMAT:
                raise ValueError(
                    f'it has format {quote(content["format"])}, but this version reads '
                    f'format {FORMAT}'
                )
            self.pipeline: list[str] = content['pipeline']
            self.keys: dict[str, str] = content['clips']
            known = type(self.pipeline) is list and self.pipeline
            if not known or any(type(one) is not str for one in self.pipeline):
                raise ValueError(f'{quote(self.pipeline)} is not a list of transforms')
            for name, key in self.keys.items():
                if not re.fullmatch(KEY, key):
                    raise ValueError(f'clip {quote(name)}: {quote(key)} is not a key')
        except DAMAGED as error:
            raise damaged(path, error) from error
        self._records: dict[str, ClipRecord] = {}
        self._checked: set[tuple[str, str]] = set()

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the transforms would return for a row that :meth:`check` passed.

        Raises:
            MERDataError: A file is damaged.
        """
        name = clip_name(row)
        record = self._record(name)
        frames = record.read_frames(self.folder, self.keys[name])
        return {**row, 'imgs': list(frames), **parse_fields(record.fields)}

    def check(self, rows: Sequence[Mapping[str, Any]], root: str) -> None:
        """Check that the clips were built from these rows and their present files.

        The files of a clip are checked once per process, and are read only if their
        modification times differ, as they do after a copy.

        Args:
            rows: Located rows, see :func:`~mmaction_mer.datasets.clips.locate`.
            root: The folder that the paths of the annotation start from.

        Raises:
            MERDataError: The store is stale or damaged; the message names the clips.
        """
        root = os.path.abspath(root)
        problems, moved = [], 0
        listings: dict[Any, dict[int, str]] = {}
        for row in rows:
            try:
                moved += self._check_clip(row, root, listings)
            except MERDataError as error:
                name, text = clip_name(row), str(error)
                problems.append(text if name in text else f'clip {name}: {text}')
        raise_problems(str(self.folder), f'this clip store is stale ({HINT})', problems)
        if moved:
            print_log(
                f'{self.folder}: the source files of {moved} clip(s) have other times '
                f'than when this store was built, but the same contents. Each start '
                f'reads them to know this, until --store saves the new times.',
                'current',
                logging.INFO,
            )

    def _check_clip(
        self, row: Mapping[str, Any], root: str, listings: dict[Any, dict[int, str]]
    ) -> bool:
        """Check one clip, and return whether only the times of its files differ."""
        name = clip_name(row)
        if name not in self.keys:
            raise MERDataError('is not in the store', clip=name)
        for field in _TIED_TO_FRAMES:
            if field in row:
                raise MERDataError(
                    'has to change together with the frames, but a store holds only '
                    'the frames',
                    clip=name,
                    field=field,
                )
        record, facts = self._record(name), clip_facts(row, root)
        for field in {**facts, **record.facts}:
            now, before = facts.get(field), record.facts.get(field)
            if now != before:
                raise MERDataError(
                    f'is {quote(now)}, but the store was built with {quote(before)}',
                    clip=name,
                    field=field,
                )
        if (root, name) in self._checked:
            return False
        files = source_files(row, listings)
        moved = record.state != source_state(files)
        if moved and record.content != source_content(files):
            raise MERDataError('source files were added, removed or changed', clip=name)
        self._checked.add((root, name))
        return moved

    def _record(self, name: str) -> ClipRecord:
        if name not in self._records:
            self._records[name] = ClipRecord.load(self.folder, self.keys[name])
        return self._records[name]


def find_store(data_root: str | Path) -> ClipStore | None:
    """Find the clip store of a dataset.

    Args:
        data_root: The folder that contains ``store/``; it may be a link.

    Returns:
        The store, the same object for all datasets of this process; None if there is
        none.

    Raises:
        MERDataError: The index is damaged, or a link leads out of ``data_root``.
    """
    folder = Path(os.path.abspath(data_root), 'store')
    index = folder / INDEX
    if not index.is_file():
        return None
    check_link(index, folder.parent)
    state = index.stat()
    return _open(folder, (state.st_ino, state.st_size, state.st_mtime_ns))


@functools.lru_cache(maxsize=16)
def _open(folder: Path, _state: tuple[int, ...]) -> ClipStore:
    return ClipStore(folder)
