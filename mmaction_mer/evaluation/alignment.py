"""Predictions of several runs for the same clips, side by side."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..utils.errors import MERDataError
from .functional import confusion_by_group
from .predictions import Key, Prediction, clip_key, shown_clip

#: Number of clips that a message lists.
LISTED = 5


@dataclass(frozen=True)
class AlignedRuns:
    """Predictions of R runs for the same N clips, in the same order.

    Attributes:
        clips: Data set, subject and name of each clip.
        labels: (N,) int64, true class of each clip.
        predictions: (R, N) int64, what each run predicted.
        num_classes: Number of classes C.
    """

    clips: list[Key]
    labels: np.ndarray
    predictions: np.ndarray
    num_classes: int

    @property
    def correct(self) -> np.ndarray:
        """(R, N) bool: where a run is right."""
        return self.predictions == self.labels

    @property
    def subjects(self) -> list[tuple[str, str]]:
        """Data set and subject of each clip."""
        return [clip[:2] for clip in self.clips]

    def by_group(self, groups: Sequence[Hashable]) -> np.ndarray:
        """Count per run and group of clips: (R, G, C, C), in order of appearance."""
        return np.stack(
            [
                confusion_by_group(self.labels, row, groups, self.num_classes)
                for row in self.predictions
            ]
        )


def align_runs(
    runs: Mapping[str, Iterable[Prediction]], num_classes: int
) -> AlignedRuns:
    """Bring the predictions of several runs into the clip order of the first.

    Args:
        runs: Validated predictions by name of the run, for messages.
        num_classes: Number of classes C.

    Returns:
        The predictions, side by side.

    Raises:
        MERDataError: A run has no predictions, predicts a clip twice or has another
            number of classes, or the runs differ in their clips or labels; the
            message names the runs and some of the clips.
    """
    found = {run: _by_clip(run, lines, num_classes) for run, lines in runs.items()}
    first, *others = found
    for other in others:
        _check_same_clips(first, found[first], other, found[other])
    clips = list(found[first])
    return AlignedRuns(
        clips,
        np.array([found[first][clip]['label'] for clip in clips]),
        np.array(
            [[run[clip]['prediction'] for clip in clips] for run in found.values()]
        ),
        num_classes,
    )


def _by_clip(
    run: str, lines: Iterable[Prediction], num_classes: int
) -> dict[Key, Prediction]:
    found: dict[Key, Prediction] = {}
    for line in lines:
        key = clip_key(line)
        if key in found:
            raise MERDataError(
                'is predicted twice, but each clip is held out once',
                path=run,
                clip=shown_clip(key),
                hint='score the folds separately',
            )
        if len(line['probabilities']) != num_classes:
            raise MERDataError(
                f'has {len(line["probabilities"])} numbers, but there are '
                f'{num_classes} classes',
                path=run,
                clip=shown_clip(key),
                field='probabilities',
            )
        found[key] = line
    if not found:
        raise MERDataError(
            'there are no predictions', path=run, hint='train or test it first'
        )
    return found


def _check_same_clips(
    first: str,
    known: Mapping[Key, Prediction],
    other: str,
    found: Mapping[Key, Prediction],
) -> None:
    """Check that two runs have the same clips and labels."""
    problems = [
        f'{len(keys)} only in {run}: {_listed(list(map(shown_clip, keys)))}'
        for run, keys in (
            (first, [key for key in known if key not in found]),
            (other, [key for key in found if key not in known]),
        )
        if keys
    ]
    if problems:
        raise MERDataError(
            f'{first} and {other} are not of the same clips ({"; ".join(problems)})',
            hint='finish both runs, or run the same folds of the same annotation in '
            'both',
        )
    relabeled = [
        f'{shown_clip(key)} ({known[key]["label"]} and {found[key]["label"]})'
        for key in known
        if known[key]['label'] != found[key]['label']
    ]
    if relabeled:
        raise MERDataError(
            f'{first} and {other} have different labels for {len(relabeled)} clips: '
            f'{_listed(relabeled)}: they were trained with different annotation files '
            f'and cannot be compared',
            field='label',
        )


def _listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - LISTED} more' if len(names) > LISTED else ''
    return ', '.join(names[:LISTED]) + more
