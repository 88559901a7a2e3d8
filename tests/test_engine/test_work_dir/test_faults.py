"""Kills, full disks, broken clips: finished work is kept, a resume ends the same."""

import errno
import io
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from killing import lost_seconds, run_kills
from load_tool import load_tool
from settings import NAMES, outcome, train

from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from mmaction_mer.engine.strategies import STRATEGIES
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import FoldsFailed


@pytest.fixture(scope='module')
def whole(finished_run):
    """The outcome of an undisturbed run."""
    return outcome(finished_run)


KILLED = """
import random, sys
import cv2
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from killing import killed

ITERATIONS = 40
cv2.setNumThreads(1)
torch.set_num_threads(1)
seed_step = ModelStreamHook.before_train_iter

def train(work_dir, step):
    def reporting(self, runner, *args, **kwargs):
        fold = int(runner.experiment_name.split('_')[0].removeprefix('s')) - 1
        step(fold * ITERATIONS + runner.iter)
        seed_step(self, runner, *args, **kwargs)

    ModelStreamHook.before_train_iter = reporting
    cfg = Config.fromfile(sys.argv[1])
    cfg.merge_from_dict({
        'work_dir': work_dir, 'resume': True, 'loso.strategy': 'sequential',
        'train_cfg.max_iters': ITERATIONS,
        'default_hooks.checkpoint.interval': 1000,
        'default_hooks.checkpoint.share': 0.05,
    })
    RUNNERS.build(cfg).train()

draw = random.Random(0)
def steps():
    return 'step', draw.randint(1, 15)

# Four kills in each fold, and one in its end.
sessions = [
    ('wrote loso.json', 1), steps(), ('write state', 1), steps(),
    ('write model.pth', 1),
    steps(), steps(), ('wrote state', 2), steps(), ('write predictions.jsonl', 1),
    steps(), ('write state', 2), steps(), steps(), ('wrote predictions.jsonl', 1),
    ('wrote fold.json', 2), steps(), steps(), steps(), ('wrote model.pth', 1),
]
assert len(sessions) == 20
killed(train, sys.argv[2], sessions)
"""


@pytest.mark.slow
def test_killed_twenty_times_and_resumed(config_file, tmp_path):
    kills = run_kills(KILLED, config_file, tmp_path, timeout=600)
    assert len(kills) == 20
    # There are kills in all folds.
    assert {kill.last // 40 for kill in kills if kill.last is not None} == {0, 1, 2, 3}
    lost = lost_seconds(kills)
    # Saved by time alone: a fold has fewer iterations than its interval.
    assert max(lost) <= 60, lost
    assert outcome(tmp_path / 'run') == outcome(tmp_path / 'whole')
    # No session has left a file.
    assert not [path for path in (tmp_path / 'run').rglob('.*.*')]
    assert not [*(tmp_path / 'run').rglob('last.pth')]


class Full(io.FileIO):
    """A file on a disk with space for half of the data."""

    def write(self, data):
        super().write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def fill(monkeypatch):
    """Fill the disk when a file is written for the n-th time."""
    fdopen = os.fdopen

    def start(path, number):
        times = []

        def full(handle, *args, **kwargs):
            name = Path(os.readlink(f'/proc/self/fd/{handle}'))
            if name.parent == path.parent and name.name.startswith(f'.{path.name}.'):
                times.append(name)
                if len(times) >= number:
                    return Full(handle, 'wb')
            return fdopen(handle, *args, **kwargs)

        monkeypatch.setattr(os, 'fdopen', full)

    yield start


@pytest.fixture(scope='module')
def tool():
    """``main`` of tools/train.py."""
    return load_tool('train.py').main


@pytest.mark.parametrize(
    ('file', 'number', 'done'),
    [
        ('folds/s2/last.pth', 1, 1),
        ('folds/s2/last.pth', 3, 1),
        ('folds/s2/model.pth', 1, 1),
        ('folds/s2/predictions.jsonl', 1, 1),
        ('folds/s2/fold.json', 1, 1),
        ('folds/s2/fold.json', 2, 1),
        ('loso.json', 1, 0),
        ('results.json', 1, 4),
    ],
)
def test_a_full_disk_is_reported_and_does_no_harm(
    file, number, done, whole, tool, fill, config_file, tmp_path, capsys, monkeypatch
):
    run = tmp_path / 'run'
    command = [str(config_file), '--work-dir', str(run)]
    with monkeypatch.context() as patch:
        patch.setattr(os, 'fdopen', os.fdopen)  # restored: there is space again
        fill(run / file, number)
        assert tool(command) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if 'error' in line]
    assert len(error) == 1
    reason = os.strerror(errno.ENOSPC)
    assert error[0].startswith(f'error: {run / file}: {reason}: the disk is full')
    # Earlier files are intact, and there are no others.
    assert not [path for path in run.rglob('.*.*')]
    folder = FoldFolder(run / 'folds' / 's2')
    assert [FoldFolder(run / 'folds' / name).done() for name in NAMES].count(
        True
    ) == done
    if file.endswith('last.pth') and number == 3:
        assert read_checkpoint(folder.last)['meta']['iter'] == 4
    elif file == 'folds/s2/fold.json':
        assert folder.state().get('status') == ('running' if number == 2 else None)
    else:
        assert not (run / file).exists()
    capsys.readouterr()
    monkeypatch.undo()
    assert tool([*command, '--resume']) == 0, capsys.readouterr().err
    assert outcome(run) == whole


