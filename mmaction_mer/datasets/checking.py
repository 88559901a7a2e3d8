"""Check and summarize the clips of an annotation file, for ``tools/data/check.py``."""

import os
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..motion.limits import ClipLimits, check_clip_limits
from ..utils.errors import MERDataError
from .annotation import clip_name
from .clips import count_frames, depth_note, load_clip, locate, usable_clips
from .video.reader import iter_frames_in_order, open_video
from .video.sampling import frame_notes, rate_notes


@dataclass
class ClipCheck:
    """The result of :func:`check_clips`.

    Attributes:
        problems: The reason, by name of each clip that cannot be used.
        notes: Remarks on clips that can be used: missing frames, frame rates that
            differ from the time stamps.
        depths: One line per usable clip whose images have more than 8 bits.
        sizes: Number of usable clips by ``'<width>x<height>'`` of their frames.
        verified: Number of usable clips in videos whose frames were compared with
            those of decoding in order.
    """

    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    depths: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    verified: int = 0


@dataclass
class LimitCheck:
    """The result of :func:`check_limits`.

    Attributes:
        problems: The reason, by name of each clip that the pipeline cannot use.
        notes: Remarks on clips that it can use.
        lowered: The new upper edge of the pass band in Hz, by name of each clip for
            which it is lowered.
    """

    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lowered: dict[str, float] = field(default_factory=dict)

    def summary(self, limits: ClipLimits) -> str:
        """Summarize in a sentence how many pass bands are lowered; empty for none."""
        if not self.lowered:
            return ''
        edge, clip = min((edge, clip) for clip, edge in self.lowered.items())
        return (
            f'{len(self.lowered)} clip(s) are too long for the whole pass band, '
            f'{limits.band}: its upper edge is lowered, down to {edge:.3g} Hz in {clip}'
        )


