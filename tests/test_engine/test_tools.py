"""The tools as a user starts them: processes, signals, ranks, exit statuses."""

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest
from load_tool import load_tool
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmengine.runner import Runner
from paths import ROOT
from settings import one_thread

TRAIN, TEST = ROOT / 'tools' / 'train.py', ROOT / 'tools' / 'test.py'
HOST = Path(importlib.util.find_spec('mmaction').origin).parent / '.mim' / 'tools'
NAMES = ('s1', 's2', 's3', 's4')


def outcome(work_dir):
    """Everything of a run that must not depend on how it was made."""
    results = json.loads((work_dir / 'results.json').read_text())
    extra = results.pop('extra')
    texts = [
        (work_dir / 'folds' / name / 'predictions.jsonl').read_text() for name in NAMES
    ]
    return results, extra['fingerprint'], texts


@pytest.fixture(scope='module')
def whole(module_config):
    """The outcome of an uninterrupted run of one process with one thread.

    With more threads sums are taken in another order, and last digits differ.
    """
    run = module_config.parent / 'run'
    cfg = Config.fromfile(module_config)
    cfg.work_dir = str(run)
    with one_thread():
        RUNNERS.build(cfg).train()
    return outcome(run)


@pytest.mark.slow
def test_killed_in_the_middle_of_a_fold_and_resumed(whole, config_file, tmp_path, tool):
    run = tmp_path / 'run'
    slow = 'train_dataloader.dataset.pipeline.3.seconds=0.05'
    command = [TRAIN, config_file, '--work-dir', run, '--cfg-options']
    # The pause is part of the config, so both sittings and the comparison have it.
    process = tool(*command, slow, wait=False)
    state = run / 'folds' / 's2' / 'last.pth'
    deadline = time.monotonic() + 60
    while not state.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert state.exists() and not (run / 'results.json').exists()
    details = json.loads((run / 'folds' / 's2' / 'fold.json').read_text())
    assert details['status'] == 'running'

    resumed = tool(*command, slow, '--resume')
    assert resumed.returncode == 0, resumed.stderr
    assert '1 done already' in resumed.stdout
    log = ''.join(path.read_text() for path in (run / 'folds' / 's2').glob('*.log'))
    assert 'resumed epoch: 0, iter: ' in log
    results, _, texts = outcome(run)
    assert (results, texts) == (whole[0], whole[2])


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
    for name, text in zip(NAMES, whole[2], strict=True):
        target = tmp_path / 'again' / 'test' / name / 'predictions.jsonl'
        assert target.read_text() == text
    assert (tmp_path / 'again' / 'results_test.json').is_file()


def test_a_rank_that_fails_fails_the_command(config_file, toy_data, tmp_path, tool):
    # s2 is the second rank's first fold: its clips alone are broken.
    run = tmp_path / 'run'
    (run / 'folds' / 's2').mkdir(parents=True)
    (run / 'folds' / 's2' / 'last.pth').write_bytes(b'cut short')
    script = ROOT / 'tools' / 'dist_train.sh'
    done = tool(script, config_file, 2, '--work-dir', run)
    assert done.returncode != 0
    # The first rank names it, when both have trained all that they could.
    assert 'error (rank 0)' in done.stderr and 's2/last.pth' in done.stderr
    results = json.loads((run / 'results.json').read_text())
    assert results['clips'] == 12
    assert [row['fold'] for row in results['missing']] == ['s2']


def test_slurm_variables_share_the_folds(config_file, tmp_path, tool):
    """Two tasks as srun would start them, without a cluster."""
    run = tmp_path / 'run'
    tasks = [
        tool(
            TRAIN, config_file, '--work-dir', run, '--launcher', 'slurm', wait=False,
            SLURM_PROCID=str(rank), SLURM_NTASKS='2', SLURM_LOCALID=str(rank),
            MASTER_ADDR='127.0.0.1', MASTER_PORT=str(20000 + os.getpid() % 20000),
        )
        for rank in range(2)
    ]  # fmt: skip
    outputs = [task.communicate(timeout=100) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], outputs
    assert 'Confusion matrix' in outputs[0][0] and 'Confusion' not in outputs[1][0]
    assert json.loads((run / 'results.json').read_text())['clips'] == 16


