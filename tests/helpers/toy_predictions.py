"""Predictions of a model that is right about a share of toy clips."""

from itertools import product

import numpy as np


def toy_predictions(seed, share, subjects, clips):
    """Lines of a prediction file, of three classes; ``share`` of them are right."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject, clip in product(range(subjects), range(clips)):
        label = (subject + clip) % 3
        guess = label if rng.random() < share else int(rng.integers(3))
        rows.append({
            'dataset': 'samm', 'subject': f's{subject}', 'clip': f'c{clip}',
            'label': label, 'prediction': guess,
            'probabilities': [float(index == guess) for index in range(3)],
        })  # fmt: skip
    return rows
