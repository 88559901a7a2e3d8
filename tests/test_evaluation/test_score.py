"""tools/analysis/flow_baseline.py and score.py, from files to files."""

import json
import shutil

import cv2
import numpy as np
import pytest
from load_tool import run_tool
from toy_predictions import LABEL

CLASSES = ['left', 'right', 'up']


def run(tool, *arguments, status=0):
    done = run_tool(f'analysis/{tool}', *arguments)
    assert done.status == status, done
    return done.stderr if status else done.stdout


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    """Four people, each six clips of a moving blob: left, right or up."""
    root = tmp_path_factory.mktemp('release')
    y, x = np.mgrid[:96, :96].astype(np.float32)
    weight = np.exp(-((x - 48) ** 2 + (y - 48) ** 2) / 300)
    rows = []
    for subject in range(4):
        rng = np.random.default_rng(subject)
        noise = rng.normal(size=(96, 96)).astype(np.float32)
        face = 128 + cv2.GaussianBlur(noise, (0, 0), 2) * 120
        for number in range(6):
            u, v = [(-2, 0), (2, 0), (0, -2)][number % 3]
            folder = root / f's{subject}' / f'c{number}'
            folder.mkdir(parents=True)
            for frame, part in enumerate((0, 0.5, 1, 0.5, 0), start=8):
                shifted = (x - part * u * weight, y - part * v * weight)
                image = cv2.remap(face, *shifted, cv2.INTER_CUBIC)
                cv2.imwrite(str(folder / f'img{frame}.png'), image.clip(0, 255))
            rows.append({
                'dataset': 'blobs', 'subject': f's{subject}',
                'clip': f's{subject}_c{number}', 'frame_dir': f's{subject}/c{number}',
                'filename_tmpl': 'img{}.png', 'onset': 8,
                'apex': None if number == 0 else 10, 'offset': 12, 'fps': 50.0,
                'label': number % 3, 'emotion': '', 'aus': [],
            })  # fmt: skip
    metainfo = {
        'dataset': 'blobs', 'task_name': 'micro-expression recognition',
        'classes': CLASSES, 'format': 1,
    }  # fmt: skip
    content = {'metainfo': metainfo, 'data_list': rows}
    (root / 'annotations.json').write_text(json.dumps(content))
    return root


@pytest.fixture(scope='module')
def scored(release):
    arguments = [release / 'annotations.json', '--data-root', release]
    return release / 'flow', run(
        'flow_baseline.py', *arguments, '--out', release / 'flow'
    )


def test_the_baseline_writes_folds_and_a_pooled_result(scored):
    out, printed = scored
    results = json.loads((out / 'results.json').read_text())
    assert results['scores']['acc'] > 0.9
    assert results['clips'] == 24
    assert len(results['extra']['without_apex']) == 4
    folds = sorted(path.parent.name for path in out.glob('folds/*/predictions.jsonl'))
    assert folds == ['s0', 's1', 's2', 's3']
    assert '24 clips · 4 subjects · 4 folds' in printed


def test_the_grid_has_at_least_one_cell(release, tmp_path):
    arguments = [release / 'annotations.json', '--data-root', release, '--grid', 0]
    assert '--grid' in run(
        'flow_baseline.py', *arguments, '--out', tmp_path / 'out', status=2
    )


def test_scoring_again_gives_the_same_result(scored, tmp_path):
    out, printed = scored
    again = run(
        'score.py', out, '--out', tmp_path / 'r.json', '--megc-log', tmp_path / 'log'
    )
    first = json.loads((out / 'results.json').read_text())
    assert json.loads((tmp_path / 'r.json').read_text()) == {**first, 'extra': {}}
    assert again.split('\nwritten')[0] == printed.split('\n\nwritten')[0]
    assert (tmp_path / 'log').read_text().startswith('blobs s0\ns0_c0 0 ')


def test_loose_files_need_the_selection(scored, tmp_path):
    out, _ = scored
    files = [
        shutil.copy(
            out / 'folds' / fold / 'predictions.jsonl', tmp_path / f'{fold}.jsonl'
        )
        for fold in ('s0', 's1')
    ]
    assert '--selection' in run('score.py', *files, status=1)
    printed = run('score.py', *files, '--selection', 'test')
    assert LABEL in printed and 'class 0' in printed and 'seed not known' in printed


def test_what_is_stored_with_a_run_cannot_be_overruled(scored):
    out, _ = scored
    message = run('score.py', out, '--selection', 'test', status=1)
    assert "'selection'" in message and "stored as 'last'" in message


def test_unfinished_folds_are_named_and_selection_comes_from_the_folds(
    scored, tmp_path
):
    out, _ = scored
    for fold, status in {'s0': 'done', 's1': 'done', 's2': 'running'}.items():
        shutil.copytree(out / 'folds' / fold, tmp_path / 'folds' / fold)
        state = {'status': status, 'selection': 'test', 'seed': 5}
        (tmp_path / 'folds' / fold / 'fold.json').write_text(json.dumps(state))
    (tmp_path / 'loso.json').write_text(json.dumps({'classes': CLASSES}))
    done = run_tool('analysis/score.py', tmp_path)
    assert done.status == 0
    assert 'fold s2: not finished' in done.stderr
    assert '12 clips · 2 subjects · 2 folds · seed 5' in done.stdout
    assert LABEL in done.stdout and 'right' in done.stdout
