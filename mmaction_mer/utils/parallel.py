"""Work on clips, shared out over processes."""

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import cv2
import torch

from .errors import MERDataError

Job = TypeVar('Job')
Result = TypeVar('Result')
_LINUX = sys.platform == 'linux'
# Seconds after which a process that ended without a word is noticed.
_LOOK = 0.5


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
    torch. They end when this process ends, however it does. No thread of this process
    hands the work on: where none can be started, a pool of the standard library waits
    for ever.

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
        MERDataError: A process was killed, or none can be started.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(work, jobs)
        return
    before = cv2.getNumThreads()
    # OpenCV's threads do not survive a fork: a child that inherits them hangs.
    cv2.setNumThreads(1)
    threads = max(1, cores() // workers)
    helpers: list[_Helper] = []
    try:
        context = _context(preload)
        for _ in range(workers):
            helpers.append(_Helper(context, work, threads, preload is not None))
        yield from _in_order(helpers, jobs)
    except _NoProcess as error:
        raise MERDataError(
            f'a process at work was killed or could not be started, perhaps for '
            f'memory ({error}): start again, with fewer workers; what was done stays'
        ) from error
    finally:
        for helper in helpers:
            helper.dismiss()
        for helper in helpers:
            helper.end()
        cv2.setNumThreads(before)


class _NoProcess(Exception):
    """A process is gone, or never was."""


class _Helper:
    """A process that does one job after another.

    Args:
        context: How it is started.
        work: What it does.
        threads: Its number of threads.
        with_torch: Whether it uses torch.

    Attributes:
        job: Number of the job that it is at; None for one that waits.
    """

    def __init__(
        self, context: Any, work: Callable, threads: int, with_torch: bool
    ) -> None:
        self.job: int | None = None
        self.link, theirs = context.Pipe()
        # A fork has this end as well, and while it is open nobody is seen to hang up.
        forked = context.get_start_method() == 'fork'
        # A daemon is ended when Python ends, and not waited for.
        self.process = context.Process(
            target=_serve,
            args=(theirs, self.link if forked else None, work, threads, with_torch),
            daemon=True,
        )
        try:
            self.process.start()
        except (OSError, EOFError, RuntimeError) as error:
            self.link.close()
            raise _NoProcess(str(error)) from error
        finally:
            theirs.close()

    def begin(self, number: int, job: Any) -> None:
        """Give it a job; it waits for one, and so reads it at once."""
        self.job = number
        # One that has ended is found out by whoever asks for the result.
        with contextlib.suppress(ConnectionError):
            self.link.send(job)

    def result(self) -> tuple[bool, Any] | None:
        """Take its result, without waiting.

        Returns:
            Whether the job succeeded, and its result or error; None while it is at it.
        """
        # In this order: what it said before it ended is read before it is given up.
        ended = not self.process.is_alive()
        try:
            if self.link.poll():
                return self.link.recv()
        except (EOFError, OSError):
            ended = True
        if ended:
            code = self.process.exitcode
            raise _NoProcess(f'exit status {code}')
        return None

    def dismiss(self) -> None:
        """Tell it that nothing more will come."""
        self.link.close()

    def end(self) -> None:
        """Let it finish what it is at."""
        self.process.join()
        self.process.close()


def _in_order(helpers: Sequence[_Helper], jobs: Sequence[Any]) -> Iterator[Any]:
    """Share jobs out, and give each result when those before it are given."""
    idle = deque(helpers)
    found: dict[int, tuple[bool, Any]] = {}
    begun = 0
    for number in range(len(jobs)):
        while True:
            for helper in helpers:
                if helper.job is not None and (result := helper.result()):
                    found[helper.job] = result
                    helper.job = None
                    idle.append(helper)
            while idle and begun < len(jobs):
                idle.popleft().begin(begun, jobs[begun])
                begun += 1
            if number in found:
                break
            busy = [helper for helper in helpers if helper.job is not None]
            multiprocessing.connection.wait(
                [part for one in busy for part in (one.link, one.process.sentinel)],
                timeout=_LOOK,
            )
        succeeded, result = found.pop(number)
        if not succeeded:
            raise result
        yield result


def _context(preload: str | None) -> Any:
    if preload is None:
        return multiprocessing.get_context('fork' if _LINUX else None)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([preload])
    main = threading.current_thread() is threading.main_thread()
    # The server that it starts takes over who is deaf to Ctrl-C.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        raise _NoProcess(str(error)) from error
    finally:
        if main:
            signal.signal(signal.SIGINT, heard)
    return context


def _serve(
    link: Connection,
    other_end: Connection | None,
    work: Callable,
    threads: int,
    with_torch: bool,
) -> None:
    """Do what comes in, until nothing more can come."""
    if other_end is not None:
        other_end.close()
    try:
        _begin(threads, with_torch)
    except Exception as error:
        # It is told with the first job's result; a traceback would only frighten.
        with contextlib.suppress(ConnectionError):
            link.send((False, _NoProcess(f'{type(error).__name__}: {error}')))
        return
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job = link.recv()
            try:
                answer = True, work(job)
            except Exception as error:
                error.add_note(f'In a process at work:\n{traceback.format_exc()}')
                answer = False, error
            try:
                link.send(answer)
            except (ConnectionError, EOFError):
                raise
            except Exception as error:  # of pickling
                link.send((False, RuntimeError(f'{type(error).__name__}: {error}')))


def _begin(threads: int, with_torch: bool) -> None:
    """Share out the cores, leave Ctrl-C to the parent, and end when it ends."""
    cv2.setNumThreads(threads)
    if with_torch:
        torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the parent does on these it does for its children too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
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
