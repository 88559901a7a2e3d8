"""report.html from a work directory: its mistakes, their images, what is missing."""

import base64
import json
import random
import re
import shutil

import cv2
import numpy as np
import pytest
import torch
from load_tool import load_tool
from mmaction.registry import TRANSFORMS
from mmengine.config import Config

from mmaction_mer.analysis.run_report import write_page
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.utils.errors import MERError
from mmaction_mer.utils.json_files import write_json
from mmaction_mer.visualization.saving import encode_png

CLASSES = ['negative', 'positive', 'surprise']
PNG = re.compile(r'data:image/png;base64,([A-Za-z0-9+/=]+)')


@TRANSFORMS.register_module()
class ReportForeignLoad:
    """A first transform of another package."""

    def __call__(self, results):
        raise AssertionError('the pipeline of another package must not run')


@TRANSFORMS.register_module()
class ReportDraws:
    """Claim to be deterministic, and draw from all random generators."""

    deterministic = True
    drawn = 0

    def __call__(self, results):
        type(self).drawn += 1
        random.random(), np.random.rand(), torch.rand(1)
        return results


def predict(row, seed, wrong):
    """Predict the next class for the clips in ``wrong``, with the probability there."""
    sure = wrong.get(row['clip'], 0.8)
    guess = (row['label'] + (row['clip'] in wrong)) % 3
    chances = [(1 - sure) / 2] * 3
    chances[guess] = sure
    return {
        **{field: row[field] for field in ('dataset', 'subject', 'clip', 'label')},
        'prediction': guess,
        'probabilities': chances,
    }


def write_run(work_dir, cfg, toy_data, seed=0, selection='last', wrong=None):
    """Write the files of a finished run that the report reads."""
    wrong = {'s1_c0': 0.6, 's3_c2': 0.9, 's4_c3': 0.7} if wrong is None else wrong
    rows = read_annotation(toy_data / 'annotations.json')['data_list']
    folds = {}
    for row in rows:
        folds.setdefault(row['subject'], []).append(predict(row, seed, wrong))
    for name, lines in folds.items():
        folder = work_dir / 'folds' / name
        write_predictions(folder / 'predictions.jsonl', lines)
        state = {'status': 'done', 'selection': selection, 'seed': seed}
        (folder / 'fold.json').write_text(json.dumps(state))
    facts = {'fingerprint': f'print{seed}', 'wall_time_s': 12.0, 'gpu_hours': 0.25}
    results = summarize_run(folds, CLASSES, selection, [seed], facts)
    write_json(work_dir / 'results.json', results)
    plan = {'classes': CLASSES, 'folds': {name: [name] for name in folds}}
    (work_dir / 'loso.json').write_text(json.dumps(plan))
    cfg.dump(work_dir / 'config.py')
    return results, folds


@pytest.fixture
def run(make_config, toy_data, tmp_path):
    cfg = make_config()
    write_run(tmp_path / 'run', cfg, toy_data)
    return tmp_path / 'run', cfg


def decoded(page):
    """Return the images of a page as RGB, in order."""
    files = [base64.b64decode(found) for found in PNG.findall(page)]
    return [
        cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        for file in files
    ]


def frame(toy_data, clip, number):
    path = toy_data / 'frames' / clip / f'img{number}.png'
    return cv2.imread(str(path))[..., ::-1]


def test_the_surest_mistakes_come_first_with_their_own_frames(run, toy_data):
    work_dir, cfg = run
    path = write_page(work_dir, cfg)
    assert path == work_dir / 'report.html'
    page = path.read_text()
    names = re.findall(r'<h3>toy/(\S+)</h3>', page)
    assert names == ['s3/s3_c2', 's4/s4_c3', 's1/s1_c0']
    assert 'with 90.00 %' in page and '0.250' in page and 'EngineToy' in page
    # The confusion matrix, and three images of each mistake.
    images = decoded(page)
    assert len(images) == 1 + 3 * 3
    assert 'onset 1' in page and 'middle 4' in page, 'there is no apex'
    assert np.array_equal(images[1], frame(toy_data, 's3_c2', 1))
    assert np.array_equal(images[2], frame(toy_data, 's3_c2', 4))
    assert 'Most confident mistakes' in page and 'No images' not in page


def test_random_states_and_the_config_are_kept(run):
    work_dir, cfg = run
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    expected = random.random(), np.random.rand(), torch.rand(3).tolist()
    cfg.test_dataloader.dataset.pipeline.insert(1, dict(type='ReportDraws'))
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    before = cfg.pretty_text
    write_page(work_dir, cfg)
    assert ReportDraws.drawn == 3 and cfg.pretty_text == before
    assert (random.random(), np.random.rand(), torch.rand(3).tolist()) == expected


