"""The tools as a user starts them: processes, signals, ranks, exit statuses."""

import importlib.util
import json
import os
import re
import runpy
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from load_tool import load_tool
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from paths import ROOT
from settings import NAMES, outcome, predictions

from mmaction_mer.models.utils import pretrained

TRAIN = ROOT / 'tools' / 'train.py'
HOST = Path(importlib.util.find_spec('mmaction').origin).parent / '.mim' / 'tools'


@pytest.fixture(scope='module')
def whole(finished_run):
    """The outcome of an uninterrupted run of one process with one thread."""
    return outcome(finished_run)


@pytest.mark.slow
def test_killed_in_the_middle_of_a_fold_and_resumed(
    whole, config_file, tmp_path, tool, capsys
):
    run = tmp_path / 'run'
    # The pause is part of the config, so that both sessions have it.
    options = ['--work-dir', str(run), '--cfg-options',
               'train_dataloader.dataset.pipeline.3.seconds=0.05']  # fmt: skip
    process = tool(TRAIN, config_file, *options, wait=False)
    state = run / 'folds' / 's2' / 'last.pth'
    deadline = time.monotonic() + 240
    while not state.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert state.exists() and not (run / 'results.json').exists()
    details = json.loads((run / 'folds' / 's2' / 'fold.json').read_text())
    assert details['status'] == 'running'

    resumed = load_tool('train.py').main([str(config_file), *options, '--resume'])
    shown = capsys.readouterr()
    assert resumed in (None, 0), shown.err
    assert '1 done already' in shown.out
    log = ''.join(path.read_text() for path in (run / 'folds' / 's2').glob('*.log'))
    assert 'resumed epoch: 0, iter: ' in log
    assert outcome(run) == whole


