import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from settings import train

from mmaction_mer.engine.strategies import STRATEGIES
from mmaction_mer.engine.work_dir.lock import WorkDirLock, WorkDirLockedError
from mmaction_mer.utils.errors import MERRunError


def everything(folder):
    """The content and the time of every file in a folder."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob('*')
        if path.is_file()
    }


@pytest.mark.parametrize(
    ('first', 'second', 'held'),
    [
        (None, None, 'this directory'),
        (None, (0, 2), 'this directory'),
        ((0, 2), None, 'this directory'),
        ((0, 2), (0, 2), 'this share'),
        # Every third and every second fold: some are the same.
        ((0, 2), (1, 3), 'share 0/2'),
        ((1, 11), (0, 1), 'share 1/11'),
    ],
)
def test_what_two_processes_must_not_do_at_once(first, second, held, tmp_path):
    run = tmp_path / 'run'
    with WorkDirLock(run, share=first) as lock:
        lock.take()
        with pytest.raises(WorkDirLockedError, match=held):
            WorkDirLock(run, share=second).take()
        # The rejected one holds nothing.
        assert open_files(run) == 1 + bool(first)
    with WorkDirLock(run, share=second) as lock:
        lock.take()


def open_files(folder):
    """Count the open files of this process in a folder."""
    links = [os.path.realpath(path) for path in Path('/proc/self/fd').iterdir()]
    return sum(link.startswith(str(folder)) for link in links)


def test_shares_of_one_run_hold_it_together(tmp_path):
    both = [WorkDirLock(tmp_path, share=(number, 2)) for number in range(2)]
    with both[0], both[1]:
        for lock in both:
            lock.take()
        with pytest.raises(WorkDirLockedError):
            WorkDirLock(tmp_path).take()
    # Another division is possible when they have ended.
    with WorkDirLock(tmp_path, share=(1, 3)) as lock:
        lock.take()


def test_shares_of_other_folds_may_overlap(tmp_path):
    with WorkDirLock(tmp_path, (0, 2), of='some') as lock:
        lock.take()
        for other in ('', 'others'):
            with pytest.raises(WorkDirLockedError, match='share 0/2'):
                WorkDirLock(tmp_path, (1, 2), other).take()
        with WorkDirLock(tmp_path, (1, 2), 'some') as second:
            second.take()


def test_a_forked_process_does_not_hold_it(tmp_path):
    """The workers of a loader live seconds longer than a killed run."""
    wait, go = os.pipe()
    ready, report = os.pipe()
    lock = WorkDirLock(tmp_path)
    lock.take()
    child = os.fork()
    if not child:
        os.write(report, b'.')
        os.read(wait, 1)
        os._exit(0)
    try:
        os.read(ready, 1)
        lock.__exit__(None, None, None)
        with WorkDirLock(tmp_path) as again:
            again.take()
    finally:
        os.write(go, b'.')
        os.waitpid(child, 0)
        for end in (wait, go, ready, report):
            os.close(end)


def test_the_lock_goes_with_the_block_whatever_happens(tmp_path):
    with pytest.raises(KeyError), WorkDirLock(tmp_path) as lock:
        lock.take()
        raise KeyError
    with WorkDirLock(tmp_path) as lock:
        lock.take()


def test_a_file_in_place_of_the_directory(tmp_path):
    (tmp_path / 'file').touch()
    for place in ('file', 'file/run'):
        with pytest.raises(MERRunError) as error:
            WorkDirLock(tmp_path / place).take()
        assert error.value.path == str(tmp_path / place)


HOLD = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(handle, fcntl.LOCK_EX)
print('held', flush=True)
time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    """It is an ordinary lock on a file, which any program may hold."""
    command = [sys.executable, '-c', HOLD, tmp_path / '.lock']
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b'held\n'
        with pytest.raises(WorkDirLockedError):
            WorkDirLock(tmp_path).take()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with WorkDirLock(tmp_path) as lock:
        lock.take()


def test_a_second_run_is_rejected_and_the_first_untouched(
    make_config, tmp_path, monkeypatch
):
    run, rejected = tmp_path / 'run', []

    def watched(jobs, options, one_by_one=STRATEGIES['sequential']):
        for job in one_by_one(jobs, options):
            before = everything(run)
            for changes in ({}, {'resume': True}, {'loso__share': [0, 2]}):
                with pytest.raises(WorkDirLockedError):
                    train(make_config(**changes))
                rejected.append(job.fold.name)
            assert everything(run) == before
            yield job

    monkeypatch.setitem(STRATEGIES, 'sequential', watched)
    results = train(make_config(loso__folds=['s1', 's2']))
    assert rejected == ['s1'] * 3 + ['s2'] * 3
    assert results['extra']['folds']['done'] == ['s1', 's2']
