"""What decides the pixels of a clip: the facts of its row, and its files."""

import functools
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ...utils.errors import MERDataError
from ..annotation import clip_name
from ..images.clip_images import files_of_white_level, scaling_version
from ..images.file_limits import open_bounded
from ..images.frame_folder import list_frames

FACTS = ('dataset', 'subject', 'clip', 'onset', 'offset', 'fps')


def clip_facts(row: Mapping[str, Any], root: str | os.PathLike) -> dict[str, Any]:
    """Pick what decides the pixels from a row of an annotation file.

    Args:
        row: The row, its path below ``root`` or absolute.
        root: The folder that the paths of the annotation start from.

    Returns:
        The facts, with the path below ``root``: the same on every machine.

    >>> row = dict(dataset='smic', subject='s01', clip='c1', video='/d/a/c1.mp4',
    ...            onset=0, offset=9, fps=100, label=2, apex=None)
    >>> clip_facts(row, '/d')
    {'dataset': 'smic', 'subject': 's01', 'clip': 'c1', 'onset': 0, 'offset': 9,
     'fps': 100.0, 'video': 'a/c1.mp4', 'decoded': 'in order'}
    """
    facts = {name: row[name] for name in FACTS} | {'fps': float(row['fps'])}
    key = 'frame_dir' if row.get('video') is None else 'video'
    root = os.path.abspath(root)
    path = os.path.relpath(os.path.join(root, row[key]), root)
    facts[key] = PurePath(path).as_posix()
    if key == 'frame_dir':
        facts['filename_tmpl'] = row['filename_tmpl']
    else:
        # Stores that do not say so may hold other frames than these.
        facts['decoded'] = 'in order'
    return facts


def source_files(
    row: Mapping[str, Any], listings: dict[Any, dict[int, str]] | None = None
) -> list[str]:
    """List the files that decide the pixels of a clip.

    These are its frames from onset to offset, or its video; where pictures have more
    than 8 bits, also the others of the folder (see
    :mod:`~mmaction_mer.datasets.images.bit_depth`).

    Args:
        row: A located row, see :func:`~mmaction_mer.datasets.clips.locate`.
        listings: What folders hold, filled here: clips may share a folder.

    Raises:
        MERDataError: The folder cannot be read.
    """
    if row.get('video') is not None:
        return [row['video']]
    listings = {} if listings is None else listings
    key = (row['frame_dir'], row['filename_tmpl'])
    if key not in listings:
        listings[key] = list_frames(*key, clip_name(row))
    frames = listings[key]
    held = [frames[n] for n in range(row['onset'], row['offset'] + 1) if n in frames]
    return files_of_white_level(held, [*frames.values()])


def source_state(files: Sequence[str]) -> dict[str, str]:
    """Fingerprint files by the header of a picture, without reading more.

    Returns:
        ``names``, a digest of their names and sizes, and ``times``, one of their
        names, sizes and times of change.

    Raises:
        MERDataError: A file is not there.
    """
    try:
        found = [(os.path.basename(file), os.stat(file)) for file in files]
    except OSError as error:
        raise MERDataError(
            f'{error.filename}: {error.strerror}; restore the file'
        ) from error
    sizes: list[Any] = [(name, status.st_size) for name, status in found]
    sizes += scaling_version(files)
    times = [status.st_mtime_ns for _, status in found]
    return {'names': digest(sizes), 'times': digest([sizes, times])}


def content_digest(files: Sequence[str]) -> str:
    """Fingerprint files by their contents.

    Raises:
        MERDataError: A file cannot be read, or is larger than any picture or video.
    """
    blake2b = functools.partial(hashlib.blake2b, digest_size=16)
    parts = []
    for file in files:
        try:
            with open_bounded(file) as opened:
                content: Any = opened
                found = hashlib.file_digest(content, blake2b).hexdigest()
        except OSError as error:
            raise MERDataError(f'{file}: {error.strerror}; restore the file') from error
        parts.append((os.path.basename(file), found))
    return digest(parts)


def digest(value: Any) -> str:
    """Hash a value that JSON can write.

    >>> digest(['a', 1]) == digest(['a', 1]), digest(['a', 1]) == digest(['a', 2])
    (True, False)
    """
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
