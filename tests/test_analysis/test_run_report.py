"""report.html from a work directory: its mistakes, their pictures, what is missing."""

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

from mmaction_mer.analysis.run_report import (
    clip_pictures,
    confident_mistakes,
    to_png,
    write_page,
)
from mmaction_mer.datasets import MERDataset
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.motion import rank_pool
from mmaction_mer.utils.errors import MERDataError, MERRunError
from mmaction_mer.utils.json_files import write_json

CLASSES = ['negative', 'positive', 'surprise']
PNG = re.compile(r'data:image/png;base64,([A-Za-z0-9+/=]+)')


@TRANSFORMS.register_module()
class ReportForeignLoad:
    """A first transform that is nobody's of ours."""

    def __call__(self, results):
        raise AssertionError('a foreign pipeline must not be run')


@TRANSFORMS.register_module()
class ReportDraws:
    """Says that it draws nothing, and draws from all streams."""

    deterministic = True
    drawn = 0

    def __call__(self, results):
        type(self).drawn += 1
        random.random(), np.random.rand(), torch.rand(1)
        return results


def predict(row, seed, wrong):
    """Take the clips in ``wrong`` for the next class, with the probability there."""
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
    """Write what a finished run leaves that the page reads."""
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
    """The pictures of a page as RGB, in order."""
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
    # The confusion matrix, and three pictures of each mistake.
    pictures = decoded(page)
    assert len(pictures) == 1 + 3 * 3
    # Of six frames four are read: 1, 3 (or 4), ..., 6; there is no apex.
    assert np.array_equal(pictures[1], frame(toy_data, 's3_c2', 1))
    middle = int(re.search(r'middle, frame (\d) \(apex not given\)', page)[1])
    assert middle in (3, 4)
    assert np.array_equal(pictures[2], frame(toy_data, 's3_c2', middle))
    assert 'Most confident mistakes' in page and 'No pictures' not in page


def dataset_of(toy_data, tmp_path, **changes):
    content = json.loads((toy_data / 'annotations.json').read_text())
    for row in content['data_list']:
        row.update(changes)
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    return MERDataset(
        str(path),
        [dict(type='LoadMERFrames', max_frames=3),
         dict(type='StandardizeLength', length=4), dict(type='PackMERInputs')],
        data_prefix=dict(img=str(toy_data / 'frames')),
    )  # fmt: skip


