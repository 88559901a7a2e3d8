"""How much of each class is recognised, and how that varies with the people."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .functional import confusion_matrix
from .seeds import draw_subjects


def class_recalls(
    labels: ArrayLike,
    predictions: ArrayLike,
    subjects: Sequence[Hashable],
    num_classes: int,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Recall of each class, with an interval that resamples subjects, not clips.

    Args:
        labels: True class of each of N clips.
        predictions: Predicted class of each clip.
        subjects: Subject of each clip.
        num_classes: Classes C.
        level: Share of the resamples that an interval holds.
        resamples: Draws of as many subjects as there are, with replacement.
        seed: Seed of the draws.

    Returns:
        ``(C,)`` recalls and ``(C, 2)`` ends of their intervals; NaN for a class
        without clips, and the ends for a single subject.

    Example:
        >>> recalls, _ = class_recalls([0, 0, 1], [0, 1, 1], ['a', 'b', 'b'], 2)
        >>> recalls.tolist()
        [0.5, 1.0]
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    names = list(dict.fromkeys(subjects))
    order = np.array([names.index(one) for one in subjects])
    counts = np.stack([
        confusion_matrix(labels[order == one], predictions[order == one], num_classes)
        for one in range(len(names))
    ])  # fmt: skip
    right, clips = counts.diagonal(axis1=1, axis2=2), counts.sum(2)
    with np.errstate(invalid='ignore'):
        recalls = right.sum(0) / clips.sum(0)
        if len(names) < 2:
            return recalls, np.full((num_classes, 2), np.nan)
        drawn = draw_subjects(len(names), resamples, seed)
        again = (drawn @ right) / (drawn @ clips)
    tail = (1 - level) / 2
    ends = np.full((num_classes, 2), np.nan)
    for label in range(num_classes):
        known = again[~np.isnan(again[:, label]), label]
        if len(known):
            ends[label] = np.quantile(known, [tail, 1 - tail])
    return recalls, ends
