"""Seeds and shares: which folds of which runs a start trains, and where."""

import json

import pytest
import torch
from mmaction.registry import RUNNERS

from mmaction_mer.engine.runners.distributed import Ranks
from mmaction_mer.engine.runners.results import training_cost
from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.engine.work_dir.lock import WorkDirLock
from mmaction_mer.utils.errors import MERRunError


def train(cfg):
    return RUNNERS.build(cfg).train()


def lines(work_dir, fold):
    return (work_dir / 'folds' / fold / 'predictions.jsonl').read_text()


@pytest.fixture(scope='module')
def seeds_run(module_config):
    """A finished run of two seeds and two folds: its directory and its summary."""
    from mmengine.config import Config

    cfg = Config.fromfile(module_config)
    cfg.work_dir = str(module_config.parent / 'seeds')
    cfg.loso.update(seeds=[0, 4], folds=['s1', 's2'])
    return module_config.parent / 'seeds', train(cfg)


def test_each_seed_is_an_ordinary_run(seeds_run, make_config, tmp_path):
    run, summary = seeds_run
    assert summary['seeds'] == [0, 4]
    assert json.loads((run / 'results.json').read_text()) == summary
    for name in ('report.html', 'confusion.png', 'seed4/clip.png'):
        # The toy has no picture of a clip.
        assert (run / name).is_file() or 'clip' in name
    train(make_config(randomness__seed=4, loso__folds=['s1', 's2']))
    for fold in ('s1', 's2'):
        assert lines(run / 'seed4', fold) == lines(tmp_path / 'run', fold)
        assert lines(run / 'seed4', fold) != lines(run / 'seed0', fold)
    states = [
        json.loads((at / 'folds' / 's1' / 'fold.json').read_text())
        for at in (run / 'seed4', tmp_path / 'run')
    ]
    assert states[0]['fingerprint'] == states[1]['fingerprint']
    results = json.loads((run / 'seed4' / 'results.json').read_text())
    assert results['extra']['clips_trained'] == 2 * 8 * 4
    assert results['extra']['gpu_hours'] == 0


def test_seeds_are_scored_again_together_and_each_alone(
    seeds_run, make_config, tmp_path
):
    run, summary = seeds_run
    options = dict(loso__seeds=[0, 4], loso__folds=['s1', 's2'], load_from=str(run))
    again = RUNNERS.build(make_config('again', **options)).test()
    assert again['scores'] == summary['scores']
    assert (tmp_path / 'again' / 'results_test.json').is_file()
    alone = make_config('alone', load_from=str(run / 'seed4'), randomness__seed=4)
    stored = json.loads((run / 'seed4' / 'results.json').read_text())
    assert RUNNERS.build(alone).test()['scores'] == stored['scores']


def test_a_cut_run_of_seeds_goes_on(seeds_run, make_config, tmp_path, monkeypatch):
    import shutil

    run = tmp_path / 'run'
    shutil.copytree(seeds_run[0], run)
    shutil.rmtree(run / 'seed4' / 'folds' / 's2')
    trained = []
    normal = FoldTask.config
    monkeypatch.setattr(
        FoldTask, 'config', lambda self: (trained.append(str(self)), normal(self))[1]
    )
    options = dict(loso__seeds=[0, 4], loso__folds=['s1', 's2'])
    with pytest.raises(MERRunError, match='already holds'):
        train(make_config(**options))
    summary = train(make_config(resume=True, **options))
    assert trained == ['s2 (seed 4)']
    assert summary['scores'] == seeds_run[1]['scores']


def test_runs_of_one_seed_and_of_several_keep_apart(seeds_run, make_config, tmp_path):
    import shutil

    shutil.copytree(seeds_run[0], tmp_path / 'run')
    with pytest.raises(MERRunError, match=r'a run of several seeds \(loso.seeds\)'):
        train(make_config(resume=True))
    shutil.rmtree(tmp_path / 'run')
    shutil.copytree(seeds_run[0] / 'seed0', tmp_path / 'run')
    with pytest.raises(MERRunError, match='a run of one seed alone'):
        train(make_config(resume=True, loso__seeds=[0, 4]))


def test_shares_together_train_every_fold_once(make_config, tmp_path, capsys):
    for number in range(3):
        assert train(make_config(loso__share=(number, 3))) == {}
        assert f'share {number} of 3' in capsys.readouterr().out
        assert not (tmp_path / 'run' / 'results.json').exists()
    done = sorted(path.name for path in (tmp_path / 'run' / 'folds').iterdir())
    assert done == ['s1', 's2', 's3', 's4']
    results = train(make_config(resume=True))
    assert results['extra']['folds']['of'] == 4
    # Nothing was trained by the sitting that pooled.
    assert results['extra']['wall_time_s'] is None
    facts = results['extra']
    assert facts['clips_trained'] == 4 * 8 * 4 and facts['strategy'] == 'sequential'
    rate = facts['clips_trained'] / facts['training_s']
    assert facts['clips_per_s'] == pytest.approx(rate, rel=0.01)
    assert facts['versions']['threads'] == str(torch.get_num_threads())
    train(make_config('whole'))
    for fold in done:
        assert lines(tmp_path / 'run', fold) == lines(tmp_path / 'whole', fold)


@pytest.mark.parametrize(
    ('option', 'value', 'match'),
    [
        ('seeds', [], 'not a list of integers'),
        ('seeds', 3, 'not a list of integers'),
        ('seeds', [1, -1], 'not a list of integers'),
        ('seeds', [1, True], 'not a list of integers'),
        ('seeds', [1, 1], 'names a seed twice'),
        ('seeds', [2**32], 'is above'),
        ('workers', 0, 'not a positive integer'),
        ('folds_per_group', 0, "neither 'auto'"),
        ('folds_per_group', 'all', "neither 'auto'"),
        ('share', [1], 'not two integers'),
        ('share', [3, 3], 'counted from 0 to n - 1'),
        ('strategy', 'at once', 'not one of sequential, stacked, parallel'),
    ],
)
def test_options_that_cannot_be(option, value, match, make_config):
    with pytest.raises(MERRunError, match=match):
        RUNNERS.build(make_config(**{f'loso__{option}': value}))


def test_what_it_took_is_what_the_folds_say(tmp_path):
    folders = []
    for number, device in enumerate(('cpu', 'NVIDIA H200', 'NVIDIA H200')):
        folder = FoldFolder(tmp_path / f's{number}')
        folder.begin({})
        folder.finish(
            dict(device=device, strategy='stacked', clips_trained=100, wall_time_s=18.0)
        )
        folders.append(folder)
    assert training_cost(folders) == {
        'strategy': 'stacked',
        'clips_trained': 300,
        'training_s': 54.0,
        'clips_per_s': 5.556,
        'gpu_hours': 0.01,
    }


def test_the_wall_time_of_a_run_survives_a_start_with_nothing_to_do(
    make_config, tmp_path
):
    first = train(make_config(loso__folds=['s1']))['extra']['wall_time_s']
    again = train(make_config(loso__folds=['s1'], resume=True))['extra']['wall_time_s']
    assert first == again and first > 0


def test_a_refused_first_rank_tells_the_others(make_config, tmp_path, monkeypatch):
    words = {}

    class Store:
        def set(self, key, value):
            words[key] = json.loads(value)

    monkeypatch.setattr(Ranks, '_open', lambda self: Store())
    runner = RUNNERS.build(make_config())
    runner.ranks.world = 2
    with WorkDirLock(tmp_path / 'run') as lock:
        lock.take()
        with pytest.raises(MERRunError, match='another process'):
            runner.train()
    assert words == {'plan': {}}
