"""Folds in parallel: in processes of one machine, and as shares of a run."""

import errno
import json
import os
import shutil
import signal
import sys
import threading
import time

import pytest
import torch
from mmengine.config import Config
from settings import NAMES, outcome, train
from workers import (
    Fork,
    InProcessWorker,
    has_ended,
    parallel,
    use_forks,
    wait_until,
)

from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.utils.errors import MERRunError

# A module that only the config names.
FLAKY = """
import os, signal
from pathlib import Path
import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmaction_mer.utils.errors import MERRunError

@HOOKS.register_module(force=True)
class Flaky(Hook):
    'Note who trains; one fold is killed the first time, one ends with an error.'

    def __init__(self, notes, killed=None, failed=None):
        self.notes, self.killed, self.failed = Path(notes), killed, failed

    def before_train(self, runner):
        note = f'{runner.experiment_name[:2]} {os.getpid()} {torch.get_num_threads()}'
        with self.notes.open('a') as file:
            print(note, file=file, flush=True)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        name = Path(runner.work_dir).name
        first = self.notes.read_text().count(f'{name} ') == 1
        if runner.iter == 5 and first and name == self.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        if runner.iter == 5 and first and name == self.failed:
            raise MERRunError(f'{name} is not in the mood')
"""


@pytest.fixture
def flaky(config_file, tmp_path, monkeypatch):
    """Make a config some of whose folds fail the first time, in processes by fork."""
    (tmp_path / 'flaky_parts.py').write_text(FLAKY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'flaky_parts', raising=False)
    use_forks(monkeypatch)
    (tmp_path / 'notes').touch()

    def make(seconds=0.0, workers=2, **how):
        hook = dict(type='Flaky', notes=str(tmp_path / 'notes'), **how)
        text = f"""
custom_imports = dict(imports=['engine_toy', 'flaky_parts'])
custom_hooks = [{hook}]
train_pipeline[3]['seconds'] = {seconds}
loso = dict(protocol='loso', strategy='parallel', workers={workers})
"""
        config_file.write_text(config_file.read_text() + text)
        cfg = Config.fromfile(config_file)
        cfg.work_dir = str(tmp_path / 'run')
        return cfg

    return make


def notes(tmp_path):
    return [line.split() for line in (tmp_path / 'notes').read_text().splitlines()]


def test_a_killed_and_a_failed_fold_are_tried_again(
    finished_run, flaky, tmp_path, capfd
):
    train(flaky(killed='s4', failed='s3'))
    assert outcome(tmp_path / 'run') == outcome(finished_run)
    out, err = capfd.readouterr()
    again = 'failed and is tried again at the end'
    assert f's4 {again}: its process was killed' in err
    assert f's3 {again}: s3 is not in the mood' in err
    assert 'failed again' not in err and 'Traceback' not in out + err
    assert 'Multi-processing start method' not in err
    rows = notes(tmp_path)
    assert sorted(name for name, *_ in rows[:4]) == [*NAMES]
    assert {threads for *_, threads in rows} == {'1'}
    pids = [pid for _, pid, _ in rows]
    assert len(set(pids[:4])) == 2 and str(os.getpid()) not in pids
    # Both second attempts come last, in one process, a new one.
    assert sorted(name for name, *_ in rows[4:]) == ['s3', 's4']
    assert pids[4] == pids[5] and pids[4] not in pids[:4]
    # The killed fold was resumed from its last training state.
    log = ''.join(path.read_text() for path in tmp_path.glob('run/folds/s4/*.log'))
    assert 'resumed epoch: 0, iter: 4' in log


def test_ctrl_c_ends_the_processes(flaky, tmp_path, capfd):
    def press():
        wait_until((tmp_path / 'run' / 'folds' / 's1' / 'last.pth').exists)
        # A terminal signals all processes, and only one may react.
        [[_, pid, _]] = notes(tmp_path)
        os.kill(int(pid), signal.SIGINT)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        train(flaky(seconds=0.05, workers=1))
    presser.join()
    [[_, pid, _]] = notes(tmp_path)
    assert pid != str(os.getpid()) and has_ended(pid)
    err = capfd.readouterr().err
    assert 'failed' not in err and 'KeyboardInterrupt' not in err


