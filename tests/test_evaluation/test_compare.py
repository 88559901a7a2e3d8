"""tools/analysis/compare.py, from work directories to tables and a file."""

import json

import numpy as np
import pytest
from load_tool import run_tool
from toy_predictions import CLASSES, LABEL, toy_folds

from mmaction_mer.evaluation.paired import compare_runs
from mmaction_mer.evaluation.predictions import read_predictions, write_predictions


def compare(*arguments, status=0):
    done = run_tool('analysis/compare.py', *arguments)
    assert done.status == status, done
    return done.stderr if status else done.stdout


def write_run(work_dir, seed=0, share=0.6, selection='last', subjects=10, **config):
    folds = toy_folds((seed, int(10 * share)), share, subjects, 6, 'smic')
    for name, lines in folds.items():
        folder = work_dir / 'folds' / name
        write_predictions(folder / 'predictions.jsonl', lines)
        state = {'status': 'done', 'selection': selection, 'seed': seed}
        (folder / 'fold.json').write_text(json.dumps(state))
    base = {
        'annotation': 'aa', 'randomness': {'seed': seed}, 'train_cfg': {'max_iters': 8},
        'loso': {'protocol': {'type': 'loso'}, 'select': selection},
    }  # fmt: skip
    plan = {
        'classes': CLASSES,
        'folds': {name: [name] for name in folds},
        'config': {**base, **config},
    }
    (work_dir / 'loso.json').write_text(json.dumps(plan))
    return work_dir


def lines_of(work_dir):
    files = sorted(work_dir.glob('folds/*/predictions.jsonl'))
    return [line for file in files for line in read_predictions(file)]


@pytest.fixture
def runs(tmp_path):
    a = write_run(tmp_path / 'a')
    return a, write_run(tmp_path / 'b', share=0.9, train_cfg={'max_iters': 80})


def test_two_runs(runs, tmp_path):
    a, b = runs
    file = tmp_path / 'out' / 'c.json'
    printed = compare(a, b, '--json', file, '--resamples', 300)
    assert f'A: {a}\nB: {b}' in printed and '60 clips, 10 subjects' in printed
    written = json.loads(file.read_text())
    few, *notes = written.pop('notes')
    assert few.startswith('only 10 subject(s)')
    assert notes == [
        'the configs differ in 1 place(s), A -> B:',
        '  train_cfg.max_iters: 8 -> 80',
    ]
    expected = compare_runs({0: lines_of(a)}, {0: lines_of(b)}, 3, resamples=300)
    assert written == {'runs': {'a': str(a), 'b': str(b)}, **expected}
    assert expected['scores']['acc']['difference'] > 0
    assert 'McNemar' in printed and 'max_iters: 8 -> 80' in printed
    assert LABEL not in printed


def test_several_seeds_against_one(runs, tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / 'many' / f'seed{seed}', seed=seed, share=0.9)
    file = tmp_path / 'c.json'
    printed = compare(runs[0], tmp_path / 'many', '--json', file)
    written = json.loads(file.read_text())
    assert written['seeds'] == {'a': [0], 'b': [0, 1]}
    assert [row['seed_b'] for row in written['mcnemar']] == [0]
    accuracies = [
        np.mean([line['prediction'] == line['label'] for line in lines_of(path)])
        for path in sorted((tmp_path / 'many').iterdir())
    ]
    assert written['scores']['acc']['b'] == pytest.approx(np.mean(accuracies))
    assert 'A has 1 seed(s) and B 2' in printed
    # Another seed is not another config.
    assert 'the configs differ' not in printed


@pytest.mark.parametrize('selections', [('last', 'test'), ('test', 'test')])
def test_scores_from_the_test_subject_are_labeled(tmp_path, selections):
    a, b = (
        write_run(tmp_path / name, share=0.5 + number / 4, selection=how)
        for number, (name, how) in enumerate(zip('ab', selections, strict=True))
    )
    printed = compare(a, b, '--json', tmp_path / 'c.json')
    sides = 'A and B' if selections[0] == 'test' else 'B'
    written = json.loads((tmp_path / 'c.json').read_text())
    assert written['note'] == f'{sides} {LABEL}'
    assert printed.count(f'{sides} {LABEL}') >= 4
    assert ('comparison is not fair' in printed) == (sides == 'B')


@pytest.mark.parametrize(
    ('changed', 'notes'),
    [
        (dict(selection='inner'), ["'last' in A, 'inner' in B"]),
        (
            dict(
                annotation='bb',
                loso={'protocol': {'type': 'group-kfold', 'k': 5}, 'select': 'last'},
            ),
            [
                'annotation files differ, but not in these clips and labels',
                'the protocols differ',
                "loso.protocol.type: 'loso' -> 'group-kfold'",
            ],
        ),
        (
            dict(model={f'x{n}': n for n in range(30)}),
            ['differ in 30 place(s)', '... and 10 more'],
        ),
    ],
)
def test_other_differences_of_the_runs_are_noted(runs, tmp_path, changed, notes):
    printed = compare(runs[0], write_run(tmp_path / 'other', **changed))
    assert all(note in printed for note in notes)
    assert 'loso.select' not in printed and LABEL not in printed


def test_a_run_without_a_config_is_noted(runs):
    a, b = runs
    (b / 'results.json').write_text(json.dumps({'classes': CLASSES}))
    (b / 'loso.json').unlink()
    assert f'{b} has no loso.json: the configs are not compared' in compare(a, b)


def test_other_clips_are_refused_and_missing_folds_named(runs):
    a, b = runs
    (b / 'folds' / 's3' / 'fold.json').write_text(json.dumps({'status': 'running'}))
    message = compare(a, b, status=1)
    assert '6 only in A (seed 0): smic/s3/c0, smic/s3/c1' in message
    assert f'B, {b}: 1 of 10 folds are not finished: s3' in message
    # The same folds of two unfinished runs are compared, with a note.
    for run in runs:
        (run / 'folds' / 's3' / 'fold.json').unlink(missing_ok=True)
        (run / 'folds' / 's3' / 'predictions.jsonl').unlink()
    printed = compare(a, b)
    assert '54 clips, 9 subjects' in printed
    assert printed.count('1 of 10 folds are not finished: s3') == 2


@pytest.mark.parametrize(
    ('subjects', 'smallest'),
    [(1, None), (9, '0.0039'), (10, '0.002'), (19, '0.0005'), (20, '0.0005')],
)
def test_few_subjects_are_noted(tmp_path, subjects, smallest):
    a, b = (
        write_run(tmp_path / name, seed=seed, subjects=subjects)
        for seed, name in enumerate('ab')
    )
    printed = compare(a, b)
    assert (f'only {subjects} subject(s)' in printed) == (subjects < 20)
    assert (f'none is below {smallest})' in printed) == (subjects > 1)


def test_other_labels_and_classes_are_refused(runs):
    a, b = runs
    path = b / 'folds' / 's0' / 'predictions.jsonl'
    lines = read_predictions(path)
    lines[2]['label'] = (lines[2]['label'] + 1) % 3
    write_predictions(path, lines)
    assert 'smic/s0/c2 (2 and 0)' in compare(a, b, status=1)
    plan = json.loads((b / 'loso.json').read_text())
    plan['classes'] = CLASSES[::-1]
    (b / 'loso.json').write_text(json.dumps(plan))
    assert 'B surprise, positive, negative' in compare(a, b, status=1)


def test_usage_errors(runs, tmp_path):
    compare(runs[0], status=2)
    assert '--resamples 0' in compare(*runs, '--resamples', 0, status=2)
    assert 'nowhere' in compare(runs[0], tmp_path / 'nowhere', status=1)
