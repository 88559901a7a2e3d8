"""Scores from labels and predictions, all clips of all folds together.

For class c, over all clips: ``TP_c`` clips of c predicted as c, ``n_c`` clips
of c, ``p_c`` predictions of c, ``FN_c = n_c - TP_c``, ``FP_c = p_c - TP_c``.

What is done where a formula says 0/0:

* A class with **no clip and no prediction** is absent. It has no score, so it
  is left out of every mean; :func:`absent_classes` names it, and whoever prints
  a score prints that name too.
* A class with **predictions but no clip** costs ``uf1`` (its F1 is 0) but has no
  recall, so ``uar`` is the mean over the classes that have clips.
* A class with **clips but no prediction** has precision 0.

These are the values of scikit-learn's ``f1_score(average='macro')`` and
``balanced_accuracy_score``.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: The scores in the order in which they are printed.
SCORES = ('acc', 'uf1', 'uar', 'f1_of_means', 'f1_weighted')


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> np.ndarray:
    """Count how often class i was taken for class j.

    Args:
        labels: True class index of each of N clips, 0..num_classes-1.
        predictions: Predicted class index of each clip.
        num_classes: Number of classes C.

    Returns:
        int64 array (C, C): row = true class, column = predicted class.

    Raises:
        ValueError: The two differ in length, are not integers, or leave
            0..num_classes-1; the message names the place in the list.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 3).tolist()
    [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    """
    true, predicted = _pair(labels, predictions, num_classes)
    counts = np.bincount(true * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def scores_from_confusion(matrix: ArrayLike) -> dict[str, float]:
    """Compute all scores from a confusion matrix, as fractions of 1.

    ========================  =====================================================
    ``acc``                   ``sum_c TP_c / N``
    ``uf1`` (macro F1)        ``mean_c 2 TP_c / (2 TP_c + FP_c + FN_c)``
    ``uar``                   ``mean_c TP_c / n_c``
    ``f1_of_means``           ``2 P R / (P + R)`` with macro precision P and macro
                              recall R (MPT, equations 19-21 as they appear)
    ``f1_weighted``           ``sum_c n_c F1_c / N``
    ========================  =====================================================

    ``uf1`` and ``uar`` are those of the MEGC 2019 challenge. What happens to
    classes without clips or predictions is said at the top of this file.

    Args:
        matrix: (C, C) counts, rows = truth, see :func:`confusion_matrix`.

    Returns:
        The five scores by name.

    Raises:
        ValueError: Not a square matrix of counts, or no clip at all.

    >>> scores = scores_from_confusion([[2, 0], [1, 1]])
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'acc': 0.75, 'uf1': 0.733, 'uar': 0.75, 'f1_of_means': 0.789, 'f1_weighted': 0.733}
    """
    counts = _counts(matrix)
    if counts.sum() == 0:
        raise ValueError('there is no clip to score: the confusion matrix is empty')
    return {name: float(value) for name, value in batched_scores(counts).items()}


def scores(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> dict[str, float]:
    """Compute all scores of :func:`scores_from_confusion` from two lists.

    >>> scores([0, 0, 1, 1], [0, 0, 1, 0], 2)['acc']
    0.75
    """
    return scores_from_confusion(confusion_matrix(labels, predictions, num_classes))


def absent_classes(matrix: ArrayLike) -> list[int]:
    """List the classes with no clip and no prediction.

    >>> absent_classes([[1, 0, 1], [0, 0, 0], [0, 0, 2]])
    [1]
    """
    counts = _counts(matrix)
    return np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1) == 0).tolist()


def f1_fold_mean(
    labels: ArrayLike,
    predictions: ArrayLike,
    folds: Sequence[Hashable],
    num_classes: int,
) -> float:
    """Average each fold's own macro F1: for comparison only, never the result.

    Papers that do so get another number from the same predictions, since in a
    fold of one subject most classes are absent.

    Args:
        labels: True class index of each of N clips.
        predictions: Predicted class index of each clip.
        folds: Name of the fold of each clip.
        num_classes: Number of classes C.

    >>> labels, predictions = [0, 0, 1, 1], [0, 0, 1, 0]
    >>> round(f1_fold_mean(labels, predictions, ['a', 'a', 'b', 'b'], 2), 3)
    0.667
    >>> round(scores(labels, predictions, 2)['uf1'], 3)
    0.733
    """
    matrices = confusion_by_group(labels, predictions, folds, 'folds', num_classes)
    return float(batched_scores(matrices)['uf1'].mean())


def subject_interval(
    labels: ArrayLike,
    predictions: ArrayLike,
    subjects: Sequence[Hashable],
    num_classes: int,
    metric: Sequence[str] = ('acc', 'uf1', 'uar'),
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Give bootstrap intervals that resample subjects, not clips.

    Clips of one person are alike, so resampling clips would promise too much.
    Each resample draws as many subjects as there are, with replacement, pools
    their clips and computes the scores; the interval lies between the
    percentiles (Efron's percentile method). It says how the scores would vary
    with other people, not how they vary with the seed of training.

    Args:
        labels: True class index of each of N clips.
        predictions: Predicted class index of each clip.
        subjects: Subject of each clip; qualify it with the dataset's name where
            several datasets are pooled.
        num_classes: Number of classes C.
        metric: Names out of :data:`SCORES`.
        level: Share of the resamples that the interval holds, in (0, 1).
        resamples: Number of resamples.
        seed: Seed of the draw.

    Returns:
        (low, high) by name of the score.

    Raises:
        ValueError: There are fewer than two subjects, or an argument is wrong.

    >>> truth, guess, who = [0, 1, 0, 1], [0, 1, 1, 0], ['a', 'a', 'b', 'b']
    >>> subject_interval(truth, guess, who, 2, metric=['acc'])
    {'acc': (0.0, 1.0)}
    """
    unknown = [name for name in metric if name not in SCORES]
    if unknown:
        raise ValueError(f'unknown score {unknown[0]!r}: choose from {SCORES}')
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(
            f'level must lie between 0 and 1 and resamples be positive, but they are '
            f'{level} and {resamples}'
        )
    matrices = confusion_by_group(
        labels, predictions, subjects, 'subjects', num_classes
    )
    count = len(matrices)
    if count < 2:
        raise ValueError(
            'an interval over subjects needs two or more of them, but all clips are '
            'of one subject'
        )
    # Pooling is adding confusion matrices: a resample is a row of how often each
    # subject was drawn, and all resamples are one matrix product.
    drawn = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / count), size=resamples
    )
    pooled = drawn @ matrices.reshape(count, -1)
    values = batched_scores(pooled.reshape(resamples, num_classes, num_classes))
    tail = (1 - level) / 2
    ends = {name: np.quantile(values[name], [tail, 1 - tail]) for name in metric}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def batched_scores(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """All scores of confusion matrices (..., C, C), none empty -> (...)."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    clips, predicted = matrices.sum(axis=-1), matrices.sum(axis=-2)
    present, total = clips + predicted > 0, clips.sum(axis=-1)
    f1 = _ratio(2 * hits, clips + predicted)
    recall = _ratio(hits, clips).sum(axis=-1) / (clips > 0).sum(axis=-1)
    precision = _ratio(hits, predicted).sum(axis=-1) / present.sum(axis=-1)
    return {
        'acc': hits.sum(axis=-1) / total,
        'uf1': f1.sum(axis=-1) / present.sum(axis=-1),
        'uar': recall,
        'f1_of_means': _ratio(2 * precision * recall, precision + recall),
        'f1_weighted': (clips * f1).sum(axis=-1) / total,
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide, with 0 where both are 0."""
    return above / np.where(below == 0, 1, below)


def _counts(matrix: ArrayLike) -> np.ndarray:
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f'a confusion matrix is (C, C), but this is {counts.shape}')
    if counts.dtype.kind not in 'iu' or counts.min() < 0:
        raise ValueError('a confusion matrix holds counts: integers from 0 up')
    return counts