def test_processes_end_with_a_parent_that_is_killed(
    finished_run, flaky, tmp_path, monkeypatch
):
    cfg = flaky(seconds=0.05, workers=1)
    run = tmp_path / 'run'
    parent = Fork(train, cfg.copy())
    state = run / 'folds' / 's1' / 'last.pth'
    wait_until(lambda: state.exists() or parent.poll() is not None)
    assert parent.poll() is None
    with pytest.raises(MERRunError, match='another process'):
        train(cfg.copy())
    parent.kill()
    parent.wait()
    [[_, pid, _]] = notes(tmp_path)
    try:
        wait_until(lambda: has_ended(pid), seconds=40)
    finally:
        if not has_ended(pid):
            os.kill(int(pid), signal.SIGKILL)
    # Any strategy resumes what another one began.
    cfg.resume, cfg.loso.strategy = True, 'sequential'
    monkeypatch.setattr(time, 'sleep', lambda seconds: None)
    train(cfg)
    assert outcome(run) == outcome(finished_run)


class Recorded(InProcessWorker):
    """A worker without a process that records what it is asked for."""

    started, stopped = [], []

    def submit(self, task):
        Recorded.threads = self.threads
        Recorded.started.append((task.fold.name, self.number))
        super().submit(task)

    def stop(self, at_once):
        if at_once:
            Recorded.stopped.append(self.number)


@pytest.fixture
def without_processes(monkeypatch):
    Recorded.started, Recorded.stopped = [], []
    monkeypatch.setattr(parallel, 'Worker', Recorded)
    return Recorded.started


def test_a_fold_that_fails_twice_is_named_and_the_others_are_kept(
    finished_run, without_processes, make_config, tmp_path, capsys
):
    state = tmp_path / 'run' / 'folds' / 's2' / 'last.pth'
    state.parent.mkdir(parents=True)
    state.write_bytes(b'cut short')
    changes = dict(loso__strategy='parallel', loso__workers=3)
    with pytest.raises(MERRunError) as caught:
        train(make_config(**changes))
    assert '1 of 4 folds are not done' in str(caught.value)
    assert f's2: {state}: not a readable' in str(caught.value)
    err = capsys.readouterr().err
    assert err.count('s2 failed') == 2 and 'Traceback' not in err
    assert [name for name, _ in without_processes] == [*NAMES, 's2']
    assert {number for _, number in without_processes} == {0, 1, 2}
    pooled = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert pooled['clips'] == 12
    assert [row['fold'] for row in pooled['missing']] == ['s2']
    state.unlink()
    train(make_config(resume=True, **changes))
    assert outcome(tmp_path / 'run') == outcome(finished_run)
    assert [name for name, _ in without_processes[5:]] == ['s2']