def frames_root(annotation: str | Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Find the folder that the paths in an annotation file start from.

    Args:
        annotation: The annotation file.
        rows: Its rows.

    Returns:
        ``frames/`` beside the file, as in a prepared folder, or the folder of the
        file, as in SynthME: the one that contains the first clip that exists. If no
        clip exists, ``frames/`` if there is such a folder.
    """
    folder = Path(annotation).parent
    nested = folder / 'frames'
    for row in rows:
        path = row['frame_dir'] if row.get('video') is None else row['video']
        for root in (nested, folder):
            if os.path.exists(root / path):
                return root
    return nested if nested.is_dir() else folder


def check_clips(
    rows: Iterable[Mapping[str, Any]], root: str | Path, source: str = 'annotation'
) -> ClipCheck:
    """Check the frames of every clip, and decode those that a model gets.

    These are 16 at regular intervals, including the first and the last one. Those of
    a video are compared with the frames of decoding it in order.

    Args:
        rows: Valid rows of an annotation file; may be wrapped in a progress bar.
        root: The folder that their paths start from.
        source: The annotation file, for messages. Defaults to 'annotation'.

    Returns:
        Every clip that cannot be used, and remarks on the others.

    Raises:
        MERDataError: The root is not a folder.
    """
    if not os.path.isdir(root):
        raise MERDataError(
            f'the frames should be in {root}, which is not a folder on this machine',
            path=source,
            hint='pass their folder by --frames',
        )
    found, usable, sizes = ClipCheck(), [], Counter[str]()
    for row in rows:
        name = clip_name(row)
        try:
            # The same steps as in training, with the same errors.
            located = locate(row, str(root))
            clip = load_clip(located, max_frames=16)
            frames = clip['imgs']
            depth = depth_note(located)
            if row.get('video') is not None:
                found.notes += _verify_video(located, frames, clip['frame_inds'])
                found.verified += 1
        except MERDataError as error:
            found.problems[name] = str(error)
            continue
        height, width = frames[0].shape[:2]
        sizes[f'{width}x{height}'] += 1
        found.depths += [_line(name, depth)] if depth else []
        usable.append(row)
    if usable:
        found.notes += usable_clips(usable, str(root), source).notes
    found.sizes = dict(sizes.most_common())
    return found


def check_limits(
    rows: Iterable[Mapping[str, Any]],
    limits: ClipLimits,
    task: str | None = None,
    root: str | Path = '',
) -> LimitCheck:
    """Check the length and frame rate of every clip against the limits of a pipeline.

    No image is read from disk; of videos only the time stamps are.

    Args:
        rows: Valid rows of an annotation file.
        limits: The limits of the pipeline.
        task: ``metainfo.task_name`` of the file. If it is micro-expressions or None,
            clips that are longer than any micro-expression are noted. Defaults to None.
        root: The folder that the paths of the rows start from; empty if they are
            absolute, as in a :class:`MERDataset`. Defaults to ''.

    Returns:
        Every clip that cannot be used, and remarks on the others.
    """
    found, micro = LimitCheck(), is_micro(task)
    for row in rows:
        name = clip_name(row)
        result = check_clip_limits(limits, row, micro, _total(row, root))
        if result.problem is not None:
            found.problems[name] = _line(name, result.problem, result.field)
            continue
        found.notes += [_line(name, text, field) for field, text in result.notes]
        if result.upper is not None:
            found.lowered[name] = result.upper
    return found


def _line(clip: str, text: str, field: str | None = None) -> str:
    """Write a remark on a clip as errors are written."""
    return str(MERDataError(text, clip=clip, field=field))


def _total(row: Mapping[str, Any], root: str | Path) -> int | None:
    """Count the frames of a clip; None if reading the frames will raise the error."""
    if row.get('video') is None:
        return None
    try:
        return count_frames(locate(row, str(root)) if root else row)
    except MERDataError:
        return None


def is_micro(task: str | None) -> bool:
    """Return whether the clips of a task are micro-expressions, the default task.

    >>> is_micro('macro-expression recognition'), is_micro(None)
    (False, True)
    """
    return task is None or task.startswith('micro')


def is_macro(task: str | None) -> bool:
    """Return whether the clips of a task are macro-expressions, for pre-training.

    >>> is_macro('macro-expression recognition'), is_macro(None)
    (True, False)
    """
    return task is not None and task.startswith('macro')


def _verify_video(
    row: Mapping[str, Any], frames: Sequence[np.ndarray], numbers: np.ndarray
) -> list[str]:
    """Check frames of a video against decoding in order; return remarks on it."""
    name, path = clip_name(row), row['video']
    expected = iter_frames_in_order(path, numbers, name)
    for number, frame, truth in zip(numbers, frames, expected, strict=True):
        if not np.array_equal(frame, truth):
            raise MERDataError(
                f'frame {number} differs from that of decoding in order',
                path=path,
                clip=name,
                hint='convert the video, or write its frames as images',
            )
    index = open_video(path, name)
    rate = index.rate
    notes = rate_notes(index, row['fps'])
    if rate is not None and not rate.constant:
        notes = notes[1:]  # usable_clips reports resampling of every usable clip
    return [_line(name, note) for note in (*notes, *frame_notes(index))]


def summarize(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict:
    """Summarize the clips of an annotation.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes.

    Returns:
        A dict that can be written as JSON: ``clips``, ``subjects``, ``without_apex``;
        ``classes`` and ``datasets`` (rows with ``clips`` and ``subjects``),
        ``frame_rates`` (clips by Hz); ``length`` with ``min``, ``median`` and ``max``
        of the clips' ``frames`` (onset and offset included) and ``ms`` (from onset to
        offset).

    >>> row = dict(dataset='samm', subject='006', onset=1, apex=None, offset=41,
    ...            fps=200.0, label=0)
    >>> found = summarize([row, {**row, 'offset': 61}], ['negative', 'positive'])
    >>> found['length']['frames'], found['length']['ms']['max']
    ({'min': 41, 'median': 51.0, 'max': 61}, 300.0)
    >>> found['classes'][1]
    {'class': 'positive', 'clips': 0, 'subjects': 0}
    """
    frames = [row['offset'] - row['onset'] + 1 for row in rows]
    times = [clip_ms(row) for row in rows]
    rates = Counter(float(row['fps']) for row in rows)
    datasets = sorted({row['dataset'] for row in rows})
    return {
        **_counts(rows),
        'without_apex': sum(row['apex'] is None for row in rows),
        'classes': [
            {'class': name, **_counts([row for row in rows if row['label'] == index])}
            for index, name in enumerate(classes)
        ],
        'datasets': [
            {'dataset': name, **_counts([r for r in rows if r['dataset'] == name])}
            for name in datasets
        ],
        'frame_rates': {f'{rate:g}': rates[rate] for rate in sorted(rates)},
        'length': {'frames': _spread(frames), 'ms': _spread(times)},
    }


def clip_ms(row: Mapping[str, Any]) -> float:
    """Return the time from onset to offset, in milliseconds.

    >>> clip_ms({'onset': 1, 'offset': 41, 'fps': 200.0})
    200.0
    """
    return 1000 * (row['offset'] - row['onset']) / row['fps']


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    people = {(row['dataset'], row['subject']) for row in rows}
    return {'clips': len(rows), 'subjects': len(people)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    middle = statistics.median(values)
    return {'min': min(values), 'median': middle, 'max': max(values)}
