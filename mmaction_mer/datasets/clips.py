"""From rows of an annotation file to clips on this disk.

A release may lack clips. Each one that cannot be used is reported by name, the
rest goes on, and more than the user tolerates is an error.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import MERDataError, raise_problems
from .annotation import clip_name
from .images.clip_images import ClipPictures
from .images.frame_folder import (
    choose_frames,
    list_frames,
    missing_frames,
    read_images,
    sample_positions,
    sampled_fps,
)
from .video.files import VideoError
from .video.reader import open_video, read_video
from .video.sampling import resampled, sample_video


@dataclass(frozen=True)
class UsableClips:
    """What :func:`usable_clips` found.

    Attributes:
        rows: Rows that can be used, their ``frame_dir`` or ``video`` absolute.
        skipped: The reason, by name of each clip left out.
        notes: One line per usable clip that lacks some frames, or that is read at a
            constant rate from a video that has none.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def usable_clips(
    rows: Sequence[Mapping[str, Any]],
    root: str,
    source: str = 'annotation',
    max_missing: int = 0,
) -> UsableClips:
    """Look for the frames of every clip; decode no pictures, and each video once.

    Args:
        rows: Valid rows of an annotation file; they are not changed.
        root: The data root, which the paths of the rows start from; the empty
            text is the current folder.
        source: The annotation file, for messages.
        max_missing: So many clips may be left out.

    Returns:
        The clips whose files exist with at least two frames between onset and
        offset, and what was left out.

    Raises:
        MERDataError: The root is missing, more than ``max_missing`` clips
            cannot be used, or none can; the message lists them all.
    """
    if not os.path.isdir(root or '.'):
        raise MERDataError(
            f"{source}: the data root '{root}' is not a folder on this machine: set "
            f"data_root or data_prefix['img'] to where the release lies"
        )
    usable = UsableClips()
    for row in rows:
        name = clip_name(row)
        try:
            row = locate(row, root)
            available = available_frames(row)
            lacking, first = missing_frames(available, row['onset'], row['offset'])
            choose_frames(list(available), row['onset'], row['offset'], 2)
        except MERDataError as error:
            # Frames are chosen by number alone: only here is the clip known.
            text = str(error)
            usable.skipped[name] = text if name in text else f'clip {name}: {text}'
            continue
        usable.rows.append(row)
        usable.notes.extend(f'clip {name}: {note}' for note in _uneven(row))
        if lacking:
            usable.notes.append(
                f'clip {name}: {lacking} of {row["offset"] - row["onset"] + 1} '
                f'frames are missing (first: {first}); the nearest ones are used'
            )
    if len(usable.skipped) > max_missing or not usable.rows:
        raise_problems(
            source,
            f'clips cannot be used, and max_missing is {max_missing} (add the files, '
            f'or set max_missing to go on without them)',
            list(usable.skipped.values()),
        )
    return usable