def confusion_by_group(
    labels: ArrayLike,
    predictions: ArrayLike,
    groups: Sequence[Hashable],
    what: str,
    num_classes: int,
) -> np.ndarray:
    """One confusion matrix per group -> (G, C, C), in order of appearance."""
    true, predicted = _pair(labels, predictions, num_classes)
    if len(groups) != len(true):
        raise ValueError(f'{len(true)} labels but {len(groups)} {what}')
    if not len(true):
        raise ValueError('there is no clip to score')
    place = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    matrices = np.zeros((len(place), num_classes, num_classes), np.int64)
    rows = np.array([place[group] for group in groups])
    np.add.at(matrices, (rows, true, predicted), 1)
    return matrices


def _pair(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    if num_classes < 1:
        raise ValueError(f'num_classes must be positive, but is {num_classes}')
    true = _indices(labels, 'label', num_classes)
    predicted = _indices(predictions, 'prediction', num_classes)
    if len(true) != len(predicted):
        raise ValueError(f'{len(true)} labels but {len(predicted)} predictions')
    return true, predicted


def _indices(values: ArrayLike, what: str, num_classes: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f'{what}s must be one list, but have shape {array.shape}')
    if array.size and array.dtype.kind not in 'iu':
        raise ValueError(f'{what}s must be class indices, but are {array.dtype}')
    wrong = np.flatnonzero((array < 0) | (array >= num_classes))
    if len(wrong):
        place = wrong[0]
        raise ValueError(
            f'{what} of clip number {place} (counted from 0) is {array[place]}, but '
            f'with {num_classes} classes it must be 0..{num_classes - 1}'
        )
    return array.astype(np.int64)
