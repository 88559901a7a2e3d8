"""Seeds and shares: which folds of which runs a start trains, and where."""

import json
import shutil

import pytest
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from settings import predictions, train

from mmaction_mer.engine.runners.distributed import Ranks
from mmaction_mer.engine.runners.results import training_cost
from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.engine.work_dir.lock import WorkDirLock, WorkDirLockedError
from mmaction_mer.utils.errors import MERRunError

OPTIONS = dict(loso__seeds=[0, 4], loso__folds=['s1', 's2'])


@pytest.fixture(scope='module')
def seeds_run(module_config):
    """A finished run of two seeds and two folds: its directory and its summary."""
    cfg = Config.fromfile(module_config)
    cfg.work_dir = str(module_config.parent / 'seeds')
    cfg.loso.update(seeds=[0, 4], folds=['s1', 's2'])
    return module_config.parent / 'seeds', train(cfg)


def test_each_seed_is_an_ordinary_run(seeds_run, make_config, tmp_path):
    run, summary = seeds_run
    assert summary['seeds'] == [0, 4]
    assert json.loads((run / 'results.json').read_text()) == summary
    train(make_config(randomness__seed=4, loso__folds=['s1', 's2']))
    for fold in ('s1', 's2'):
        found = predictions(run / 'seed4', fold)
        assert found == predictions(tmp_path / 'run', fold)
        assert found != predictions(run / 'seed0', fold)
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
    again = RUNNERS.build(make_config('again', **OPTIONS, load_from=str(run))).test()
    assert again['scores'] == summary['scores']
    assert (tmp_path / 'again' / 'results_test.json').is_file()
    alone = make_config('alone', load_from=str(run / 'seed4'), randomness__seed=4)
    stored = json.loads((run / 'seed4' / 'results.json').read_text())
    assert RUNNERS.build(alone).test()['scores'] == stored['scores']


def test_an_interrupted_run_of_seeds_is_resumed(
    seeds_run, make_config, tmp_path, monkeypatch
):
    run = shutil.copytree(seeds_run[0], tmp_path / 'run')
    shutil.rmtree(run / 'seed4' / 'folds' / 's2')
    trained = []
    normal = FoldTask.config
    monkeypatch.setattr(
        FoldTask, 'config', lambda self: (trained.append(str(self)), normal(self))[1]
    )
    with pytest.raises(MERRunError, match='already contains'):
        train(make_config(**OPTIONS))
    summary = train(make_config(resume=True, **OPTIONS))
    assert trained == ['s2 (seed 4)']
    assert summary['scores'] == seeds_run[1]['scores']


def test_runs_of_one_seed_and_of_several_do_not_mix(seeds_run, make_config, tmp_path):
    run = shutil.copytree(seeds_run[0], tmp_path / 'run')
    with pytest.raises(MERRunError, match=r'several seeds \(loso.seeds\)'):
        train(make_config(resume=True))
    shutil.rmtree(run)
    shutil.copytree(seeds_run[0] / 'seed0', run)
    with pytest.raises(MERRunError, match='one seed alone'):
        train(make_config(resume=True, loso__seeds=[0, 4]))


def test_shares_together_train_every_fold_once(
    finished_run, make_config, tmp_path, capsys
):
    run = tmp_path / 'run'
    for number in range(3):
        assert train(make_config(loso__share=(number, 3))) == {}
        assert f'share {number} of 3' in capsys.readouterr().out
        assert not (run / 'results.json').exists()
    done = sorted(path.name for path in (run / 'folds').iterdir())
    assert done == ['s1', 's2', 's3', 's4']
    facts = train(make_config(resume=True))['extra']
    assert facts['folds']['of'] == 4
    # The session that pooled trained nothing.
    assert facts['wall_time_s'] is None
    assert facts['clips_trained'] == 4 * 8 * 4 and facts['strategy'] == 'sequential'
    rate = facts['clips_trained'] / facts['training_s']
    assert facts['clips_per_s'] == pytest.approx(rate, rel=0.01)
    assert facts['versions']['threads'] == str(torch.get_num_threads())
    for fold in done:
        assert predictions(run, fold) == predictions(finished_run, fold)


def test_the_cost_of_training_is_summed_over_folds(tmp_path):
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


def test_the_wall_time_survives_a_start_with_nothing_to_do(run_copy, make_config):
    first = json.loads((run_copy / 'results.json').read_text())['extra']['wall_time_s']
    again = train(make_config(resume=True))['extra']['wall_time_s']
    assert first == again and first > 0


def test_a_rejected_first_rank_notifies_the_others(make_config, tmp_path, monkeypatch):
    messages = {}

    class Store:
        def set(self, key, value):
            messages[key] = json.loads(value)

    monkeypatch.setattr(Ranks, '_open', lambda self: Store())
    runner = RUNNERS.build(make_config())
    runner.ranks.world = 2
    with WorkDirLock(tmp_path / 'run') as lock:
        lock.take()
        with pytest.raises(WorkDirLockedError):
            runner.train()
    assert messages == {'plan': {}}


def test_ranks_are_read_from_the_variables_of_a_launcher():
    slurm = dict(SLURM_PROCID='5', SLURM_NTASKS='8', SLURM_LOCALID='1')
    ranks = Ranks('slurm', slurm)
    assert (ranks.rank, ranks.world, ranks.local, ranks.first) == (5, 8, 1, False)
    assert ranks.shard(range(20)) == [5, 13]
    assert Ranks().shard(range(3)) == [0, 1, 2]
    for launcher, environment in (('slurm', {}), ('pytorch', slurm), ('other', {})):
        with pytest.raises(MERRunError, match=launcher):
            Ranks(launcher, environment)
