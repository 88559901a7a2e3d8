"""Intervals over subjects: how a score varies with other people.

The clips of one person are alike, so resampling clips would give intervals that are
too narrow. A resample draws as many subjects as there are, with replacement, and pools
their clips; an interval lies between percentiles of the resampled scores (Efron's
percentile method). It does not show how scores vary with the seed of training.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .functional import batched_scores, confusion_by_group

#: Number of resamples behind every printed interval.
RESAMPLES = 2000
#: Share of the resamples that a printed interval contains.
LEVEL = 0.95


def subject_bootstrap(
    matrices: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Resample subjects with replacement and pool their confusion matrices.

    Args:
        matrices: (..., S, C, C) counts per subject.
        resamples: Number of resamples B. Defaults to 2000.
        seed: Seed of the draw. The draw depends on it, S and B alone, so that runs
            on the same subjects are resampled alike. Defaults to 0.

    Returns:
        (..., B, C, C) counts per resample.

    >>> matrices = np.array([[[3, 0], [0, 0]], [[0, 0], [1, 2]]])
    >>> subject_bootstrap(matrices, resamples=4).sum(axis=(1, 2)).tolist()
    [6, 6, 6, 6]
    """
    count = matrices.shape[-3]
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(count, np.full(count, 1 / count), size=resamples)
    return pool_subjects(matrices, draws)


def pool_subjects(matrices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Add up the confusion matrices of subjects, each as often as its weight says.

    Args:
        matrices: (..., S, C, C) counts per subject.
        weights: (B, S) integers: how often each subject is counted.

    Returns:
        (..., B, C, C) counts.

    >>> pool_subjects(np.array([[[1]], [[2]]]), np.array([[1, 1], [2, 0]])).ravel()
    array([3, 2])
    """
    *runs, subjects, classes, _ = matrices.shape
    pooled = weights @ matrices.reshape(*runs, subjects, -1)
    return pooled.reshape(*runs, len(weights), classes, classes)


def percentile_interval(values: np.ndarray, level: float = LEVEL) -> list[float]:
    """Return the ends of the interval that contains the middle of some values.

    Args:
        values: (B,) resampled values.
        level: Share of the values that the interval contains. Defaults to 0.95.

    Returns:
        Low and high end.

    >>> percentile_interval(np.arange(101), 0.5)
    [25.0, 75.0]
    """
    tail = (1 - level) / 2
    return np.quantile(values, [tail, 1 - tail]).tolist()


def subject_interval(
    labels: ArrayLike,
    predictions: ArrayLike,
    subjects: Sequence[Hashable],
    num_classes: int,
    metrics: Sequence[str] = ('acc', 'uf1', 'uar'),
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Compute bootstrap intervals of scores that resample subjects, not clips.

    Args:
        labels: True class index of each of N clips.
        predictions: Predicted class index of each clip.
        subjects: Subject of each clip; qualify it with the dataset's name where
            several datasets are pooled.
        num_classes: Number of classes C.
        metrics: Names out of :data:`SCORES`. Defaults to acc, uf1 and uar.
        level: Share of the resamples that the interval contains. Defaults to 0.95.
        resamples: Number of resamples. Defaults to 2000.
        seed: Seed of the draw. Defaults to 0.

    Returns:
        (low, high) by name of the score.

    Raises:
        ValueError: There are fewer than two subjects, or the lists do not fit.

    >>> truth, guess, who = [0, 1, 0, 1], [0, 1, 1, 0], ['a', 'a', 'b', 'b']
    >>> subject_interval(truth, guess, who, 2, metrics=['acc'])
    {'acc': (0.0, 1.0)}
    """
    matrices = confusion_by_group(labels, predictions, subjects, num_classes)
    if len(matrices) < 2:
        raise ValueError(
            'an interval over subjects needs two or more of them, but all clips are '
            'of one subject'
        )
    values = batched_scores(subject_bootstrap(matrices, resamples, seed))
    ends = {name: percentile_interval(values[name], level) for name in metrics}
    return {name: (low, high) for name, (low, high) in ends.items()}


def class_recalls(
    labels: ArrayLike,
    predictions: ArrayLike,
    subjects: Sequence[Hashable],
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the recall of each class, with 95 % intervals over subjects.

    Args:
        labels: True class index of each of N clips.
        predictions: Predicted class index of each clip.
        subjects: Subject of each clip.
        num_classes: Number of classes C.

    Returns:
        (C,) recalls and (C, 2) ends of their intervals; NaN for a class without
        clips, and for all ends with a single subject. Resamples without a clip of a
        class are left out of its interval.

    >>> recalls, _ = class_recalls([0, 0, 1], [0, 1, 1], ['a', 'b', 'b'], 2)
    >>> recalls.tolist()
    [0.5, 1.0]
    """
    matrices = confusion_by_group(labels, predictions, subjects, num_classes)
    ends = np.full((num_classes, 2), np.nan)
    if len(matrices) > 1:
        resampled = _recalls(subject_bootstrap(matrices))
        for label, values in enumerate(resampled.T):
            if len(defined := values[~np.isnan(values)]):
                ends[label] = percentile_interval(defined)
    return _recalls(matrices.sum(axis=0)), ends


def _recalls(matrices: np.ndarray) -> np.ndarray:
    """Compute recalls of (..., C, C) counts; NaN for a class without clips."""
    clips = matrices.sum(axis=-1).astype(float)
    clips[clips == 0] = np.nan
    return np.diagonal(matrices, axis1=-2, axis2=-1) / clips
