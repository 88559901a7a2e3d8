"""Losses of folds in TensorBoard and MLflow under every strategy."""

import os
from pathlib import Path

import pytest
from load_tool import load_tool
from mmengine.config import Config
from paths import ROOT
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmaction_mer.engine import LOSORunner
from mmaction_mer.engine.runners.tracking import check_trackers, read_losses, trackers
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.utils.errors import MERRunError

FOLDS = ['s1', 's2']


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Undo the settings of the runner for MLflow; the home folder stays empty."""
    for name in ('MLFLOW_ALLOW_FILE_STORE', 'MLFLOW_DISABLE_TELEMETRY'):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / 'home'
    home.mkdir()
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.chdir(home)
    yield home
    for name in ('MLFLOW_ALLOW_FILE_STORE', 'MLFLOW_DISABLE_TELEMETRY'):
        os.environ.pop(name, None)


def backends(*names):
    return dict(vis_backends=[dict(type=f'{name}VisBackend') for name in names])


def events(folder):
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {event.step: event.value for event in accumulator.Scalars('loss')}


@pytest.mark.parametrize('strategy', ['stacked', 'sequential'])
def test_every_backend_has_the_losses_of_every_fold(
    stack_config, step_losses, environment, strategy
):
    cfg = stack_config(
        loso=dict(strategy=strategy, seeds=[0, 1], folds=FOLDS),
        visualizer=backends('Tensorboard', 'MLflow'),
    )
    LOSORunner.from_cfg(cfg).train()
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f'file://{cfg.work_dir}/mlflow')
    experiment = client.get_experiment_by_name(Path(cfg.work_dir).name)
    runs = client.search_runs([experiment.experiment_id])
    names = {f'{name} (seed {seed})' for name in FOLDS for seed in (0, 1)}
    assert {run.info.run_name for run in runs} == names and len(runs) == 4
    first = set()
    for run in runs:
        assert run.info.status == 'FINISHED'
        name, seed = run.info.run_name.rstrip(')').split(' (seed ')
        assert run.data.params['train_dataloader.dataset.held_out'] == f"['{name}']"
        history = client.get_metric_history(run.info.run_id, 'loss')
        fold = Path(cfg.work_dir, f'seed{seed}', 'folds', name)
        logged = step_losses(fold)
        assert list(logged) == list(range(1, 9))
        assert {one.step: one.value for one in history} == pytest.approx(logged)
        assert len(list((fold / 'vis_data').glob('events.*'))) == 1
        assert events(fold / 'vis_data') == pytest.approx(logged)
        first.add(logged[1])
    assert len(first) == 4
    # No store and no file of the installation outside of the work directory.
    assert not list(environment.rglob('*'))


def test_a_backend_that_fails_does_no_harm(stack_config, environment, capsys):
    cfg = stack_config(
        loso__folds=['s1'],
        visualizer=dict(
            vis_backends=[
                dict(type='MLflowVisBackend', tracking_uri='nowhere://store'),
                dict(type='TensorboardVisBackend'),
            ]
        ),
    )
    LOSORunner.from_cfg(cfg).train()
    assert (
        'fold s1 is done, but MLflowVisBackend cannot be written'
        in capsys.readouterr().out
    )
    assert events(Path(cfg.work_dir, 'folds', 's1', 'vis_data'))


def test_unusable_backends_are_rejected_before_training(stack_config, monkeypatch):
    with pytest.raises(MERRunError, match='NoVisBackend cannot be built'):
        LOSORunner.from_cfg(stack_config(visualizer=backends('No'))).train()
    cfg = stack_config(visualizer=backends('Wandb'))
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(MERRunError, match='WandbVisBackend needs wandb'):
        check_trackers(cfg)
    assert not Path(cfg.work_dir, 'folds').exists()


def test_a_backend_is_one_option_or_one_line_of_a_config(tmp_path):
    train = load_tool('train.py')
    config = ROOT / 'configs' / 'mpt_vit-tiny_synthme.py'
    line = 'visualizer.vis_backends.0.type=TensorboardVisBackend'
    args = train.parse_args([str(config), '--cfg-options', line])
    assert trackers(train.build_config(args)) == [dict(type='TensorboardVisBackend')]

    child = tmp_path / 'child.py'
    child.write_text(
        f'_base_ = {str(config)!r}\n'
        "visualizer = dict(vis_backends=[dict(type='TensorboardVisBackend')])\n"
    )
    cfg = Config.fromfile(child)
    assert trackers(cfg) == [dict(type='TensorboardVisBackend')]
    assert cfg.visualizer.type == 'ActionVisualizer'


def test_the_last_values_of_a_repeated_step_are_kept(tmp_path):
    folder = FoldFolder(tmp_path)
    assert read_losses(folder) == {}
    log = tmp_path / 'vis_data' / 'scalars.json'
    log.parent.mkdir()
    log.write_text(
        '{"loss": 3.0, "step": 1}\n{"loss": 2.0, "step": 2}\n{"loss": 9'
        '\n{"loss": 1.0, "lr": 0.1, "step": 2}\n{"uf1": 0.5, "step": 2}\n'
    )
    assert read_losses(folder) == {1: {'loss': 3.0}, 2: dict(loss=1.0, lr=0.1, uf1=0.5)}
