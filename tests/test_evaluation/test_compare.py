"""tools/analysis/compare.py, from work directories to tables and a file."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import numpy as np
import pytest
from load_tool import load_tool

from mmaction_mer.evaluation.paired import compare_runs
from mmaction_mer.evaluation.predictions import read_predictions, write_predictions

CLASSES = ['negative', 'positive', 'surprise']
LABEL = 'selected on the test subject'


class Done(NamedTuple):
    status: int
    stdout: str
    stderr: str


def compare(*arguments):
    """Call the tool's main as the shell would."""
    tool = load_tool('analysis/compare.py')
    output, errors, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ['compare.py', *map(str, arguments)]
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            status = tool.main()
    except SystemExit as error:
        status = error.code
    finally:
        sys.argv = argv
    return Done(status, output.getvalue(), errors.getvalue())


def write_run(work_dir, seed=0, share=0.6, selection='last', subjects=10, **config):
    rng = np.random.default_rng((seed, int(10 * share)))
    names = [f's{number}' for number in range(subjects)]
    for number, subject in enumerate(names):
        lines = []
        for clip in range(6):
            label = (number + clip) % 3
            guess = label if rng.random() < share else int(rng.integers(3))
            lines.append({
                'dataset': 'smic', 'subject': subject, 'clip': f'c{clip}',
                'label': label, 'prediction': guess,
                'probabilities': [float(guess == one) for one in range(3)],
            })  # fmt: skip
        folder = work_dir / 'folds' / subject
        write_predictions(folder / 'predictions.jsonl', lines)
        state = {'status': 'done', 'selection': selection, 'seed': seed}
        (folder / 'fold.json').write_text(json.dumps(state))
    base = {
        'annotation': 'aa', 'randomness': {'seed': seed}, 'train_cfg': {'max_iters': 8},
        'loso': {'protocol': {'type': 'loso'}, 'select': selection},
    }  # fmt: skip
    plan = {
        'classes': CLASSES,
        'folds': {name: [name] for name in names},
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
    done = compare(a, b, '--json', tmp_path / 'out' / 'c.json', '--resamples', 300)
    assert (done.status, done.stderr) == (0, '')
    assert f'A: {a}\nB: {b}' in done.stdout and '60 clips, 10 subjects' in done.stdout
    written = json.loads((tmp_path / 'out' / 'c.json').read_text())
    expected = compare_runs({0: lines_of(a)}, {0: lines_of(b)}, 3, resamples=300)
    assert written == {
        'runs': {'a': str(a), 'b': str(b)},
        **expected,
        'notes': [
            'only 10 subject(s): so few cannot stand for others; intervals and the '
            'p-value from resamples come out too small, go by the flip p',
            'the configs differ in 1 place(s), A -> B:',
            '  train_cfg.max_iters: 8 -> 80',
        ],
    }
    row = expected['scores']['acc']
    cells = next(
        line.split() for line in done.stdout.splitlines() if line.startswith('acc')
    )
    assert cells[1:4] == [
        f'{100 * row["a"]:.2f}',
        f'{100 * row["b"]:.2f}',
        f'{100 * row["difference"]:+.2f}',
    ]
    assert row['difference'] > 0
    assert 'McNemar' in done.stdout and 'max_iters: 8 -> 80' in done.stdout
    assert LABEL not in done.stdout


def test_several_seeds_against_one(runs, tmp_path):
    a, _ = runs
    for seed in (0, 1):
        write_run(tmp_path / 'many' / f'seed{seed}', seed=seed, share=0.9)
    done = compare(a, tmp_path / 'many', '--json', tmp_path / 'c.json')
    assert done.status == 0
    written = json.loads((tmp_path / 'c.json').read_text())
    assert written['seeds'] == {'a': [0], 'b': [0, 1]}
    assert [row['seed_b'] for row in written['mcnemar']] == [0]
    accs = [
        np.mean([line['prediction'] == line['label'] for line in lines_of(path)])
        for path in sorted((tmp_path / 'many').iterdir())
    ]
    assert written['scores']['acc']['b'] == pytest.approx(np.mean(accs))
    assert 'A has 1 seed(s) and B 2' in done.stdout
    # Other seeds are no other config.
    assert 'the configs differ' not in done.stdout


@pytest.mark.parametrize('selections', [('last', 'test'), ('test', 'test')])
def test_numbers_from_the_test_subject_are_labelled(tmp_path, selections):
    a, b = (
        write_run(tmp_path / name, share=0.5 + place / 4, selection=how)
        for place, (name, how) in enumerate(zip('ab', selections, strict=True))
    )
    done = compare(a, b, '--json', tmp_path / 'c.json')
    sides = 'A and B' if selections[0] == 'test' else 'B'
    rows = [
        line for line in done.stdout.splitlines()
        if line[:3] in ('acc', 'uf1', 'uar', '0, ')
    ]  # fmt: skip
    assert len(rows) == 4
    assert all(line.endswith(f'{sides} {LABEL}') for line in rows)
    assert ('not a fair one' in done.stdout) == (sides == 'B')
    written = json.loads((tmp_path / 'c.json').read_text())
    assert written['note'] == written['scores']['uar']['note'] == f'{sides} {LABEL}'


def test_another_way_to_choose_the_iteration_is_noted(runs, tmp_path):
    inner = write_run(tmp_path / 'inner', share=0.8, selection='inner')
    done = compare(runs[0], inner)
    assert "'last' in A, 'inner' in B" in done.stdout and LABEL not in done.stdout
    assert 'loso.select' not in done.stdout


def test_other_annotation_and_protocol_of_the_same_clips_are_noted(runs, tmp_path):
    b = write_run(
        tmp_path / 'other', annotation='bb',
        loso={'protocol': {'type': 'group-kfold', 'k': 5}, 'select': 'last'},
    )  # fmt: skip
    done = compare(runs[0], b)
    assert done.status == 0
    assert 'annotation files differ, but not in these clips and labels' in done.stdout
    assert 'the protocols differ' in done.stdout
    assert "loso.protocol.type: 'loso' -> 'group-kfold'" in done.stdout


def test_long_lists_of_differences_are_cut(runs, tmp_path):
    b = write_run(tmp_path / 'other', model={f'x{n}': n for n in range(30)})
    done = compare(runs[0], b)
    assert 'differ in 30 place(s)' in done.stdout and '... and 10 more' in done.stdout


def test_without_a_config_it_is_said(runs, tmp_path):
    a, b = runs
    (b / 'results.json').write_text(json.dumps({'classes': CLASSES}))
    (b / 'loso.json').unlink()
    done = compare(a, b)
    assert done.status == 0
    assert f'{b} has no loso.json: the configs are not compared' in done.stdout


def test_other_clips_are_refused_and_missing_folds_named(runs):
    a, b = runs
    (b / 'folds' / 's3' / 'fold.json').write_text(json.dumps({'status': 'running'}))
    done = compare(a, b)
    assert done.status == 1 and not done.stdout
    assert '6 only in A (seed 0): smic/s3/c0, smic/s3/c1' in done.stderr
    assert f'B, {b}: 1 of 10 folds are not done: s3' in done.stderr


def test_the_same_folds_of_unfinished_runs_are_compared_with_a_note(runs):
    for run in runs:
        (run / 'folds' / 's3' / 'fold.json').unlink()
        (run / 'folds' / 's3' / 'predictions.jsonl').unlink()
    done = compare(*runs)
    assert done.status == 0
    assert '54 clips, 9 subjects' in done.stdout
    assert done.stdout.count('1 of 10 folds are not done: s3') == 2


@pytest.mark.parametrize('subjects', [1, 9, 10, 19, 20])
def test_few_subjects_are_told_of(tmp_path, subjects):
    a, b = (
        write_run(tmp_path / name, seed=seed, subjects=subjects)
        for seed, name in enumerate('ab')
    )
    done = compare(a, b)
    assert done.status == 0
    told = f'only {subjects} subject(s): so few cannot stand for others'
    assert (told in done.stdout) == (subjects < 20)
    least = {1: None, 9: '0.0039', 10: '0.002'}.get(subjects, '0.0005')
    flip = f'none is below {least})'
    assert (flip in done.stdout) == (subjects > 1)


def test_other_labels_and_classes_are_refused(runs):
    a, b = runs
    path = b / 'folds' / 's0' / 'predictions.jsonl'
    lines = read_predictions(path)
    lines[2]['label'] = (lines[2]['label'] + 1) % 3
    write_predictions(path, lines)
    done = compare(a, b)
    assert done.status == 1 and 'smic/s0/c2 (2 and 0)' in done.stderr
    plan = json.loads((b / 'loso.json').read_text())
    plan['classes'] = ['surprise', 'positive', 'negative']
    (b / 'loso.json').write_text(json.dumps(plan))
    done = compare(a, b)
    assert done.status == 1
    assert 'B surprise, positive, negative' in done.stderr


def test_usage_errors(runs, tmp_path):
    assert compare(runs[0]).status == 2
    done = compare(*runs, '--resamples', 0)
    assert done.status == 2 and '--resamples 0' in done.stderr
    done = compare(runs[0], tmp_path / 'nowhere')
    assert done.status == 1 and 'nowhere: no finished fold here' in done.stderr
