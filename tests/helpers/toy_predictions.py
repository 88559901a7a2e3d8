"""Predictions of models that are right about a share of toy clips."""

import numpy as np

CLASSES = ['negative', 'positive', 'surprise']
#: What every score of a run that was selected on the test subject is labeled with.
LABEL = 'selected on the test subject'


def predict(subject, pairs, dataset='samm', num_classes=3):
    """Predictions of one subject, from a label and a predicted class per clip."""
    return [
        {
            'dataset': dataset, 'subject': subject, 'clip': f'c{number}',
            'label': label, 'prediction': predicted,
            'probabilities': [float(one == predicted) for one in range(num_classes)],
        }
        for number, (label, predicted) in enumerate(pairs)
    ]  # fmt: skip


def toy_folds(seed, share=0.7, subjects=5, clips=5, dataset='samm'):
    """Leave-one-subject-out folds of three classes; ``share`` of the clips are right.

    ``clips`` is their number per subject; None gives each subject one more.
    """
    rng = np.random.default_rng(seed)
    folds = {}
    for subject in range(subjects):
        labels = [(subject + clip) % 3 for clip in range(clips or 4 + subject)]
        pairs = [
            (label, label if rng.random() < share else int(rng.integers(3)))
            for label in labels
        ]
        folds[f's{subject}'] = predict(f's{subject}', pairs, dataset)
    return folds


def toy_predictions(*args, **kwargs):
    """The predictions of :func:`toy_folds`, all in one list."""
    return sum(toy_folds(*args, **kwargs).values(), [])


def columns(predictions):
    """Labels and predicted classes of some predictions."""
    return (
        [one['label'] for one in predictions],
        [one['prediction'] for one in predictions],
    )
