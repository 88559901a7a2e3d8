"""Parallel execution in processes that share the cores."""

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

Item = TypeVar('Item')
Result = TypeVar('Result')
_LINUX = sys.platform == 'linux'
# Interval in seconds at which workers are checked that ended without a message.
_POLL_SECONDS = 0.5


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    preload: str | None = None,
) -> Iterator[Result]:
    """Apply a function to items in several processes, in the order of the items.

    OpenCV and torch have cores / workers threads in each process. The processes end
    when this process ends, even if it is killed. Unlike in the pools of the standard
    library, no thread of this process distributes the items: if no thread can be
    started, those pools wait forever.

    Args:
        function: A function of a module, or an object with a method ``__call__``.
        items: Its arguments, one per call.
        workers: Number of processes; 1 runs in this process.
        preload: Module of ``function`` if it uses torch, which does not survive a fork:
            the processes then import everything again, which takes some seconds.
            Defaults to None: fork.

    Yields:
        The results of ``function``.

    Raises:
        MERDataError: A process was killed or could not be started.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    before = cv2.getNumThreads()
    # Threads of OpenCV do not survive a fork: a child that inherits them hangs.
    cv2.setNumThreads(1)
    threads = max(1, cores() // workers)
    pool: list[_Worker] = []
    try:
        context = _context(preload)
        for _ in range(workers):
            pool.append(_Worker(context, function, threads, preload is not None))
        yield from _results_in_order(pool, items)
    except _WorkerLostError as error:
        raise MERDataError(
            'a worker process was killed or could not be started, possibly for lack of '
            f'memory ({error})',
            hint='start again with fewer workers; finished work is kept',
        ) from error
    finally:
        for worker in pool:
            worker.close()
        for worker in pool:
            worker.join()
        cv2.setNumThreads(before)


class _WorkerLostError(Exception):
    """A worker process has ended or could not be started."""


class _Worker:
    """A process that applies a function to one item after another.

    Args:
        context: Context of :mod:`multiprocessing` that starts the process.
        function: The function.
        threads: Number of threads of OpenCV and torch.
        with_torch: Whether the function uses torch.

    Attributes:
        item: Index of the current item; None if the worker is idle.
    """

    def __init__(
        self, context: Any, function: Callable, threads: int, with_torch: bool
    ) -> None:
        self.item: int | None = None
        self.connection, remote = context.Pipe()
        # A forked child inherits this end as well and has to close it, or it would
        # never see that the parent has closed it.
        forked = context.get_start_method() == 'fork'
        inherited = self.connection if forked else None
        # Python terminates a daemon at exit instead of waiting for it.
        self.process = context.Process(
            target=_serve,
            args=(remote, inherited, function, threads, with_torch),
            daemon=True,
        )
        try:
            self.process.start()
        except (OSError, EOFError, RuntimeError) as error:
            self.connection.close()
            raise _WorkerLostError(str(error)) from error
        finally:
            remote.close()

    def submit(self, index: int, item: Any) -> None:
        """Send an item to the worker, which must be idle."""
        self.item = index
        # If the worker has ended, poll() raises the error.
        with contextlib.suppress(ConnectionError):
            self.connection.send(item)

    def poll(self) -> tuple[bool, Any] | None:
        """Receive the result of the current item, without waiting.

        Returns:
            Whether the call succeeded, and its result or exception; None if it has not
            finished.

        Raises:
            _WorkerLostError: The process has ended.
        """
        # Check this first: a result sent before the end of the process is received.
        ended = not self.process.is_alive()
        try:
            if self.connection.poll():
                return self.connection.recv()
        except (EOFError, OSError):
            ended = True
        if ended:
            raise _WorkerLostError(f'exit status {self.process.exitcode}')
        return None

    def close(self) -> None:
        """Close the connection, which ends the process after the current item."""
        self.connection.close()

    def join(self) -> None:
        """Wait until the process has ended."""
        self.process.join()
        self.process.close()


def _results_in_order(pool: Sequence[_Worker], items: Sequence[Any]) -> Iterator[Any]:
    """Distribute items over workers and yield the results in order."""
    idle = deque(pool)
    finished: dict[int, tuple[bool, Any]] = {}
    submitted = 0
    for index in range(len(items)):
        while True:
            for worker in pool:
                if worker.item is not None and (result := worker.poll()):
                    finished[worker.item] = result
                    worker.item = None
                    idle.append(worker)
            while idle and submitted < len(items):
                idle.popleft().submit(submitted, items[submitted])
                submitted += 1
            if index in finished:
                break
            busy = [worker for worker in pool if worker.item is not None]
            sources = [one.connection for one in busy]
            sources += [one.process.sentinel for one in busy]
            multiprocessing.connection.wait(sources, timeout=_POLL_SECONDS)
        succeeded, result = finished.pop(index)
        if not succeeded:
            raise result
        yield result


def _context(preload: str | None) -> Any:
    if preload is None:
        return multiprocessing.get_context('fork' if _LINUX else None)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([preload])
    main = threading.current_thread() is threading.main_thread()
    # The server inherits that SIGINT is ignored, so that Ctrl-C does not end it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        raise _WorkerLostError(str(error)) from error
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
    return context


def _serve(
    connection: Connection,
    inherited: Connection | None,
    function: Callable,
    threads: int,
    with_torch: bool,
) -> None:
    """Process items until the connection is closed."""
    if inherited is not None:
        inherited.close()
    try:
        _set_up_worker(threads, with_torch)
    except Exception as error:
        # Sent as the result of the first item, in place of a traceback on the console.
        lost = _WorkerLostError(f'{type(error).__name__}: {error}')
        with contextlib.suppress(ConnectionError):
            connection.send((False, lost))
        return
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            item = connection.recv()
            try:
                result = True, function(item)
            except Exception as error:
                error.add_note(f'In a worker process:\n{traceback.format_exc()}')
                result = False, error
            try:
                connection.send(result)
            except (ConnectionError, EOFError):
                raise
            except Exception as error:  # the result cannot be pickled
                text = f'{type(error).__name__}: {error}'
                connection.send((False, RuntimeError(text)))


def _set_up_worker(threads: int, with_torch: bool) -> None:
    """Set the number of threads and the signals, and end with the parent process."""
    cv2.setNumThreads(threads)
    if with_torch:
        torch.set_num_threads(threads)
    # On Ctrl-C and other signals the parent ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None
    # The fork server, which has imported torch and from which this process was forked.
    server = os.getppid() if with_torch else None

    def end_with_parent() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        # The server ends with the parent, but takes seconds to release torch.
        if os.getppid() == server:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
