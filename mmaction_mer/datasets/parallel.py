"""Work on clips, shared out over processes."""

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2
import torch

from .annotation import MERDataError

Job = TypeVar('Job')
Result = TypeVar('Result')
_LINUX = sys.platform == 'linux'


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1


def in_processes(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    preload: str | None = None,
) -> Iterator[Result]:
    """Do jobs in several processes, and give the results in the order of the jobs.

    The processes share out the cores: each has cores / workers threads of OpenCV and
    torch. They end when this process ends, however it does.

    Args:
        work: A function of a module, or an object with one.
        jobs: What it is called with, one by one.
        workers: Number of processes; 1 works in this one.
        preload: Module of ``work``, if it uses torch, which does not survive a fork:
            then the processes import everything anew, which takes some seconds. None
            forks.

    Yields:
        What ``work`` returns.

    Raises:
        MERDataError: A process was killed.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(work, jobs)
        return
    before = cv2.getNumThreads()
    # OpenCV's threads do not survive a fork: a child that inherits them hangs.
    cv2.setNumThreads(1)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=_context(preload),
        initializer=_begin,
        initargs=(max(1, cores() // workers), preload is not None),
    )
    try:
        yield from pool.map(work, jobs)
    except BrokenProcessPool as error:
        raise MERDataError(
            'a process at work was killed, perhaps for memory: start again, with fewer '
            'workers; what was done stays'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(before)


def _context(preload: str | None) -> multiprocessing.context.BaseContext:
    if preload is None:
        return multiprocessing.get_context('fork' if _LINUX else None)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([preload])
    main = threading.current_thread() is threading.main_thread()
    # The server that it starts takes over who is deaf to Ctrl-C.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        if main:
            signal.signal(signal.SIGINT, heard)
    return context


def _begin(threads: int, with_torch: bool) -> None:
    """Share out the cores, leave Ctrl-C to the parent, and end when it ends."""
    cv2.setNumThreads(threads)
    if with_torch:
        torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    # Who imported torch is the server that this process was forked from.
    server = os.getppid() if with_torch else None

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        # It ends with the parent too, but tidies all of torch up first, for seconds.
        if os.getppid() == server:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
