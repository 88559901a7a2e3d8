"""Synthetic runs and tables for the tests of ablations, without any training."""

from pathlib import Path

from toy_predictions import toy_predictions

from mmaction_mer.ablation import RowResult, RowSpec, TableSpec
from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.utils.json_files import write_json

CLASSES = ['negative', 'positive', 'surprise']
PAPER = {'source': 'MPT, table X', 'dataset': 'SMIC'}


def toy_run(share, seed, selection='last', dataset='toy', subjects=5):
    """Pooled results, and prediction lines by fold, of a run with 6 clips a subject."""
    folds = {}
    for line in toy_predictions([int(100 * share), seed], share, subjects, 6):
        folds.setdefault(line['subject'], []).append({**line, 'dataset': dataset})
    extra = {
        'folds': {'done': list(folds), 'of': subjects},
        'parameters': {'trainable': 1234, 'total': 5000},
        'protocol': {'type': 'loso'},
        'training_s': 12.5,
    }
    return summarize_run(folds, CLASSES, selection, [seed], extra), folds


def write_run(folder, share, seeds):
    """Write what a finished run leaves, as far as a table reads it."""
    for seed in seeds:
        results, folds = toy_run(share, seed)
        work_dir = Path(folder, f'seed{seed}')
        for name, lines in folds.items():
            fold = work_dir / 'folds' / name
            write_json(fold / 'fold.json', {'status': 'done', 'seed': seed})
            write_predictions(fold / 'predictions.jsonl', lines)
        write_json(work_dir / 'results.json', results)


def toy_row(name, share=None, paper=None, x=None, status='not started', seeds=(0, 1),
            **run):  # fmt: skip
    """A row of a table: measured if a share of right predictions is given."""
    row = RowSpec(name, {}, paper=paper or {}, x=x)
    if share is None:
        return RowResult(row, status=status)
    runs = {seed: toy_run(share, seed, **run) for seed in seeds}
    lines = {seed: sum(folds.values(), []) for seed, (_, folds) in runs.items()}
    results = {seed: pooled for seed, (pooled, _) in runs.items()}
    extra = {'training_s': 12.5 * len(seeds)}
    folds = {seed: one for seed, (_, one) in runs.items()}
    summary = summarize_seeds(folds, results, extra)
    return RowResult(row, [], 'done', summary, lines)


def toy_spec(reference=None, title='A title', paper=None, x_label=''):
    """A table without a file."""
    return TableSpec(
        Path('toy.py'), title, Path('base.py'), [], paper or {}, reference, x_label
    )


def edit(path, old, new):
    """Replace a text in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