@pytest.mark.slow
def test_two_ranks_give_what_one_gives(whole, config_file, tmp_path, tool):
    run = tmp_path / 'run'
    script = ROOT / 'tools' / 'dist_train.sh'
    done = tool(script, config_file, 2, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    assert outcome(run) == whole
    assert done.stdout.count('4 of 4 folds') == 2  # at the start and at the end
    assert done.stdout.count('Confusion matrix') == 1

    script = ROOT / 'tools' / 'dist_test.sh'
    again = tool(script, config_file, run, 2, '--work-dir', tmp_path / 'again')
    assert again.returncode == 0, again.stderr
    for name in NAMES:
        scored = predictions(tmp_path / 'again', name, 'test')
        assert scored == predictions(run, name)
    assert (tmp_path / 'again' / 'results_test.json').is_file()


def test_a_rank_that_fails_fails_the_command(config_file, tmp_path, tool):
    # s2 is the first fold of the second rank, and has a damaged training state.
    run = tmp_path / 'run'
    (run / 'folds' / 's2').mkdir(parents=True)
    (run / 'folds' / 's2' / 'last.pth').write_bytes(b'cut short')
    script = ROOT / 'tools' / 'dist_train.sh'
    done = tool(script, config_file, 2, '--work-dir', run)
    assert done.returncode != 0
    # The first rank reports it, when both have trained all other folds.
    assert 'error (rank 0)' in done.stderr and 's2/last.pth' in done.stderr
    results = json.loads((run / 'results.json').read_text())
    assert results['clips'] == 12
    assert [row['fold'] for row in results['missing']] == ['s2']


def test_the_tools_of_mmaction_run_the_protocol(
    whole, config_file, tmp_path, monkeypatch
):
    def run_tool(name, *arguments):
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        runpy.run_path(str(HOST / name), run_name='__main__')

    run = tmp_path / 'run'
    run_tool('train.py', config_file, '--work-dir', run)
    assert outcome(run) == whole
    model = run / 'folds' / 's3' / 'model.pth'
    run_tool('test.py', config_file, model, '--work-dir', run)
    assert predictions(run, 's3', 'test') == predictions(run, 's3')


PLAIN = """
runner_type = None
param_scheduler = []
train_cfg = dict(by_epoch=False, max_iters=4)
for loader, side in ((train_dataloader, 'train'), (test_dataloader, 'test')):
    loader['dataset'].update(held_out=['s1'], side=side)
del loader, side
"""


@pytest.mark.slow
def test_an_ordinary_config_trains_on_two_ranks_and_is_scored(
    config_file, tmp_path, tool, capsys
):
    config_file.write_text(config_file.read_text() + PLAIN)
    run = tmp_path / 'plain'
    script = ROOT / 'tools' / 'dist_train.sh'
    done = tool(script, config_file, 2, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    checkpoint = run / 'last.pth'
    assert (run / 'last_checkpoint').read_text() == str(checkpoint)
    # The ordinary runner loads the slim checkpoint without a complaint.
    command = [str(config_file), str(checkpoint), '--work-dir', str(run)]
    assert load_tool('test.py').main(command) in (None, 0)
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert 'mer/uf1' in text and 'missing keys' not in text
    cfg = Config.fromfile(config_file)
    cfg.merge_from_dict({'work_dir': str(run), 'resume': True, 'log_level': 'ERROR'})
    cfg.experiment_name = 'resumed'
    cfg.train_cfg.max_iters = 6
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 6
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 6  # four of them from before


def test_mistakes_are_one_message_and_a_status(config_file, tmp_path, capsys):
    command = [str(config_file), '--work-dir', str(tmp_path / 'run')]
    assert load_tool('train.py').main([*command, '--folds', 's1', 's7']) == 1
    assert capsys.readouterr().err.strip().splitlines() == [
        'error: no such fold: s7; the folds are s1, s2, s3, s4'
    ]
    assert load_tool('test.py').main(command) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {tmp_path / "run"}: no finished fold here')


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_a_broken_config_file_is_one_message(name, tmp_path, capsys):
    main = load_tool(name).main
    path = tmp_path / 'broken.py'
    assert main([str(path)]) == 1
    assert capsys.readouterr().err == f'error: {path}: there is no such config file\n'
    for text, message in [
        ('x = (', r'SyntaxError: .*line 1'),
        ('a = 1\nx = nothing_here', r'line 2: NameError: .*nothing_here'),
        ("_base_ = ['./nowhere.py']", r'nowhere\.py'),
    ]:
        path.write_text(text)
        assert main([str(path)]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith(f'error: {path}: this config cannot be read: ')
        assert 'Traceback' not in shown
        assert re.search(message, shown)


def test_missing_pretrained_weights_are_one_message(
    config_file, tmp_path, capsys, monkeypatch
):
    import engine_toy

    weights = tmp_path / 'vit.pth'

    class Toy(engine_toy.EngineToy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            pretrained.load_pretrained(self, str(weights), prefix='backbone')

    monkeypatch.setitem(MODELS.module_dict, 'EngineToy', Toy)
    command = [str(config_file), '--work-dir', str(tmp_path / 'run'), '--resume']
    for _ in range(2):
        assert load_tool('train.py').main(command) == 1
        shown = capsys.readouterr().err
        assert str(weights) in shown and 'Traceback' not in shown
        torch.save({'backbone.x': torch.zeros(1)}, weights)


def test_options_mean_what_they_mean_in_mmaction(config_file, capsys):
    tool = load_tool('train.py')

    def build(*options):
        return tool.build_config(tool.parse_args([str(config_file), *options]))

    cfg = build('--seed', '7', '--deterministic', '--amp', '--resume', '--select',
                'inner', '--strategy', 'stacked', '--share', '1/4', '--cfg-options',
                'train_cfg.max_iters=3')  # fmt: skip
    assert cfg.randomness == dict(seed=7, deterministic=True)
    assert cfg.optim_wrapper.type == 'BFloat16OptimWrapper'
    assert cfg.resume and cfg.load_from is None and cfg.train_cfg.max_iters == 3
    assert cfg.loso == dict(
        protocol='loso', select='inner', strategy='stacked', share=(1, 4)
    )
    assert cfg.work_dir == './work_dirs/toy_config'
    cfg = build('--resume', 'a.pth')
    assert cfg.resume and cfg.load_from == 'a.pth'
    assert build('--seed', '2').randomness
    for options, message in [
        (('--seeds', '0', '1', '--seed', '2'), '--seed contradicts --seeds'),
        (('--share', 'some'), ''),
        (('--auto-scale-lr',), 'auto_scale_lr = dict.base_batch_size=N'),
    ]:
        with pytest.raises(SystemExit, match=message):
            build(*options)
    assert tool.main([str(config_file), '--cfg-options', 'model.scale']) == 1
    assert "'model.scale' is not of the form key=value" in capsys.readouterr().err
    with config_file.open('a') as file:
        file.write('auto_scale_lr = dict(base_batch_size=8)\nrunner_type = None\n')
    assert build('--auto-scale-lr').auto_scale_lr.enable
    with pytest.raises(SystemExit, match='--folds requires a config'):
        build('--folds', 's1')
    assert build('--amp').optim_wrapper.type == 'AmpOptimWrapper'