def test_the_tools_of_mmaction_run_the_protocol(whole, config_file, tmp_path, tool):
    run = tmp_path / 'run'
    done = tool(HOST / 'train.py', config_file, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    assert outcome(run) == whole
    one = run / 'folds' / 's3' / 'model.pth'
    done = tool(HOST / 'test.py', config_file, one, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    scored = (run / 'test' / 's3' / 'predictions.jsonl').read_text()
    assert scored == whole[2][2]


def test_mistakes_are_one_message_and_a_status(config_file, tmp_path, capsys):
    command = [str(config_file), '--work-dir', str(tmp_path / 'run')]
    assert load_tool('train.py').main([*command, '--folds', 's1', 's7']) == 1
    assert capsys.readouterr().err.strip().splitlines() == [
        'error: no such fold: s7; the folds are s1, s2, s3, s4'
    ]
    assert load_tool('test.py').main(command) == 1
    assert (
        f'error: {tmp_path / "run"}: no finished fold here' in capsys.readouterr().err
    )


def test_options_mean_what_they_mean_in_mmaction(config_file, tmp_path):
    tool = load_tool('train.py')
    command = [str(config_file), '--seed', '7', '--deterministic', '--amp', '--resume']
    command += ['--select', 'inner', '--strategy', 'stacked', '--share', '1/4']
    command += ['--cfg-options', 'train_cfg.max_iters=3']
    cfg = tool.build_config(tool.parse_args(command))
    assert cfg.randomness == dict(seed=7, deterministic=True)
    assert cfg.optim_wrapper.type == 'BFloat16OptimWrapper'
    assert cfg.resume and cfg.load_from is None and cfg.train_cfg.max_iters == 3
    assert cfg.loso == dict(
        protocol='loso', select='inner', strategy='stacked', share=(1, 4)
    )
    assert cfg.work_dir == './work_dirs/toy_config'
    cfg = tool.build_config(tool.parse_args([str(config_file), '--resume', 'a.pth']))
    assert cfg.resume and cfg.load_from == 'a.pth'
    config_file.write_text(config_file.read_text() + 'runner_type = None\n')
    with pytest.raises(SystemExit, match='--folds is for protocols'):
        tool.build_config(tool.parse_args([str(config_file), '--folds', 's1']))
    cfg = tool.build_config(tool.parse_args([str(config_file), '--amp']))
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    seeds = [str(config_file), '--seeds', '0', '1']
    assert tool.build_config(tool.parse_args(seeds[:1] + ['--seed', '2'])).randomness
    with pytest.raises(SystemExit, match='--seed contradicts --seeds'):
        tool.build_config(tool.parse_args([*seeds, '--seed', '2']))
    with pytest.raises(SystemExit):
        tool.parse_args([str(config_file), '--share', 'some'])


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
    config_file, tmp_path, tool
):
    config_file.write_text(config_file.read_text() + PLAIN)
    run = tmp_path / 'plain'
    script = ROOT / 'tools' / 'dist_train.sh'
    done = tool(script, config_file, 2, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    checkpoint = run / 'last.pth'
    assert (run / 'last_checkpoint').read_text() == str(checkpoint)
    # The slim checkpoint goes through the ordinary runner, without a complaint.
    done = tool(TEST, config_file, checkpoint, '--work-dir', run)
    assert done.returncode == 0, done.stderr
    assert 'mer/uf1' in done.stdout and 'missing keys' not in done.stdout
    cfg = Config.fromfile(config_file)
    cfg.merge_from_dict({'work_dir': str(run), 'resume': True, 'log_level': 'ERROR'})
    cfg.train_cfg.max_iters = 6
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 6
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 6  # four of them from before
