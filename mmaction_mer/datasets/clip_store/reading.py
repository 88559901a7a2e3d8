"""Reading a store: the first transform of a pipeline, in place of what made it."""

import functools
import logging
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mmengine.logging import print_log

from ...utils.errors import MERDataError, raise_problems
from ...utils.text import quote
from ..annotation import clip_name
from .layout import (
    ADVICE,
    INDEX,
    PIXELS,
    Index,
    Pixels,
    decode,
    open_pixels,
    read_index,
)
from .sources import clip_facts, content_digest, source_files, source_state

# Fields that frames are moved together with; a store knows the frames alone.
MOVED_ALONG = (
    'keypoint', 'gt_bboxes', 'proposals', 'lazy', 'scale_factor', 'crop_quadruple'
)  # fmt: skip
# Clips, by store and root, that were compared with their files: every fold of a
# process asks again.
_COMPARED: dict[tuple['ClipStore', str], set[str]] = {}


@dataclass(frozen=True)
class ClipStore:
    """The clips of a store, as a transform from a row to what was kept of its clip.

    Small and without open files, so that it can be sent to other processes: each
    opens the store when it reads its first clip.

    Attributes:
        folder: The store.
        stamp: Inode, size and time of its files, as they were found.
    """

    folder: str
    stamp: tuple[int, ...]
    deterministic: ClassVar[bool] = True

    @property
    def pipeline(self) -> list[str]:
        """The transforms that made the clips, in words."""
        return _index(self).pipeline

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the transforms would make of a row that :meth:`check` passed."""
        clip = _index(self).clips[clip_name(row)]
        frames = _pixels(self).read(clip['place'])
        told = decode(clip['rest'])
        told = {**row, 'imgs': list(frames), **told}
        # Stores made before it was kept lack it.
        told.setdefault('frame_step', row['fps'] / told['fps'])
        return told

    def check(self, rows: Sequence[Mapping[str, Any]], root: str) -> None:
        """Make sure that the store was made of these rows and their files.

        The files of a clip are looked at once per process, and are read only where
        their times differ, as they do after a copy.

        Args:
            rows: Located rows, see :func:`~mmaction_mer.datasets.clips.locate`.
            root: The folder that the paths of the annotation start from.

        Raises:
            MERDataError: The store is stale; the message names the clips.
        """
        _pixels(self)
        root = os.path.abspath(root)
        seen = _COMPARED.setdefault((self, root), set())
        problems, moved = compare(_index(self), rows, root, seen)
        raise_problems(self.folder, f'this store is stale ({ADVICE})', problems)
        seen.update(clip_name(row) for row in rows)
        if moved:
            print_log(
                f'{self.folder}: the files of {len(moved)} clip(s) have other times '
                f'than when the store was made, but the same contents. Each start '
                f'reads them to know; writing the store again notes the new times.',
                'current',
                logging.INFO,
            )


def compare(
    index: Index,
    rows: Sequence[Mapping[str, Any]],
    root: str,
    seen: Container[str] = (),
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Compare rows and their files with what a store was made of.

    Args:
        index: The store's.
        rows: Located rows.
        root: The folder that the paths of the annotation start from.
        seen: Names of clips whose files need not be looked at.

    Returns:
        What is wrong, a line per clip; and, by name of each clip whose files differ
        in nothing but their times, their state now.
    """
    problems: list[str] = []
    moved: dict[str, dict[str, str]] = {}
    listings: dict[Any, dict[int, str]] = {}
    for row in rows:
        name = clip_name(row)
        try:
            reason = _other_facts(index.clips.get(name), row, root)
            if reason is None and name not in seen:
                files = source_files(row, listings)
                known, state = index.clips[name]['sources'], source_state(files)
                if known['names'] != state['names']:
                    reason = 'files were added, removed or changed since'
                elif known['times'] != state['times']:
                    moved[name] = state
                    if known['content'] != content_digest(files):
                        reason = 'files were changed since'
        except MERDataError as error:
            reason = str(error)
        if reason is not None:
            problems.append(f'clip {name}: {reason}')
    return problems, moved


def find_store(data_root: str | Path) -> ClipStore | None:
    """Find the store of a data set.

    Args:
        data_root: The folder that holds ``store/``; it may be a link.

    Returns:
        The store, None where none stands.

    Raises:
        MERDataError: A link leads out of ``data_root``, or a file is missing.
    """
    folder = Path(data_root, 'store')
    if not (folder / INDEX).is_file():
        return None
    check_links(folder, data_root)
    return ClipStore(os.path.abspath(folder), _stamp(folder))


def check_links(folder: Path, root: str | Path) -> None:
    """Refuse a store of which a part is a link that leads out of ``root``."""
    for path in (folder, folder / INDEX, folder / PIXELS):
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            raise MERDataError(
                f'{path}: a link leads out of {root}: put the store there, or make '
                f'{root} itself the link'
            )


def _other_facts(
    clip: Mapping[str, Any] | None, row: Mapping[str, Any], root: str
) -> str | None:
    """Say in what a row differs from the one that was stored."""
    if clip is None:
        return 'is not in the store'
    if along := [field for field in MOVED_ALONG if field in row]:
        return f"field '{along[0]}': goes with the frames, but a store keeps them alone"
    facts, known = clip_facts(row, root), clip['facts']
    for field in {**facts, **known}:
        if facts.get(field) != known.get(field):
            return (
                f"field '{field}': is {quote(facts.get(field))}, but was "
                f'{quote(known.get(field))} when the store was made'
            )
    return None


def _stamp(folder: str | Path) -> tuple[int, ...]:
    try:
        found = [os.stat(Path(folder, name)) for name in (PIXELS, INDEX)]
    except OSError as error:
        raise MERDataError(f'{error.filename}: {error.strerror}: {ADVICE}') from error
    return tuple(n for f in found for n in (f.st_ino, f.st_size, f.st_mtime_ns))


def _still_there(store: ClipStore) -> None:
    if _stamp(store.folder) != store.stamp:
        raise MERDataError(
            f'{store.folder}: the store was made anew while it was in use: start again'
        )


# A process opens a store once, however many data sets read it.
@functools.lru_cache(maxsize=16)
def _index(store: ClipStore) -> Index:
    _still_there(store)
    return read_index(store.folder)


@functools.lru_cache(maxsize=16)
def _pixels(store: ClipStore) -> Pixels:
    _still_there(store)
    return open_pixels(store.folder, _index(store).shape)
