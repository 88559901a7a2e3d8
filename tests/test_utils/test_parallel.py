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


def threads(_):
    return cv2.getNumThreads()


@pytest.mark.parametrize('workers', [1, 2, 50])
def test_results_come_in_the_order_of_the_jobs(workers):
    assert list(parallel_map(double, range(7), workers)) == list(range(0, 14, 2))
    assert list(parallel_map(double, [], workers)) == []


def test_the_cores_are_shared_out_and_given_back(monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _: set(range(6)))
    before = cv2.getNumThreads()
    assert list(parallel_map(threads, range(4), 2)) == [3] * 4
    assert cv2.getNumThreads() == before


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_is_one_message():
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


def test_processes_do_not_hang_on_threads_of_their_parent():
    """OpenCV's threads have run before the fork."""
    subprocess.run([sys.executable, '-c', PROGRAM], check=True, timeout=120)


ORPHANS = """
import os, sys, time
from mmaction_mer.utils.parallel import parallel_map

def sleep(number):
    # In one piece: both write to one pipe, and an unbuffered print writes twice.
    os.write(1, b'%d\\n' % os.getpid())
    time.sleep(600)

list(parallel_map(sleep, range(2), 2))
"""


def test_processes_end_with_their_parent():
    parent = subprocess.Popen([sys.executable, '-c', ORPHANS], stdout=subprocess.PIPE)
    try:
        workers = [int(parent.stdout.readline()) for _ in range(2)]
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 60
    while any(os.path.exists(f'/proc/{worker}') for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Threads are refused to the parent alone, or to all; a pool of the standard library,
# which hands work on by threads, waits for ever.
NO_THREADS = """
import os, sys, threading
from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.utils.parallel import parallel_map

parent, start = os.getpid(), threading.Thread.start

def refuse(self):
    helper = os.getpid() != parent
    named = threading.current_thread() is not threading.main_thread()
    if sys.argv[1] == 'all' or (not helper and (named or sys.argv[1] == 'parent')):
        raise RuntimeError("can't start new thread")
    start(self)

threading.Thread.start = refuse

def double(number):
    return 2 * number

try:
    print(list(parallel_map(double, range(5), 2)))
except MERDataError as error:
    print('refused', error)
"""


@pytest.mark.parametrize(
    ('whom', 'said'),
    [('parent', '[0, 2, 4, 6, 8]'), ('feeder', '[0, 2, 4, 6, 8]'), ('all', 'refused')],
)
def test_where_threads_are_refused_nobody_waits_for_ever(whom, said):
    done = subprocess.run(
        [sys.executable, '-c', NO_THREADS, whom],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.startswith(said), done.stderr
    assert done.returncode == 0 and 'Traceback' not in done.stderr


def fail(number):
    if number == 2:
        raise MERDataError(f'clip {number} is bad')
    return number


class Local(Exception):
    """An error that cannot be pickled."""

    def __init__(self, one, two):
        super().__init__(one)
        self.lock = threading.Lock()


def fail_oddly(number):
    raise Local(number, number)


def test_an_error_comes_when_the_results_before_it_are_given():
    found = parallel_map(fail, range(6), 2)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(MERDataError, match='clip 2 is bad'):
        next(found)
    with pytest.raises(RuntimeError, match='pickle'):
        list(parallel_map(fail_oddly, range(3), 2))


def large(number):
    return np.full(1 << 20, number)


def test_whoever_stops_asking_is_not_waited_for():
    found = parallel_map(large, range(50), 2)
    assert next(found)[0] == 0
    found.close()
