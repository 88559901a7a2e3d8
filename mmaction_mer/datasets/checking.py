"""What an annotation file holds, and whether its clips can be used on this machine.

Pure but for reading files: ``tools/data/check.py`` prints what is found here.
"""

import os
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..motion.limits import ClipLimits, Verdict, judge
from ..utils.errors import MERDataError
from .annotation import clip_name
from .clips import count_frames, depth_note, load_clip, locate, usable_clips
from .video.reader import decoded_in_order, open_video
from .video.sampling import frame_notes, rate_notes


@dataclass
class ClipCheck:
    """What :func:`check_clips` found.

    Attributes:
        problems: The reason, by name of each clip that cannot be used.
        notes: What is unusual about clips that can be used: frames that are missing,
            frame rates that are not what they are said to be.
        depths: One line per usable clip whose pictures have more than 8 bits.
        sizes: Number of usable clips by ``'<width>x<height>'`` of their frames.
        proven: Number of usable clips in videos whose frames were compared with those
            that decoding in order gives.
    """

    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    depths: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    proven: int = 0


@dataclass
class LimitCheck:
    """What :func:`check_limits` found.

    Attributes:
        problems: The reason, by name of each clip that the pipeline cannot use.
        notes: One line per note on a clip that it can use.
        lowered: By name of each clip whose pass band is narrowed, how far.
    """

    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lowered: dict[str, Verdict] = field(default_factory=dict)

    def summary(self, limits: ClipLimits) -> str:
        """Say in a sentence how many pass bands are narrowed; empty for none."""
        if not self.lowered:
            return ''
        edges = {name: one.upper or 0.0 for name, one in self.lowered.items()}
        worst = min(edges, key=lambda name: edges[name])
        return (
            f'{len(edges)} clip(s) are too long for the whole pass band, {limits.band}:'
            f' its upper edge is lowered, down to {edges[worst]:.3g} Hz in {worst}'
        )


def frames_root(annotation: str | Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Find the folder that the paths in an annotation file start from.

    Args:
        annotation: The annotation file.
        rows: Its rows.

    Returns:
        ``frames/`` beside the file, as in a prepared folder, or the file's own
        folder, as in SynthME: where the first clip that is on disk lies. If none is,
        ``frames/`` where there is such a folder.
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
    """Look at the frames of every clip, and decode those that a model is shown.

    These are 16 at regular intervals, the first and the last one among them. Those of
    a video are compared with the frames that decoding it in order gives.

    Args:
        rows: Valid rows of an annotation file; a progress bar may go around them.
        root: The folder that their paths start from.
        source: The annotation file, for messages.

    Returns:
        Every clip that cannot be used, none left out of the list, and more.

    Raises:
        MERDataError: The root is not a folder.
    """
    if not os.path.isdir(root):
        raise MERDataError(
            f'{source}: the frames should be in {root}, which is not a folder on this '
            f'machine: say where they are by --frames'
        )
    found, usable, sizes = ClipCheck(), [], Counter[str]()
    for row in rows:
        name = clip_name(row)
        try:
            # The same two steps as in training, and the same errors.
            located = locate(row, str(root))
            clip = load_clip(located, max_frames=16)
            frames = clip['imgs']
            depth = depth_note(located)
            if row.get('video') is not None:
                found.notes += _prove(located, frames, clip['frame_inds'])
                found.proven += 1
        except MERDataError as error:
            text = str(error)
            found.problems[name] = text if name in text else f'clip {name}: {text}'
            continue
        height, width = frames[0].shape[:2]
        sizes[f'{width}x{height}'] += 1
        found.depths += [f'clip {name}: {depth}'] if depth else []
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
    """Compare every clip's length and frame rate with what a pipeline asks for.

    No picture is read from disk; of videos the time stamps are.

    Args:
        rows: Valid rows of an annotation file.
        limits: What the pipeline asks for.
        task: ``metainfo.task_name`` of the file. Where it is micro-expressions, or not
            given, clips that are too long to be any are noted.
        root: The folder that the paths of the rows start from; empty if they are
            absolute, as in a :class:`MERDataset`.

    Returns:
        Every clip that cannot be used, and what is to be known about the others.
    """
    found, micro = LimitCheck(), is_micro(task)
    for row in rows:
        name = clip_name(row)
        verdict = judge(limits, row, micro, _total(row, root))
        if verdict.problem is not None:
            found.problems[name] = f'clip {name}, {verdict.field}: {verdict.problem}'
            continue
        found.notes += [f'clip {name}, {key}: {text}' for key, text in verdict.notes]
        if verdict.upper is not None:
            found.lowered[name] = verdict
    return found


def _total(row: Mapping[str, Any], root: str | Path) -> int | None:
    """Count the frames of a clip; None for what is found where frames are read."""
    if row.get('video') is None:
        return None
    try:
        return count_frames(locate(row, str(root)) if root else row)
    except MERDataError:
        return None


def is_micro(task: str | None) -> bool:
    """Tell whether the clips of a task are micro-expressions, as where none is given.

    >>> is_micro('macro-expression recognition'), is_micro(None)
    (False, True)
    """
    return task is None or task.startswith('micro')


def is_macro(task: str | None) -> bool:
    """Tell whether the clips of a task are macro-expressions, for pre-training.

    >>> is_macro('macro-expression recognition'), is_macro(None)
    (True, False)
    """
    return task is not None and task.startswith('macro')


def _prove(
    row: Mapping[str, Any], frames: Sequence[np.ndarray], numbers: np.ndarray
) -> list[str]:
    """Prove that frames of a video are the ones asked for, and tell of its header."""
    name, path = clip_name(row), row['video']
    wanted = decoded_in_order(path, numbers, name)
    for number, frame, truth in zip(numbers, frames, wanted, strict=True):
        if not np.array_equal(frame, truth):
            raise MERDataError(
                f'{path}: clip {name}: frame {number} is not the one that decoding in '
                f'order gives: convert the video, or write its frames as pictures'
            )
    index = open_video(path, name)
    rate = index.rate
    notes = rate_notes(index, row['fps'])
    if rate is not None and not rate.constant:
        notes = notes[1:]  # said of every clip that can be used
    return [f'clip {name}: {note}' for note in (*notes, *frame_notes(index))]


def summarise(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict:
    """Count what an annotation holds.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes.

    Returns:
        A dict that fits into JSON: ``clips``, ``subjects``, ``without_apex``;
        ``classes`` and ``datasets`` (rows with ``clips`` and ``subjects``),
        ``frame_rates`` (clips by Hz); ``length`` with ``min``, ``median`` and ``max``
        of the clips' ``frames`` (onset and offset included) and ``ms`` (from onset to
        offset).

    >>> row = dict(dataset='samm', subject='006', onset=1, apex=None, offset=41,
    ...            fps=200.0, label=0)
    >>> found = summarise([row, {**row, 'offset': 61}], ['negative', 'positive'])
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
