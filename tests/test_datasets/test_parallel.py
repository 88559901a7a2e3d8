import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.datasets.parallel import in_processes


def double(number):
    return 2 * number


def threads(_):
    return cv2.getNumThreads()


@pytest.mark.parametrize('workers', [1, 2, 50])
def test_results_come_in_the_order_of_the_jobs(workers):
    assert list(in_processes(double, range(7), workers)) == list(range(0, 14, 2))
    assert list(in_processes(double, [], workers)) == []


def test_the_cores_are_shared_out_and_given_back(monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _: set(range(6)))
    before = cv2.getNumThreads()
    assert list(in_processes(threads, range(4), 2)) == [3] * 4
    assert cv2.getNumThreads() == before


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_is_one_message():
    with pytest.raises(MERDataError, match='was killed.*fewer workers'):
        list(in_processes(die, range(4), 2))


PROGRAM = """
import cv2, numpy as np
from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.datasets.parallel import in_processes

def blur(size):
    return float(cv2.GaussianBlur(picture, (0, 0), size).mean())

cv2.setNumThreads(4)
picture = np.random.default_rng(0).random((1500, 1500, 3), np.float32)
alone = [blur(size) for size in (1, 2, 3)]
assert list(in_processes(blur, (1, 2, 3), 2)) == alone
"""


def test_processes_do_not_hang_on_threads_of_their_parent():
    """OpenCV's threads have run before the fork."""
    subprocess.run([sys.executable, '-c', PROGRAM], check=True, timeout=120)


ORPHANS = """
import os, sys, time
from mmaction_mer.datasets.parallel import in_processes

def sleep(number):
    # In one piece: both write to one pipe, and an unbuffered print writes twice.
    os.write(1, b'%d\\n' % os.getpid())
    time.sleep(600)

list(in_processes(sleep, range(2), 2))
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
