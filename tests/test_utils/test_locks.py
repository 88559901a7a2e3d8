"""Locks with flock and, where a file system has none, without."""

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
    """A file system that has locks, or one of those that have none."""
    if request.param != 'flock':

        def refuse(handle, kind):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, 'flock', refuse)
        monkeypatch.setattr(locks, '_TRIES', 2)
    return request.param


@pytest.fixture
def without(monkeypatch):
    def refuse(handle, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, 'flock', refuse)
    monkeypatch.setattr(locks, '_TRIES', 2)


def test_one_at_a_time(any_system, tmp_path):
    with FileLock(tmp_path / 'lock') as first, FileLock(tmp_path / 'lock') as second:
        assert first.take() and not second.take()
        first.release()
        assert second.take()
    assert [path.name for path in tmp_path.iterdir()] == ['lock']


def test_shared_together_and_not_with_one_alone(any_system, tmp_path):
    path = tmp_path / '.lock'
    with FileLock(path, shared=True) as one, FileLock(path, shared=True) as two:
        assert one.take() and two.take()
        assert not FileLock(path).take()
    with FileLock(path) as alone:
        assert alone.take()
        assert not FileLock(path, shared=True).take()


def test_a_folder(any_system, tmp_path):
    folder = tmp_path / 'store'
    folder.mkdir()
    with FileLock(folder, folder=True) as lock:
        assert lock.take() and not FileLock(folder, folder=True).take()
        assert not [*folder.iterdir()]
    folder.rmdir()  # and it is not created again
    with pytest.raises(FileNotFoundError):
        FileLock(folder, folder=True).take()
    assert not folder.exists()


def test_a_fork_holds_nothing(any_system, tmp_path):
    lock = FileLock(tmp_path / 'lock')
    assert lock.take()
    child = os.fork()
    if not child:
        lock.release()  # of the parent's it has none
        os._exit(int(FileLock(tmp_path / 'lock').take()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lock.release()
    assert FileLock(tmp_path / 'lock').take()


def test_a_killed_process_holds_nothing_any_more(without, tmp_path):
    held, says = os.pipe()
    child = os.fork()
    if not child:
        os.write(says, b'y' if FileLock(tmp_path / 'lock').take() else b'n')
        time.sleep(600)
        os._exit(0)
    try:
        assert os.read(held, 1) == b'y'
        assert not FileLock(tmp_path / 'lock').take()
    finally:
        os.kill(child, signal.SIGKILL)
    # Also while nobody has waited for it yet.
    deadline = time.monotonic() + 300
    while not FileLock(tmp_path / 'lock').take():
        assert time.monotonic() < deadline
    os.waitpid(child, 0)
    os.close(held)
    os.close(says)


def foreign(folder, age):
    """A mark of a process on another machine, last renewed some seconds ago."""
    mark = folder / '.held.lock.x.00000000-17-4.abcd'
    mark.touch()
    os.utime(mark, (time.time() - age, time.time() - age))
    return mark


def test_another_machine_counts_while_it_gives_signs_of_life(without, tmp_path):
    mark = foreign(tmp_path, 60)
    assert not FileLock(tmp_path / 'lock').take()
    assert mark.exists()
    mark = foreign(tmp_path, 3600)
    with FileLock(tmp_path / 'lock') as lock:
        assert lock.take()
        assert not mark.exists()


def test_signs_of_life_are_given(without, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, '_BEAT', 0.01)
    with FileLock(tmp_path / 'lock') as lock:
        assert lock.take()
        (mark,) = tmp_path.glob('.held.*')
        os.utime(mark, (1, 1))
        deadline = time.monotonic() + 300
        while mark.stat().st_mtime < 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_it_is_said_once_that_there_are_no_locks(without, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmengine.logging.print_log', lambda text, *_: said.append(text)
    )
    for _ in range(3):
        with FileLock(tmp_path / 'lock') as lock:
            assert lock.take()
    assert len(said) == 1 and str(tmp_path) in said[0]


def test_a_number_that_was_given_again_is_another_process():
    machine, number, start = process_tags.process_tag().split('-')
    assert not process_tags.process_is_gone(f'{machine}-{number}-{start}')
    assert process_tags.process_is_gone(f'{machine}-{number}-{int(start) + 1}')
    assert not process_tags.process_is_gone(f'00000000-{number}-1')


def test_what_another_process_is_writing_stays(tmp_path):
    """Two starts in one folder without locks must not take each other's files."""
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
