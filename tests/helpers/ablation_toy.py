"""Made-up runs for tests of ablation tables: five subjects, mistakes by the seed."""

from pathlib import Path

import numpy as np

from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.evaluation.report import pool
from mmaction_mer.evaluation.seeds import summarize_seeds
from mmaction_mer.utils.json_files import write_json

CLASSES = ['negative', 'positive', 'surprise']


def made_up(skill, seed, selection='last', dataset='toy', people=5):
    """Results and lines by fold of a run that is right with a probability."""
    rng = np.random.default_rng([int(100 * skill), seed])
    folds = {}
    for subject in range(people):
        rows = []
        for clip in range(4 + subject):
            label = (subject + clip) % 3
            guess = label if rng.random() < skill else int(rng.integers(3))
            rows.append({
                'dataset': dataset, 'subject': f's{subject}', 'clip': f'c{clip}',
                'label': label, 'prediction': guess,
                'probabilities': [float(index == guess) for index in range(3)],
            })  # fmt: skip
        folds[f's{subject}'] = rows
    extra = {
        'folds': {'done': list(folds), 'of': people},
        'parameters': {'trainable': 1234, 'total': 5000},
        'protocol': {'type': 'loso'},
        'training_s': 12.5,
    }
    return pool(folds, CLASSES, selection, [seed], extra), folds


def summary(skill, seeds=(0, 1), **more):
    """A summary over seeds and its lines, as a row of a table has them."""
    results, lines = {}, {}
    for seed in seeds:
        results[seed], folds = made_up(skill, seed, **more)
        lines[seed] = [line for rows in folds.values() for line in rows]
    extra = {'training_s': 12.5 * len(seeds)}
    return summarize_seeds(results, lines, extra), lines


def write_run(folder, skill, seeds):
    """Write what LOSORunner leaves of a finished run, as far as a table reads it."""
    for seed in seeds:
        results, folds = made_up(skill, seed)
        where = Path(folder, f'seed{seed}')
        for name, lines in folds.items():
            fold = where / 'folds' / name
            write_json(fold / 'fold.json', {'status': 'done', 'seed': seed})
            write_predictions(fold / 'predictions.jsonl', lines)
        write_json(where / 'results.json', results)
