import os
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.utils.parallel import parallel_map


def double(number):
    return 2 * number


def count_threads(_):
    return cv2.getNumThreads()


@pytest.mark.parametrize('workers', [1, 2, 50])
def test_results_are_in_the_order_of_the_items(workers):
    assert list(parallel_map(double, range(7), workers)) == list(range(0, 14, 2))
    assert list(parallel_map(double, [], workers)) == []


def test_threads_are_distributed_and_restored(monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _: set(range(6)))
    before = cv2.getNumThreads()
    assert list(parallel_map(count_threads, range(4), 2)) == [3] * 4
    assert cv2.getNumThreads() == before


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_reported():
    with pytest.raises(MERDataError, match='was killed.*fewer workers'):
        list(parallel_map(die, range(4), 2))


PROGRAM = """
import cv2, numpy as np
from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.utils.parallel import parallel_map

def blur(size):
    return float(cv2.GaussianBlur(picture, (0, 0), size).mean())

cv2.setNumThreads(4)
picture = np.random.default_rng(0).random((1500, 1500, 3), np.float32)
alone = [blur(size) for size in (1, 2, 3)]
assert list(parallel_map(blur, (1, 2, 3), 2)) == alone
"""


def test_workers_do_not_hang_on_threads_of_their_parent():
    """Threads of OpenCV ran before the fork."""
    subprocess.run([sys.executable, '-c', PROGRAM], check=True, timeout=120)


def write_id(pipe):
    # In one call, since both write to one pipe.
    os.write(pipe, b'%d\n' % os.getpid())
    time.sleep(600)


def test_workers_end_with_their_parent():
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        try:
            list(parallel_map(write_id, [writer] * 2, 2))
        finally:
            os._exit(1)
    try:
        with os.fdopen(reader) as pipe:
            workers = [int(pipe.readline()) for _ in range(2)]
    finally:
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        os.close(writer)
    deadline = time.monotonic() + 60
    while any(os.path.exists(f'/proc/{worker}') for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize('everywhere', [False, True])
def test_nothing_hangs_without_threads(everywhere):
    """No thread can be started in the parent, or in any process.

    A pool of the standard library, which distributes items in a thread, waits forever.
    """
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        start, here = threading.Thread.start, os.getpid()

        def fail_to_start(thread):
            if everywhere or os.getpid() == here:
                raise RuntimeError("can't start new thread")
            start(thread)

        threading.Thread.start = fail_to_start
        try:
            text = str(list(parallel_map(double, range(5), 2)))
        except MERDataError as error:
            text = error.problem
        finally:
            os.write(writer, text.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(parent, 0)
    expected = "can't start new thread" if everywhere else '[0, 2, 4, 6, 8]'
    assert expected in text


def fail(number):
    if number == 2:
        raise MERDataError(f'clip {number} is bad')
    return number


class Local(Exception):
    """An error that cannot be pickled."""

    def __init__(self, one, two):
        super().__init__(one)
        self.lock = threading.Lock()


def fail_without_pickle(number):
    raise Local(number, number)


def test_an_error_is_raised_after_the_results_before_it():
    found = parallel_map(fail, range(6), 2)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(MERDataError, match='clip 2 is bad'):
        next(found)
    with pytest.raises(RuntimeError, match='pickle'):
        list(parallel_map(fail_without_pickle, range(3), 2))


def large(number):
    return np.full(1 << 20, number)


def test_closing_the_iterator_ends_the_workers():
    found = parallel_map(large, range(50), 2)
    assert next(found)[0] == 0
    found.close()