def locate(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return a copy of a row whose ``frame_dir`` or ``video`` is absolute.

    Raises:
        MERDataError: The path leaves the data root, through a link.
    """
    key = 'frame_dir' if row.get('video') is None else 'video'
    root = os.path.abspath(root)
    path = os.path.normpath(os.path.join(root, row[key]))
    _refuse_outside(path, root, row)
    if key == 'frame_dir' and os.path.isdir(path):
        try:
            with os.scandir(path) as entries:
                links = [entry.path for entry in entries if entry.is_symlink()]
        except OSError as error:
            raise MERDataError(
                f'{path}: clip {clip_name(row)}, field frame_dir: frame folder cannot '
                f'be read ({error.strerror})'
            ) from error
        for link in links:
            _refuse_outside(link, root, row)
    return {**row, key: path}


def load_clip(row: Mapping[str, Any], max_frames: int | None = None) -> dict[str, Any]:
    """Read the frames of a clip from onset to offset.

    Args:
        row: A located row, see :func:`locate`.
        max_frames: Longer clips are sampled down to so many frames, at regular
            intervals; None reads all.

    Returns:
        ``imgs`` list of (H, W, 3) uint8 RGB, ``frame_inds`` int64 array of the
        frame numbers read, ``fps`` the rate of what was read (Hz) and
        ``total_frames`` the length of the clip, offset - onset + 1. Of a video whose
        frames do not come at a constant rate those are read that are nearest to
        regular times, and ``total_frames`` is how many of these a clip has.

    Raises:
        MERDataError: Frames are missing or cannot be read; the message names
            file and clip.
    """
    name = clip_name(row)
    total = row['offset'] - row['onset'] + 1
    available = available_frames(row)
    if not isinstance(available, dict):
        numbers, fps, total = _sampled(row, max_frames)
        return {
            'imgs': read_video(row['video'], numbers, name),
            'frame_inds': numbers,
            'fps': fps,
            'total_frames': total,
        }
    try:
        numbers = choose_frames(
            list(available), row['onset'], row['offset'], max_frames
        )
    except MERDataError as error:
        raise MERDataError(f'clip {name}: {error}') from error
    paths = [available[int(number)] for number in numbers]
    return {
        'imgs': read_images(paths, name, [*available.values()]),
        'frame_inds': numbers,
        'fps': sampled_fps(row['fps'], total, len(numbers)),
        'total_frames': total,
    }


def available_frames(row: Mapping[str, Any]) -> dict[int, str] | range:
    """Frame numbers of a clip that exist: with their files, or the range of a video.

    Args:
        row: A located row, see :func:`locate`.

    Raises:
        MERDataError: The folder or the video cannot be read, or holds no frame.
    """
    name = clip_name(row)
    if row.get('video') is None:
        return list_frames(row['frame_dir'], row['filename_tmpl'], name)
    index = open_video(row['video'], name)
    if index.damage and row['offset'] >= len(index):
        raise MERDataError(
            f'{row["video"]}: clip {name}, field video: can be decoded to frame '
            f'{len(index) - 1} alone ({index.damage}), but offset is {row["offset"]}: '
            f'the file is damaged, copy it again'
        )
    return range(len(index))


def _uneven(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Say that a clip is read at a constant rate from a video that has none."""
    if row.get('video') is None:
        return ()
    rate = open_video(row['video'], clip_name(row)).rate
    return () if rate is None or rate.constant else (resampled(rate, row['fps']),)


def count_frames(row: Mapping[str, Any]) -> int:
    """Count the frames of a clip at its frame rate, ``row['fps']``.

    Args:
        row: A located row, see :func:`locate`.

    Returns:
        offset - onset + 1; of a video whose frames do not come at a constant rate the
        number to which it is resampled.

    Raises:
        MERDataError: The video cannot be read.
    """
    if row.get('video') is None:
        return row['offset'] - row['onset'] + 1
    return _sampled(row, None)[2]


def _sampled(
    row: Mapping[str, Any], max_frames: int | None
) -> tuple[np.ndarray, float, int]:
    """Choose the frames of a clip in a video, regular in time.

    Returns:
        Their indices, their rate in Hz, and how many the whole clip has at its rate.
    """
    name, onset, offset = clip_name(row), row['onset'], row['offset']
    index = open_video(row['video'], name)
    try:
        every = choose_frames(range(len(index)), onset, offset)
        sampling = sample_video(index, row['fps'], onset, offset)
        picks = every if sampling.constant else sampling.picks
        places = sample_positions(len(picks), max_frames)
    except (MERDataError, VideoError) as error:
        raise MERDataError(f'{row["video"]}: clip {name}: {error}') from error
    fps = sampled_fps(sampling.fps, len(picks), len(places))
    return picks[places], fps, len(picks)


def depth_note(row: Mapping[str, Any]) -> str | None:
    """Say what is read as white in a clip's pictures; None where they have 8 bits.

    Args:
        row: A located row, see :func:`locate`.

    Raises:
        MERDataError: The folder cannot be read.
    """
    available = available_frames(row)
    if not isinstance(available, dict):
        return None
    return ClipPictures([*available.values()]).note()


def _refuse_outside(path: str, root: str, row: Mapping[str, Any]) -> None:
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise MERDataError(
            f'{path}: clip {clip_name(row)}: a link leads out of the data root '
            f'{root}: put the files below the root, or make the root itself the link'
        )
