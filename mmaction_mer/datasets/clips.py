"""Find and load the clips of an annotation file on this disk.

A release may lack clips. Those that cannot be used are reported by name and skipped;
more than the user allows is an error.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import MERDataError, raise_problems
from ..utils.file_errors import data_errors
from .annotation import clip_name
from .images.clip_images import ClipImages
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
from .video.sampling import resampling_note, sample_video


@dataclass(frozen=True)
class UsableClips:
    """The result of :func:`usable_clips`.

    Attributes:
        rows: Rows that can be used, their ``frame_dir`` or ``video`` absolute.
        skipped: The reason, by name of each clip that cannot be used.
        notes: One line per usable clip that lacks some frames, or that is resampled
            from a video with a variable frame rate.
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
    """Find the frames of every clip; decode no images, and each video once.

    Args:
        rows: Valid rows of an annotation file; they are not changed.
        root: The data root, which the paths of the rows start from; the empty
            string is the current folder.
        source: The annotation file, for messages. Defaults to 'annotation'.
        max_missing: Number of clips that may be skipped. Defaults to 0.

    Returns:
        The clips whose files exist with at least two frames between onset and
        offset, and those that are skipped.

    Raises:
        MERDataError: The root is missing, more than ``max_missing`` clips
            cannot be used, or none can; the message lists them.
    """
    if not os.path.isdir(root or '.'):
        raise MERDataError(
            f"the data root '{root}' is not a folder on this machine",
            path=source,
            hint="set data_root or data_prefix['img'] to the folder of the release",
        )
    usable = UsableClips()
    for row in rows:
        name = clip_name(row)
        try:
            row = locate(row, root)
            available = available_frames(row)
            missing, first = missing_frames(available, row['onset'], row['offset'])
            choose_frames(list(available), row['onset'], row['offset'], 2, name)
        except MERDataError as error:
            usable.skipped[name] = str(error)
            continue
        usable.rows.append(row)
        usable.notes.extend(f'clip {name}: {note}' for note in _rate_note(row))
        if missing:
            usable.notes.append(
                f'clip {name}: {missing} of {row["offset"] - row["onset"] + 1} '
                f'frames are missing (first: {first}); the nearest ones are used'
            )
    if len(usable.skipped) > max_missing or not usable.rows:
        raise_problems(
            source,
            f'clips cannot be used, and max_missing is {max_missing} (add the files, '
            f'or set max_missing to skip them)',
            list(usable.skipped.values()),
        )
    return usable


def locate(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return a copy of a row whose ``frame_dir`` or ``video`` is absolute.

    Raises:
        MERDataError: The path leaves the data root through a link.
    """
    key = 'frame_dir' if row.get('video') is None else 'video'
    root = os.path.abspath(root)
    path = os.path.normpath(os.path.join(root, row[key]))
    _check_inside(path, root, row)
    if key == 'frame_dir' and os.path.isdir(path):
        with (
            data_errors('frame folder', path, clip=clip_name(row), field=key),
            os.scandir(path) as entries,
        ):
            links = [entry.path for entry in entries if entry.is_symlink()]
        for link in links:
            _check_inside(link, root, row)
    return {**row, key: path}


def load_clip(row: Mapping[str, Any], max_frames: int | None = None) -> dict[str, Any]:
    """Read the frames of a clip from onset to offset.

    Args:
        row: A located row, see :func:`locate`.
        max_frames: Longer clips are sampled to this number of frames, at regular
            intervals. Defaults to None, which reads all frames.

    Returns:
        ``imgs`` list of (H, W, 3) uint8 RGB, ``frame_inds`` int64 array of the
        frame numbers, ``fps`` the rate of these frames (Hz) and ``total_frames`` the
        length of the clip, offset - onset + 1. A video with a variable frame rate is
        resampled to a constant one, and ``total_frames`` counts the result.

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
    numbers = choose_frames(
        list(available), row['onset'], row['offset'], max_frames, name
    )
    paths = [available[int(number)] for number in numbers]
    return {
        'imgs': read_images(paths, name, [*available.values()]),
        'frame_inds': numbers,
        'fps': sampled_fps(row['fps'], total, len(numbers)),
        'total_frames': total,
    }


def available_frames(row: Mapping[str, Any]) -> dict[int, str] | range:
    """Return the frame numbers that exist, with their files, or as range of a video.

    Args:
        row: A located row, see :func:`locate`.

    Raises:
        MERDataError: The folder or the video cannot be read, or contains no frame.
    """
    name = clip_name(row)
    if row.get('video') is None:
        return list_frames(row['frame_dir'], row['filename_tmpl'], name)
    index = open_video(row['video'], name)
    if index.damage and row['offset'] >= len(index):
        raise MERDataError(
            f'the video can be decoded only to frame {len(index) - 1} '
            f'({index.damage}), but offset is {row["offset"]}',
            path=row['video'],
            clip=name,
            field='video',
            hint='the file is damaged, copy it again',
        )
    return range(len(index))


def _rate_note(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a note if a clip is resampled from a variable frame rate."""
    if row.get('video') is None:
        return ()
    rate = open_video(row['video'], clip_name(row)).rate
    return () if rate is None or rate.constant else (resampling_note(rate, row['fps']),)


def count_frames(row: Mapping[str, Any]) -> int:
    """Count the frames of a clip at its frame rate, ``row['fps']``.

    Args:
        row: A located row, see :func:`locate`.

    Returns:
        offset - onset + 1; for a video with a variable frame rate the number after
        resampling.

    Raises:
        MERDataError: The video cannot be read.
    """
    if row.get('video') is None:
        return row['offset'] - row['onset'] + 1
    return _sampled(row, None)[2]


def _sampled(
    row: Mapping[str, Any], max_frames: int | None
) -> tuple[np.ndarray, float, int]:
    """Choose the frames of a clip in a video at a constant rate.

    Returns:
        Their indices, their rate in Hz, and the number of frames of the whole clip.
    """
    name, onset, offset = clip_name(row), row['onset'], row['offset']
    index = open_video(row['video'], name)
    every = choose_frames(range(len(index)), onset, offset, clip=name)
    try:
        sampling = sample_video(index, row['fps'], onset, offset)
    except VideoError as error:
        raise MERDataError(str(error), path=row['video'], clip=name) from error
    picks = every if sampling.constant else sampling.picks
    positions = sample_positions(len(picks), max_frames)
    fps = sampled_fps(sampling.fps, len(picks), len(positions))
    return picks[positions], fps, len(picks)


def depth_note(row: Mapping[str, Any]) -> str | None:
    """Describe the white level of a clip with more than 8 bits; None for 8 bits.

    Args:
        row: A located row, see :func:`locate`.

    Raises:
        MERDataError: The folder cannot be read.
    """
    available = available_frames(row)
    if not isinstance(available, dict):
        return None
    return ClipImages([*available.values()]).note()


def _check_inside(path: str, root: str, row: Mapping[str, Any]) -> None:
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise MERDataError(
            f'a link leads out of the data root {root}',
            path=path,
            clip=clip_name(row),
            hint='put the files below the root, or make the root itself the link',
        )
