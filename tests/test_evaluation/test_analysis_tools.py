"""The tools of tools/analysis, from files to files."""

import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from load_tool import load_tool
from mmengine.config import Config

from mmaction_mer.datasets.synthme import Release, make_release
from mmaction_mer.engine import LOSORunner

TOOLS = Path(__file__).parents[2] / 'tools' / 'analysis'


class Done(NamedTuple):
    failure: str | None
    stdout: str
    stderr: str


def run(tool, *arguments):
    """Call a tool's main as the shell would; give exit message and output."""
    module = load_tool(f'analysis/{tool}')
    output, errors, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = [tool, *map(str, arguments)]
    failure = None
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            failure = errors.getvalue() if module.main() else None
    except SystemExit as error:
        failure = str(error)
    finally:
        sys.argv = argv
    return Done(failure, output.getvalue(), errors.getvalue())


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
            rows.append(
                {
                    'dataset': 'blobs',
                    'subject': f's{subject}',
                    'clip': f's{subject}_c{number}',
                    'frame_dir': f's{subject}/c{number}',
                    'filename_tmpl': 'img{}.png',
                    'onset': 8,
                    'apex': None if number == 0 else 10,
                    'offset': 12,
                    'fps': 50.0,
                    'label': number % 3,
                    'emotion': '',
                    'aus': [],
                }
            )
    metainfo = {
        'dataset': 'blobs',
        'task_name': 'micro-expression recognition',
        'classes': ['left', 'right', 'up'],
        'format': 1,
    }
    content = {'metainfo': metainfo, 'data_list': rows}
    (root / 'annotations.json').write_text(json.dumps(content))
    return root


@pytest.fixture(scope='module')
def scored(release):
    out = release / 'flow'
    done = run(
        'flow_baseline.py', release / 'annotations.json', '--data-root', release,
        '--out', out,
    )  # fmt: skip
    assert done.failure is None
    return out, done.stdout


def test_the_baseline_writes_folds_and_a_pooled_result(scored):
    out, printed = scored
    results = json.loads((out / 'results.json').read_text())
    assert results['scores']['acc'] > 0.9
    assert results['clips'] == 24
    assert len(results['extra']['without_apex']) == 4
    folds = sorted(path.parent.name for path in out.glob('folds/*/predictions.jsonl'))
    assert folds == ['s0', 's1', 's2', 's3']
    assert '24 clips · 4 subjects · 4 folds' in printed


def test_scoring_again_gives_the_same_result(scored, tmp_path):
    out, printed = scored
    done = run(
        'score.py', out, '--out', tmp_path / 'r.json', '--megc-log', tmp_path / 'l'
    )
    assert done.failure is None
    again = json.loads((tmp_path / 'r.json').read_text())
    first = json.loads((out / 'results.json').read_text())
    assert {**again, 'extra': None} == {**first, 'extra': None}
    assert done.stdout.split('\nwritten')[0] == printed.split('\n\nwritten')[0]
    assert (tmp_path / 'l').read_text().startswith('blobs s0\ns0_c0 0 ')


def test_loose_files_must_say_how_the_iteration_was_chosen(scored, tmp_path):
    out, _ = scored
    for fold in ('s0', 's1'):
        text = (out / 'folds' / fold / 'predictions.jsonl').read_text()
        (tmp_path / f'{fold}.jsonl').write_text(text)
    files = [tmp_path / 's0.jsonl', tmp_path / 's1.jsonl']
    done = run('score.py', *files)
    assert '--selection' in done.failure
    done = run('score.py', *files, '--selection', 'test')
    assert done.failure is None
    assert 'selected on the test subject' in done.stdout
    assert 'class 0' in done.stdout
    assert 'seed not known' in done.stdout


def test_what_a_run_says_of_itself_cannot_be_overruled(scored, tmp_path):
    out, _ = scored
    done = run('score.py', out, '--selection', 'test')
    assert 'selection is given as test, but the run says' in done.failure


def test_unfinished_folds_are_named_and_selection_comes_from_the_folds(
    scored, tmp_path
):
    out, _ = scored
    for fold, status in {'s0': 'done', 's1': 'done', 's2': 'running'}.items():
        folder = tmp_path / 'folds' / fold
        folder.mkdir(parents=True)
        text = (out / 'folds' / fold / 'predictions.jsonl').read_text()
        (folder / 'predictions.jsonl').write_text(text)
        state = {'status': status, 'selection': 'test', 'seed': 5}
        (folder / 'fold.json').write_text(json.dumps(state))
    classes = {'classes': ['left', 'right', 'up']}
    (tmp_path / 'loso.json').write_text(json.dumps(classes))
    done = run('score.py', tmp_path)
    assert done.failure is None
    assert 'fold s2: not finished, left out' in done.stderr
    assert '12 clips · 2 subjects · 2 folds · seed 5' in done.stdout
    assert 'selected on the test subject' in done.stdout
    assert 'right' in done.stdout