def test_a_clip_that_cannot_be_read_lacks_only_its_images(run, toy_data, tmp_path):
    work_dir, cfg = run
    root = tmp_path / 'data'
    shutil.copytree(toy_data, root)
    for part in (cfg.train_dataloader, cfg.test_dataloader):
        part.dataset.data_root = str(root)
    shutil.rmtree(root / 'frames' / 's3_c2')
    for path in (root / 'frames' / 's1_c0').iterdir():
        path.write_bytes(b'no image')
    page = write_page(work_dir, cfg).read_text()
    assert 'clip toy/s3/s3_c2: is no longer in the dataset' in page
    assert len(re.findall('No images: .*s1_c0', page)) == 1
    assert len(decoded(page)) == 1 + 3
    shutil.rmtree(root)
    page = write_page(work_dir, cfg).read_text()
    assert page.count('No images: ') == 3 and 'annotation file not found' in page


def test_pipelines_and_datasets_of_other_packages_have_a_page(run):
    work_dir, cfg = run
    pipeline = [dict(type='ReportForeignLoad')]
    cfg.test_dataloader.dataset.pipeline = pipeline
    page = write_page(work_dir, cfg).read_text()
    assert page.count('starts with ReportForeignLoad') == 3
    cfg.test_dataloader.dataset.type = 'NobodyKnowsThisDataset'
    page = write_page(work_dir, cfg).read_text()
    assert page.count('No images: KeyError') == 3
    cfg.test_dataloader.dataset.pop('ann_file')
    assert write_page(work_dir, cfg).read_text().count('has no ann_file') == 3


def test_several_seeds_are_shown_by_their_mean(make_config, toy_data, tmp_path):
    cfg = make_config()
    wrong = {
        0: {'s1_c0': 0.9, 's2_c1': 0.5},
        1: {'s1_c0': 0.7, 's2_c1': 0.6},
        2: {'s1_c0': 0.8, 's3_c2': 0.99},
    }
    runs = {
        seed: write_run(tmp_path / f'seed{seed}', cfg, toy_data, seed, 'test', clips)
        for seed, clips in wrong.items()
    }
    write_json(
        tmp_path / 'results.json',
        summarize_seeds(
            {seed: folds for seed, (_, folds) in runs.items()},
            {seed: results for seed, (results, _) in runs.items()},
        ),
    )
    (tmp_path / 'seed1' / 'clip.png').write_bytes(encode_png(np.full((9, 9, 3), 77)))
    # Started since, and no part of the scores.
    (tmp_path / 'seed3' / 'folds').mkdir(parents=True)
    page = write_page(tmp_path, cfg).read_text()
    # s2_c1 is right in the mean (one seed is sure of it), as s3_c2 is.
    assert re.findall(r'<h3>(\S+)</h3>', page) == ['toy/s1/s1_c0']
    assert 'with 80.00 %' in page and 'wrong in 3 of 3 seeds' in page
    assert 'Every number on this page: selected on the test subject' in page
    assert 'mean of 3 seeds' in page and 'fingerprint, seed 2' in page
    assert 'EngineToy' in page, 'the config of a seed'
    assert np.array_equal(decoded(page)[-1], np.full((9, 9, 3), 77))


def test_predictions_that_do_not_match_the_scores_are_noted(run):
    work_dir, cfg = run
    state = work_dir / 'folds' / 's2' / 'fold.json'
    state.write_text(json.dumps({'status': 'running'}))
    page = write_page(work_dir, cfg).read_text()
    assert 'predictions on disk are of 12 clips, the scores of 16' in page


def test_unusable_results_are_rejected(run):
    work_dir, cfg = run
    path = work_dir / 'results.json'
    content = json.loads(path.read_text())
    without = {key: value for key, value in content.items() if key != 'majority'}
    for text in (json.dumps(without), json.dumps({}), '{', None):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        with pytest.raises(MERError, match='results.json') as error:
            write_page(work_dir, cfg)
        if text in (json.dumps(without), None):
            assert error.value.path == str(path)
            assert 'score.py' in error.value.hint
    assert not (work_dir / 'report.html').exists()


def test_the_tool_makes_the_page_again(run, capsys):
    tool = load_tool('analysis/report.py')
    work_dir, cfg = run
    assert tool.main([str(work_dir)]) == 0
    page = work_dir / 'report.html'
    assert capsys.readouterr().out == f'written: {page}\n'
    first = page.read_bytes()
    write_page(work_dir, cfg)
    assert page.read_bytes() == first
    (work_dir / 'config.py').rename(work_dir / 'elsewhere.py')
    assert tool.main([str(work_dir)]) == 1
    assert 'has no config.py' in capsys.readouterr().err
    assert tool.main([str(work_dir), '--config', str(work_dir / 'elsewhere.py')]) == 0
    assert Config.fromfile(work_dir / 'elsewhere.py').model.type == 'EngineToy'
