"""Scores from labels and predictions, over the clips of all folds together.

For class c, over all clips: ``TP_c`` clips of c predicted as c, ``n_c`` clips
of c, ``p_c`` predictions of c, ``FN_c = n_c - TP_c``, ``FP_c = p_c - TP_c``.

Where a formula gives 0/0:

* A class with **no clip and no prediction** is absent. It has no score and is left
  out of every mean; :func:`absent_classes` lists it, and whatever prints a score
  prints that list too.
* A class with **predictions but no clip** lowers ``uf1`` (its F1 is 0) but has no
  recall, so ``uar`` is the mean over the classes that have clips.
* A class with **clips but no prediction** has precision 0.

These are the values of scikit-learn's ``f1_score(average='macro')`` and
``balanced_accuracy_score``.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: The scores in the order in which they are printed.
SCORES = ('acc', 'uf1', 'uar', 'f1_from_macro_pr', 'f1_weighted')


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> np.ndarray:
    """Count how often class i was predicted as class j.

    Args:
        labels: True class index of each of N clips, 0..num_classes-1.
        predictions: Predicted class index of each clip.
        num_classes: Number of classes C.

    Returns:
        int64 array (C, C): row = true class, column = predicted class.

    Raises:
        ValueError: The two differ in length, are not integers, or leave
            0..num_classes-1; the message gives the position in the list.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 3).tolist()
    [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    """
    return confusion_by_group(labels, predictions, None, num_classes)[0]


def confusion_by_group(
    labels: ArrayLike,
    predictions: ArrayLike,
    groups: Sequence[Hashable] | None,
    num_classes: int,
) -> np.ndarray:
    """Compute one confusion matrix per group of clips, such as a subject or a fold.

    Args:
        labels: True class index of each of N clips, 0..num_classes-1.
        predictions: Predicted class index of each clip.
        groups: Group of each clip; None puts all of them into one.
        num_classes: Number of classes C.

    Returns:
        int64 array (G, C, C), the groups in order of appearance.

    Raises:
        ValueError: As :func:`confusion_matrix`.

    >>> confusion_by_group([0, 1, 1], [0, 0, 1], ['a', 'a', 'b'], 2).tolist()
    [[[1, 0], [1, 0]], [[0, 0], [0, 1]]]
    """
    true = _class_indices(labels, 'label', num_classes)
    predicted = _class_indices(predictions, 'prediction', num_classes)
    groups = [0] * len(true) if groups is None else groups
    if not len(true) == len(predicted) == len(groups):
        raise ValueError(
            f'{len(true)} labels, but {len(predicted)} predictions of clips in '
            f'{len(groups)} groups'
        )
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    matrices = np.zeros((max(1, len(order)), num_classes, num_classes), np.int64)
    rows = np.array([order[group] for group in groups], np.int64)
    np.add.at(matrices, (rows, true, predicted), 1)
    return matrices


def scores_from_confusion(matrix: ArrayLike) -> dict[str, float]:
    """Compute all scores from a confusion matrix, as fractions of 1.

    ========================  =====================================================
    ``acc``                   ``sum_c TP_c / N``
    ``uf1`` (macro F1)        ``mean_c 2 TP_c / (2 TP_c + FP_c + FN_c)``
    ``uar``                   ``mean_c TP_c / n_c``
    ``f1_from_macro_pr``      ``2 P R / (P + R)`` with macro precision P and macro
                              recall R (MPT, equations 19-21 as printed)
    ``f1_weighted``           ``sum_c n_c F1_c / N``
    ========================  =====================================================

    ``uf1`` and ``uar`` are those of the MEGC 2019 challenge. The top of this file
    defines them for classes without clips or predictions.

    Args:
        matrix: (C, C) counts, rows = truth, see :func:`confusion_matrix`.

    Returns:
        The five scores by name.

    Raises:
        ValueError: Not a square matrix of counts, or there is no clip.

    >>> scores = scores_from_confusion([[2, 0], [1, 1]])
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'acc': 0.75, 'uf1': 0.733, 'uar': 0.75, 'f1_from_macro_pr': 0.789,
     'f1_weighted': 0.733}
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


def batched_scores(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Compute all scores of many confusion matrices at once.

    Args:
        matrices: (..., C, C) counts, none of the matrices empty.

    Returns:
        (...) by name of the score, see :func:`scores_from_confusion`.

    >>> batched_scores(np.array([[[2, 0], [1, 1]], [[0, 1], [0, 1]]]))['acc'].tolist()
    [0.75, 0.5]
    """
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
        'f1_from_macro_pr': _ratio(2 * precision * recall, precision + recall),
        'f1_weighted': (clips * f1).sum(axis=-1) / total,
    }


def absent_classes(matrix: ArrayLike) -> list[int]:
    """List the classes with no clip and no prediction.

    >>> absent_classes([[1, 0, 1], [0, 0, 0], [0, 0, 2]])
    [1]
    """
    counts = _counts(matrix)
    return np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1) == 0).tolist()


def f1_fold_mean(matrices: ArrayLike) -> float:
    """Average the macro F1 of each fold: for comparison only, never the result.

    Papers that do so get another number from the same predictions, since in a
    fold of one subject most classes are absent.

    Args:
        matrices: (F, C, C) confusion matrix of each fold.

    >>> labels, predictions = [0, 0, 1, 1], [0, 0, 1, 0]
    >>> folds = confusion_by_group(labels, predictions, ['a', 'a', 'b', 'b'], 2)
    >>> round(f1_fold_mean(folds), 3)
    0.667
    >>> round(scores(labels, predictions, 2)['uf1'], 3)
    0.733
    """
    return float(batched_scores(np.asarray(matrices))['uf1'].mean())


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, with 0 where both are 0."""
    return numerator / np.where(denominator == 0, 1, denominator)


def _counts(matrix: ArrayLike) -> np.ndarray:
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f'a confusion matrix is (C, C), but this is {counts.shape}')
    if counts.dtype.kind not in 'iu' or counts.min() < 0:
        raise ValueError('a confusion matrix holds counts: integers from 0 up')
    return counts


def _class_indices(values: ArrayLike, what: str, num_classes: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f'{what}s must be one list, but have shape {array.shape}')
    if array.size and array.dtype.kind not in 'iu':
        raise ValueError(f'{what}s must be class indices, but are {array.dtype}')
    wrong = np.flatnonzero((array < 0) | (array >= num_classes))
    if len(wrong):
        raise ValueError(
            f'{what} number {wrong[0]} (counted from 0) is {array[wrong[0]]}, but with '
            f'{num_classes} classes it must be 0..{num_classes - 1}'
        )
    return array.astype(np.int64)