def test_a_clip_that_breaks_on_the_way_fails_the_folds_after_it(
    finished_run, without_processes, make_config, toy_data, tmp_path, monkeypatch
):
    data, run = tmp_path / 'data', tmp_path / 'run'
    shutil.copytree(toy_data, data)
    broken = data / 'frames' / 's4_c1' / 'img3.png'
    image = broken.read_bytes()

    def config(**changes):
        cfg = make_config(loso__strategy='parallel', loso__workers=1, **changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.data_root = str(data)
        return cfg

    def train_fold(*args):
        complete(*args)
        broken.write_bytes(image[: len(image) // 2])

    complete = parallel.train_fold
    with monkeypatch.context() as patch:
        patch.setattr(parallel, 'train_fold', train_fold)
        with pytest.raises(
            MERRunError, match=r'(?s)3 of 4 .*img3\.png: clip toy/s4/s4_c1'
        ):
            train(config())
    done = [FoldFolder(run / 'folds' / name).done() for name in NAMES]
    assert done == [True, False, False, False]
    broken.write_bytes(image)
    train(config(resume=True))
    assert outcome(run) == outcome(finished_run)


def test_a_full_disk_stops_the_run(without_processes, make_config, monkeypatch):
    def train_fold(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'run/last.pth')

    monkeypatch.setattr(parallel, 'train_fold', train_fold)
    with pytest.raises(MERRunError, match=r'last\.pth: .*the disk is full'):
        train(make_config(loso__strategy='parallel', loso__workers=1))
    assert [name for name, _ in without_processes] == ['s1']


def test_an_error_of_the_file_system_is_a_message(
    without_processes, make_config, monkeypatch, capsys
):
    code = errno.EACCES

    def train_fold(*_):
        raise OSError(code, os.strerror(code), 'run/last.pth')

    monkeypatch.setattr(parallel, 'train_fold', train_fold)
    reason = f'last.pth: {os.strerror(code)}'
    with pytest.raises(MERRunError, match=reason) as caught:
        train(make_config(loso__strategy='parallel', loso__folds=['s1', 's2']))
    # A reason that several folds share is reported once at the end.
    assert str(caught.value).count(reason) == 1 and 's1, s2: ' in str(caught.value)
    err = capsys.readouterr().err
    assert err.count(reason) == 4 and 'Traceback' not in err
    assert not Recorded.stopped


def test_an_unexpected_error_keeps_its_traceback(
    without_processes, make_config, monkeypatch, capsys
):
    def train_fold(task, *_):
        raise KeyError(f'of {task.fold.name}')

    monkeypatch.setattr(parallel, 'train_fold', train_fold)
    with pytest.raises(MERRunError, match="s3: KeyError: 'of s3'"):
        train(make_config(loso__strategy='parallel', loso__workers=1))
    err = capsys.readouterr().err
    assert err.count('in train_fold') == 8
    # The process may be in any state, and is replaced.
    assert len(Recorded.stopped) == 8


def test_several_seeds_are_trained_in_parallel(
    without_processes, make_config, tmp_path
):
    seeds = dict(loso__seeds=[0, 3], loso__folds=['s1', 's2'])
    train(make_config(loso__strategy='parallel', **seeds))
    assert [name for name, _ in without_processes] == ['s1', 's2'] * 2
    found = sorted(path.parent.name for path in tmp_path.glob('run/seed*/results.json'))
    assert found == ['seed0', 'seed3']


def test_all_attempts_have_the_same_number_of_threads(
    without_processes, make_config, monkeypatch
):
    def train_fold(*_):
        shares.append(Recorded.threads)
        raise MERRunError('no')

    shares = []
    monkeypatch.setattr(parallel, 'train_fold', train_fold)
    monkeypatch.setattr(parallel, 'cores', lambda: 7)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 4)
    for workers, share in ((1, 4), (2, 3), (4, 1)):
        with pytest.raises(MERRunError, match='4 of 4 folds'):
            train(make_config(loso__strategy='parallel', loso__workers=workers))
        assert shares == [share] * 8
        shutil.rmtree(make_config().work_dir)
        shares.clear()


def test_memory_bounds_the_number_of_processes():
    assert parallel.count_workers(4, 0, 0) == 1
    assert parallel.count_workers(4, 0, float('inf')) == 4


def test_shares_are_pooled_after_a_failed_one_is_trained_again(
    finished_run, make_config, tmp_path
):
    state = tmp_path / 'run' / 'folds' / 's2' / 'last.pth'
    state.parent.mkdir(parents=True)
    state.write_bytes(b'cut short')
    assert train(make_config(loso__share=[0, 2])) == {}
    with pytest.raises(MERRunError, match=r's2/last\.pth'):
        train(make_config(loso__share=[1, 2]))
    statuses = [
        json.loads(path.read_text())['status']
        for path in sorted((tmp_path / 'run').glob('folds/*/fold.json'))
    ]
    assert statuses == ['done', 'failed', 'done', 'done']
    assert not (tmp_path / 'run' / 'results.json').exists()
    state.unlink()
    # The task is started again by SLURM, then the job that pools.
    assert train(make_config(loso__share=[1, 2], resume=True)) == {}
    train(make_config(resume=True))
    assert outcome(tmp_path / 'run') == outcome(finished_run)