def test_the_grid_has_at_least_one_cell(release, tmp_path):
    done = run(
        'flow_baseline.py', release / 'annotations.json', '--data-root', release,
        '--out', tmp_path / 'out', '--grid', '0',
    )  # fmt: skip
    assert done.failure == '2'
    assert '--grid' in done.stderr


THREE_CLASSES = ('--cfg-options', 'model.cls_head.num_classes=3')


def test_complexity_is_of_models_that_say_what_they_are_given(tmp_path):
    config = TOOLS.parents[1] / 'configs' / 'tsn_r18_rank-pooling_synthme.py'
    for path, message in (
        (config, 'is a Recognizer2D; this table is of MPTRecognizer'),
        (tmp_path / 'nothing.py', 'there is no such config file'),
        (config.parent / '_base_' / 'runtime.py', 'has no model'),
    ):
        done = run('complexity.py', path, *THREE_CLASSES)
        assert message in (done.failure or '')


def test_the_costs_of_one_model_and_of_several():
    configs = TOOLS.parents[1] / 'configs'
    tiny = configs / 'mpt_vit-tiny_synthme.py'
    done = run('complexity.py', tiny, *THREE_CLASSES)
    rows = dict(re.findall(r'^\| ([^|]+) \| ([^|]+) \|$', done.stdout, re.M))
    assert rows['backbone.adapters'] == '73,728'
    assert rows['all that learns'] == '209,549'
    assert rows['all'] == '1,504,397'
    # 209,549 numbers of four bytes, and what a file has around them.
    assert 0.84 < float(rows['checkpoint of a fold'].split()[0]) < 0.9
    miac = configs / 'miacnet_synthme.py'
    table = configs / 'ablations' / 'ma2mi_mpt.py'
    done = run('complexity.py', tiny, miac, table, *THREE_CLASSES)
    lines = done.stdout.splitlines()
    assert lines[0].startswith('| model | pixels | learns | all |')
    assert lines[0].endswith('| clips a second, 8 at once |')
    assert lines[2].startswith('| mpt_vit-tiny_synthme | 112 | 209,549 | 1,504,397 |')
    assert lines[3].startswith('| miacnet_synthme | 112 | 1,448,291 | 1,448,291 |')
    # Of a table of an ablation, each row is a model.
    assert [line.split(' | ')[0] for line in lines[4:6]] == [
        '| MPT', '| MPT from MA2MI',
    ]  # fmt: skip


@pytest.fixture(scope='module')
def miacnet(tmp_path_factory):
    """A run of a small MIACNet, on a release of which all is known."""
    root = tmp_path_factory.mktemp('miacnet')
    make_release(root / 'data', Release(subjects=2, clips=3, size=112, seed=1), 1)
    cfg = Config.fromfile(TOOLS.parents[1] / 'configs' / 'miacnet_synthme.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(root / 'data')
        loader.batch_size = 3
    cfg.train_cfg.max_iters = 1
    cfg.model.backbone.init_cfg = None
    cfg.work_dir = str(root / 'run')
    cfg.dump(str(root / 'config.py'))
    LOSORunner.from_cfg(cfg).train()
    return root


def test_heat_maps_of_a_run_are_of_strangers_and_count_hits(miacnet, tmp_path):
    out = tmp_path / 'heat.png'
    done = run(
        'heat_maps.py', miacnet / 'config.py', '--run', miacnet / 'run',
        '--out', out, '--draw', '4',
    )  # fmt: skip
    assert not done.failure, done.failure
    assert out.stat().st_size > 10_000
    rates = dict(re.findall(r'^  (\S.*?) {2,}(\S+)%$', done.stdout, re.M))
    assert set(rates) == {
        'magnitude of the action code', 'evidence for the predicted class',
        'difference of the frames', 'pointing anywhere',
    }  # fmt: skip
    assert 1 < float(rates['pointing anywhere']) < 30
    # Movement is seen by the plainest of means.
    assert float(rates['difference of the frames']) >= 50
    assert 'of 6 clips' in done.stdout

    done = run('heat_maps.py', miacnet / 'config.py', '--out', out)
    assert 'evidence' not in done.stdout and 'magnitude' in done.stdout


def test_heat_maps_say_what_they_cannot_draw(miacnet, tmp_path):
    tiny = TOOLS.parents[1] / 'configs' / 'mpt_vit-tiny_synthme.py'
    assert 'is not the config of a MIACRecognizer' in run('heat_maps.py', tiny).failure
    done = run('heat_maps.py', miacnet / 'config.py', '--run', tmp_path)
    assert 'has no finished fold' in done.failure
    done = run('heat_maps.py', miacnet / 'config.py', '--draw', '0')
    assert 'number of clips to draw, got 0' in done.failure
