"""Work on pictures, shared out over processes."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import cv2

Job = TypeVar('Job')
Result = TypeVar('Result')


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Do jobs in several processes, and give the results in the order of the jobs.

    The processes share out the cores: each has cores / workers threads of OpenCV. They
    are forked where that is possible, since they need not import everything again.

    Args:
        work: A function of a module; it may use numpy and OpenCV, but not torch.
        jobs: What it is called with, one by one.
        workers: Number of processes; 1 works in this one.

    Yields:
        What ``work`` returns.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(work, jobs)
        return
    threads = max(1, len(os.sched_getaffinity(0)) // workers) if _LINUX else 1
    before = cv2.getNumThreads()
    # OpenCV's threads do not survive a fork: a child that inherits them hangs.
    cv2.setNumThreads(1)
    try:
        with ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context('fork' if _LINUX else None),
            initializer=cv2.setNumThreads,
            initargs=(threads,),
        ) as pool:
            try:
                yield from pool.map(work, jobs, chunksize=2)
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        cv2.setNumThreads(before)


_LINUX = sys.platform == 'linux'
