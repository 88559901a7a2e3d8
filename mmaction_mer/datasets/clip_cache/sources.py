"""What determines the pixels of a clip: fields of its annotation, and its files."""

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
    """Return the fields of an annotation row that determine the pixels of its clip.

    Args:
        row: The row; its path is below ``root`` or absolute.
        root: The folder that the paths of the annotation start from.

    Returns:
        The fields. The path is relative to ``root``, so it is the same on every
        machine.

    >>> row = dict(dataset='smic', subject='s01', clip='c1', video='/d/a/c1.mp4',
    ...            onset=0, offset=9, fps=100, label=2, apex=None)
    >>> clip_facts(row, '/d')
    {'dataset': 'smic', 'subject': 's01', 'clip': 'c1', 'onset': 0, 'offset': 9,
     'fps': 100.0, 'video': 'a/c1.mp4'}
    """
    facts = {name: row[name] for name in FACTS} | {'fps': float(row['fps'])}
    key = 'frame_dir' if row.get('video') is None else 'video'
    root = os.path.abspath(root)
    path = os.path.relpath(os.path.join(root, row[key]), root)
    facts[key] = PurePath(path).as_posix()
    if key == 'frame_dir':
        facts['filename_tmpl'] = row['filename_tmpl']
    return facts


def source_files(
    row: Mapping[str, Any], listings: dict[Any, dict[int, str]] | None = None
) -> list[str]:
    """List the files that determine the pixels of a clip.

    These are its frames from onset to offset, or its video; if images have more than 8
    bits, also the others of the folder (see
    :mod:`~mmaction_mer.datasets.images.bit_depth`).

    Args:
        row: A located row, see :func:`~mmaction_mer.datasets.clips.locate`.
        listings: The frames of folders, added to here, since clips may share one.

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


def source_state(files: Sequence[str]) -> str:
    """Hash the names, sizes and modification times of files.

    Raises:
        MERDataError: A file is missing.
    """
    try:
        states = [(os.path.basename(file), os.stat(file)) for file in files]
    except OSError as error:
        raise MERDataError(
            f'{error.strerror}', path=error.filename, hint='restore the file'
        ) from error
    return digest([(name, one.st_size, one.st_mtime_ns) for name, one in states])


def source_content(files: Sequence[str]) -> str:
    """Hash the names and contents of files, and the version of how they are scaled.

    Raises:
        MERDataError: A file cannot be read, or is larger than any picture or video.
    """
    blake2b = functools.partial(hashlib.blake2b, digest_size=16)
    parts: list[Any] = scaling_version(files)
    for file in files:
        try:
            with open_bounded(file) as opened:
                content: Any = opened
                found = hashlib.file_digest(content, blake2b).hexdigest()
        except OSError as error:
            raise MERDataError(
                f'{error.strerror}', path=file, hint='restore the file'
            ) from error
        parts.append((os.path.basename(file), found))
    return digest(parts)


def digest(value: Any) -> str:
    """Hash a value that can be written as JSON.

    >>> digest(['a', 1]) == digest(['a', 1]), digest(['a', 1]) == digest(['a', 2])
    (True, False)
    """
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