def test_a_clip_that_breaks_meanwhile_fails_the_folds_that_read_it(
    whole, make_config, toy_data, tmp_path, monkeypatch
):
    data, run = tmp_path / 'data', tmp_path / 'run'
    shutil.copytree(toy_data, data)
    broken = data / 'frames' / 's4_c1' / 'img3.png'
    image = broken.read_bytes()

    def breaks(jobs, options, one_by_one=STRATEGIES['sequential']):
        for job in one_by_one(jobs, options):
            broken.write_bytes(image[: len(image) // 2])
            yield job

    def config(**changes):
        cfg = make_config(**changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.data_root = str(data)
        return cfg

    with monkeypatch.context() as patch:
        patch.setitem(STRATEGIES, 'sequential', breaks)
        with pytest.raises(
            FoldsFailed, match=r's2, s3, s4: .*img3\.png: clip toy/s4/s4_c1'
        ):
            train(config())
    states = [FoldFolder(run / 'folds' / name).state().get('status') for name in NAMES]
    assert states == ['done', *['failed'] * 3]
    pooled = json.loads((run / 'results.json').read_text())
    assert pooled['clips'] == 4
    assert [row['fold'] for row in pooled['missing']] == ['s2', 's3', 's4']
    finished = (run / 'folds' / 's1' / 'model.pth').stat().st_mtime_ns
    broken.write_bytes(image)
    train(config(resume=True))
    assert outcome(run) == whole
    assert (run / 'folds' / 's1' / 'model.pth').stat().st_mtime_ns == finished


def interrupted(make_config, monkeypatch, fold='s1'):
    """Interrupt a fold after five iterations, with a training state."""
    seed = ModelStreamHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        seed(self, runner, batch_idx, data_batch)
        if runner.iter == 5 and Path(runner.work_dir).name == fold:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ModelStreamHook, 'before_train_iter', interrupt)
        train(make_config(default_hooks=dict(checkpoint=dict(interval=1, share=None))))


def test_the_training_state_of_another_fold_is_not_resumed(
    whole, make_config, tmp_path, monkeypatch
):
    """It was trained on the subjects that this fold is tested on."""
    run = tmp_path / 'run'
    interrupted(make_config, monkeypatch, 's2')
    own, others = run / 'folds' / 's2', run / 'folds' / 's3'
    others.mkdir()
    state = (own / 'fold.json').read_text().replace('"s2"', '"s3"')
    (others / 'fold.json').write_text(state)
    shutil.copy(own / 'last.pth', others)
    with pytest.raises(FoldsFailed, match=rf's3: .*{others / "last.pth"}'):
        train(make_config(resume=True))
    assert not (others / 'model.pth').exists()
    (others / 'last.pth').unlink()
    train(make_config(resume=True))
    assert outcome(run) == whole


def test_a_config_in_a_training_state_is_not_run(
    whole, make_config, tmp_path, monkeypatch
):
    """mmengine runs ``meta.config`` of what it resumes from as Python."""
    interrupted(make_config, monkeypatch)
    last = tmp_path / 'run' / 'folds' / 's1' / 'last.pth'
    state = read_checkpoint(last)
    mark = tmp_path / 'ran'
    state['meta']['config'] = f'import pathlib\npathlib.Path({str(mark)!r}).touch()\n'
    torch.save(state, last)
    train(make_config(resume=True))
    assert not mark.exists()
    assert outcome(tmp_path / 'run') == whole


STATES = {
    'ahead': lambda state: state['meta'].update(iter=10**12),
    'before the beginning': lambda state: state['meta'].update(iter=-5),
    'no optimizer': lambda state: state.pop('optimizer'),
    'no schedules': lambda state: state['param_schedulers'].append({}),
}


@pytest.mark.parametrize('change', STATES)
def test_an_invalid_training_state_is_named(
    change, whole, make_config, tmp_path, monkeypatch
):
    interrupted(make_config, monkeypatch)
    last = tmp_path / 'run' / 'folds' / 's1' / 'last.pth'
    state = read_checkpoint(last)
    STATES[change](state)
    torch.save(state, last)
    with pytest.raises(FoldsFailed, match=f's1: .*{last}'):
        train(make_config(resume=True))
    last.unlink()
    train(make_config(resume=True))
    assert outcome(tmp_path / 'run') == whole