@pytest.mark.parametrize('remove_head_motion', [False, True])
def test_the_pictures_of_a_clip(toy_data, tmp_path, remove_head_motion):
    dataset = dataset_of(toy_data, tmp_path, apex=5)
    transforms = dataset.pipeline.transforms
    loaded = transforms[0](dataset.get_data_info(0))
    numbers = loaded['frame_inds'].tolist()
    assert 5 not in numbers, 'or the nearest is not put to the test'
    nearest = min(numbers, key=lambda number: abs(number - 5))
    onset, apex, pooled = clip_pictures(
        dataset.get_data_info(0), transforms, remove_head_motion
    )
    assert onset[0] == 'onset (frame 1)'
    assert apex[0] == f'apex (frame 5; nearest read: {nearest})'
    image = cv2.imdecode(np.frombuffer(apex[1], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(image, loaded['imgs'][numbers.index(nearest)])
    clip = np.stack(transforms[1](loaded)['imgs'])
    assert len(clip) == 4
    assert pooled[1] == to_png(rank_pool(clip, remove_head_motion))
    assert pooled[1] != to_png(rank_pool(clip, not remove_head_motion))


def test_a_pipeline_of_its_own_pooling_decides_how_steady(toy_data, tmp_path):
    dataset = dataset_of(toy_data, tmp_path, apex=1)
    transforms = list(dataset.pipeline.transforms)
    transforms.insert(
        2, TRANSFORMS.build(dict(type='RankPooling', remove_head_motion=True))
    )
    row = dataset.get_data_info(2)
    own = clip_pictures(row, transforms)
    assert own == clip_pictures(row, transforms[:2], remove_head_motion=True)
    assert own[1][0] == 'apex (frame 1)'


def test_no_random_stream_changes(run):
    work_dir, cfg = run
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    expected = random.random(), np.random.rand(), torch.rand(3).tolist()
    cfg.test_dataloader.dataset.pipeline.insert(1, dict(type='ReportDraws'))
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    write_page(work_dir, cfg)
    assert ReportDraws.drawn == 3
    assert (random.random(), np.random.rand(), torch.rand(3).tolist()) == expected


def test_the_config_is_not_changed(run):
    work_dir, cfg = run
    before = cfg.pretty_text
    write_page(work_dir, cfg)
    assert cfg.pretty_text == before


def test_a_clip_that_cannot_be_read_costs_its_pictures_only(run, toy_data, tmp_path):
    work_dir, cfg = run
    root = tmp_path / 'data'
    shutil.copytree(toy_data, root)
    for part in (cfg.train_dataloader, cfg.test_dataloader):
        part.dataset.data_root = str(root)
    shutil.rmtree(root / 'frames' / 's3_c2')
    for path in (root / 'frames' / 's1_c0').iterdir():
        path.write_bytes(b'no picture')
    page = write_page(work_dir, cfg).read_text()
    assert 'clip toy/s3/s3_c2: is not in the data set any more' in page
    assert len(re.findall('No pictures: .*s1_c0', page)) == 1
    assert len(decoded(page)) == 1 + 3
    shutil.rmtree(root)
    page = write_page(work_dir, cfg).read_text()
    assert page.count('No pictures: ') == 3 and 'annotation file not found' in page


def test_foreign_pipelines_still_have_a_page(run):
    work_dir, cfg = run
    pipeline = [dict(type='ReportForeignLoad')]
    cfg.test_dataloader.dataset.pipeline = pipeline
    page = write_page(work_dir, cfg).read_text()
    assert page.count('begins with ReportForeignLoad') == 3
    cfg.test_dataloader.dataset.type = 'NobodyKnowsThisDataset'
    page = write_page(work_dir, cfg).read_text()
    assert page.count('No pictures: KeyError') == 3
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
    (tmp_path / 'seed1' / 'clip.png').write_bytes(to_png(np.full((9, 9, 3), 77)))
    # Begun since, and no part of the scores.
    (tmp_path / 'seed3' / 'folds').mkdir(parents=True)
    page = write_page(tmp_path, cfg).read_text()
    # s2_c1 is right in the mean (one seed is sure of it), as s3_c2 is.
    assert re.findall(r'<h3>(\S+)</h3>', page) == ['toy/s1/s1_c0']
    assert 'with 80.00 %' in page and 'wrong in 3 of 3 seeds' in page
    assert 'Every number on this page: selected on the test subject' in page
    assert 'mean of 3 seeds' in page and 'fingerprint, seed 2' in page
    assert 'EngineToy' in page, 'the config of a seed'
    assert np.array_equal(decoded(page)[-1], np.full((9, 9, 3), 77))


def line(clip, label, prediction, probabilities):
    return {
        'dataset': 'd', 'subject': 's', 'clip': clip, 'label': label,
        'prediction': prediction, 'probabilities': probabilities,
    }  # fmt: skip


def test_mistakes_are_picked_by_the_probability_of_what_was_wrongly_said():
    lines = [
        line('a', 0, 1, [0.4, 0.6]),
        line('b', 1, 1, [0.0, 1.0]),
        line('c', 1, 0, [0.9, 0.1]),
        line('e', 1, 0, [0.7, 0.3]),
        line('d', 0, 1, [0.3, 0.7]),
    ]
    found = confident_mistakes([lines])
    assert [one['clip'] for one in found] == ['c', 'd', 'e', 'a']
    assert [one['clip'] for one in confident_mistakes([lines], 2)] == ['c', 'd']
    assert confident_mistakes([[lines[1]]]) == []


def test_mistakes_of_several_seeds():
    first = [line('a', 0, 1, [0.4, 0.6]), line('b', 0, 1, [0.4, 0.6])]
    second = [line('a', 0, 0, [0.55, 0.45]), line('b', 0, 0, [0.9, 0.1])]
    only = line('c', 0, 1, [0.0, 1.0])
    (found,) = confident_mistakes([[*first, only], second[::-1]])
    assert (found['clip'], found['prediction'], found['wrong']) == ('a', 1, 1)
    assert found['probabilities'] == pytest.approx([0.475, 0.525])


def test_large_pictures_are_shrunk_and_small_ones_kept():
    wide = np.random.default_rng(0).uniform(-5, 260, (100, 500, 3))
    shape = cv2.imdecode(np.frombuffer(to_png(wide), np.uint8), 1).shape
    assert shape == (44, 224, 3)
    small = np.random.default_rng(0).integers(0, 256, (7, 5, 3))
    image = cv2.imdecode(np.frombuffer(to_png(small), np.uint8), 1)[..., ::-1]
    assert np.array_equal(image, small)


def test_predictions_that_do_not_fit_the_scores_are_told_of(run):
    work_dir, cfg = run
    state = work_dir / 'folds' / 's2' / 'fold.json'
    state.write_text(json.dumps({'status': 'running'}))
    page = write_page(work_dir, cfg).read_text()
    assert 'predictions on disk are of 12 clips, the scores of 16' in page


def test_what_is_no_finished_run_is_refused(run):
    work_dir, cfg = run
    results = work_dir / 'results.json'
    content = json.loads(results.read_text())
    del content['majority']
    results.write_text(json.dumps(content))
    with pytest.raises(MERRunError, match="no field 'majority'.*score.py"):
        write_page(work_dir, cfg)
    del content['selection']
    results.write_text(json.dumps(content))
    with pytest.raises(MERRunError, match='results.json: has no selection'):
        write_page(work_dir, cfg)
    results.write_text('{')
    with pytest.raises(MERRunError, match='results.json: is not a JSON file'):
        write_page(work_dir, cfg)
    results.unlink()
    with pytest.raises(MERRunError, match='there are no results yet'):
        write_page(work_dir, cfg)
    assert not (work_dir / 'report.html').exists()


def test_a_clip_is_not_drawn_by_a_guess(toy_data, tmp_path):
    dataset = dataset_of(toy_data, tmp_path)
    row = dataset.get_data_info(0)
    with pytest.raises(MERDataError, match='begins with PackMERInputs'):
        clip_pictures(row, dataset.pipeline.transforms[2:])
    with pytest.raises(MERDataError, match='begins with nothing'):
        clip_pictures(row, [])


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
