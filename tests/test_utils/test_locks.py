"""Locks with flock and, on file systems that do not support it, without."""

import errno
import fcntl
import os
import signal
import time

import pytest

from mmaction_mer.utils import locks, process_tags
from mmaction_mer.utils.files import clear_half_written
from mmaction_mer.utils.locks import FileLock


@pytest.fixture(params=['flock', errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def any_system(request, monkeypatch):
    """A file system that supports flock, or one that does not."""
    if request.param != 'flock':
        without_flock(monkeypatch, request.param)


@pytest.fixture
def no_flock(monkeypatch):
    without_flock(monkeypatch, errno.ENOLCK)


def without_flock(monkeypatch, number):
    def fail(handle, kind):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, 'flock', fail)
    monkeypatch.setattr(locks, '_TRIES', 2)


def test_an_exclusive_lock(any_system, tmp_path):
    with FileLock(tmp_path / 'lock') as first, FileLock(tmp_path / 'lock') as second:
        assert first.acquire() and not second.acquire()
        first.release()
        assert second.acquire()
    assert [path.name for path in tmp_path.iterdir()] == ['lock']


def test_a_shared_lock_excludes_exclusive_ones(any_system, tmp_path):
    path = tmp_path / '.lock'
    with FileLock(path, shared=True) as one, FileLock(path, shared=True) as two:
        assert one.acquire() and two.acquire()
        assert not FileLock(path).acquire()
    with FileLock(path) as alone:
        assert alone.acquire()
        assert not FileLock(path, shared=True).acquire()


def test_a_folder(any_system, tmp_path):
    folder = tmp_path / 'store'
    folder.mkdir()
    with FileLock(folder, folder=True) as lock:
        assert lock.acquire() and not FileLock(folder, folder=True).acquire()
        assert not [*folder.iterdir()]
    folder.rmdir()  # and it is not created again
    with pytest.raises(FileNotFoundError):
        FileLock(folder, folder=True).acquire()
    assert not folder.exists()


def test_a_fork_does_not_hold_the_lock(any_system, tmp_path):
    lock = FileLock(tmp_path / 'lock')
    assert lock.acquire()
    child = os.fork()
    if not child:
        lock.release()  # does not release that of the parent
        os._exit(int(FileLock(tmp_path / 'lock').acquire()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lock.release()
    assert FileLock(tmp_path / 'lock').acquire()


def test_the_lock_of_a_killed_process_is_ignored(no_flock, tmp_path):
    held, says = os.pipe()
    child = os.fork()
    if not child:
        os.write(says, b'y' if FileLock(tmp_path / 'lock').acquire() else b'n')
        time.sleep(600)
        os._exit(0)
    try:
        assert os.read(held, 1) == b'y'
        assert not FileLock(tmp_path / 'lock').acquire()
    finally:
        os.kill(child, signal.SIGKILL)
    # Also before the parent waits for it.
    deadline = time.monotonic() + 300
    while not FileLock(tmp_path / 'lock').acquire():
        assert time.monotonic() < deadline
    os.waitpid(child, 0)
    os.close(held)
    os.close(says)


def foreign(folder, age):
    """A marker of a process on another machine, last updated some seconds ago."""
    mark = folder / '.held.lock.x.00000000-17-4.abcd'
    mark.touch()
    os.utime(mark, (time.time() - age, time.time() - age))
    return mark


def test_the_marker_of_another_machine_expires(no_flock, tmp_path):
    mark = foreign(tmp_path, 60)
    assert not FileLock(tmp_path / 'lock').acquire()
    assert mark.exists()
    mark = foreign(tmp_path, 3600)
    with FileLock(tmp_path / 'lock') as lock:
        assert lock.acquire()
        assert not mark.exists()


def test_the_marker_is_updated(no_flock, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, '_BEAT', 0.01)
    with FileLock(tmp_path / 'lock') as lock:
        assert lock.acquire()
        (mark,) = tmp_path.glob('.held.*')
        os.utime(mark, (1, 1))
        deadline = time.monotonic() + 300
        while mark.stat().st_mtime < 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_missing_flock_is_reported_once(no_flock, tmp_path, monkeypatch):
    log = []
    monkeypatch.setattr('mmengine.logging.print_log', lambda text, *_: log.append(text))
    for _ in range(3):
        with FileLock(tmp_path / 'lock') as lock:
            assert lock.acquire()
    assert len(log) == 1 and str(tmp_path) in log[0]


def test_a_reused_process_id_is_another_process():
    machine, number, start = process_tags.process_tag().split('-')
    assert not process_tags.has_ended(f'{machine}-{number}-{start}')
    assert process_tags.has_ended(f'{machine}-{number}-{int(start) + 1}')
    assert not process_tags.has_ended(f'00000000-{number}-1')


def test_files_that_another_process_writes_are_kept(tmp_path):
    """Two processes can share a folder without locks."""
    child = os.fork()
    if not child:
        time.sleep(600)
        os._exit(0)
    start = process_tags._start(child)
    machine = process_tags.process_tag().split('-')[0]
    tags = {
        'writes': f'{machine}-{child}-{start}',
        'of_old': f'{machine}-{child}-{int(start) + 1}',
        'elsewhere': '00000000-7-7',
    }
    files = {
        name: tmp_path / f'.{name}.json.{tag}.abc_1.half-written'
        for name, tag in tags.items()
    }
    files['no_tag'] = tmp_path / '.config.py.abc.half-written'
    for file in files.values():
        file.touch()
    try:
        clear_half_written(tmp_path)
        assert {name for name, file in files.items() if file.exists()} == {
            'writes', 'elsewhere',
        }  # fmt: skip
        os.utime(files['elsewhere'], (1, 1))
        clear_half_written(tmp_path)
        assert not files['elsewhere'].exists() and files['writes'].exists()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    clear_half_written(tmp_path)
    assert not files['writes'].exists()
