"""A process that trains folds: start it, send it work, watch it and stop it.

Process pools of the standard library and of joblib pass on their work through threads.
If there is no memory or no thread left, these end silently, and the process that waits
for a result waits forever. Here the waiting process reads the pipes itself, and checks
in between whether the other process is still alive.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from ..runners.tasks import FoldTask

#: Seconds after which a process that ended silently is noticed.
POLL_INTERVAL = 0.5
# Seconds that a process gets to end: when all is done, and in the middle of a fold.
_EXIT_TIMEOUT, _TERMINATE_TIMEOUT = 60, 10

#: The message of a process that has imported everything that it needs.
READY = 'ready'
# Errors before the package is imported must be reported without it.
_BOOT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from multiprocessing.connection import Connection
link = Connection(int(sys.argv[1]))
os.set_inheritable(link.fileno(), False)
try:
    sys.path[:], parent, threads = link.recv()
    from mmaction_mer.engine.strategies.parallel import initialize, serve
    initialize(parent, threads)
except BaseException as error:
    link.send(f'{type(error).__name__}: {error}')
    os._exit(1)
serve(link)
"""


class Failure(NamedTuple):
    """Why a fold is not done.

    Attributes:
        reason: An explanation, or the last line of the traceback.
        trace: The traceback of an unexpected error. Defaults to ''.
        broken: Whether the process has ended, or may be in any state. Defaults to
            False.
        final: Whether another attempt would fail, too. Defaults to False.
        fatal: Whether all other folds would fail, too. Defaults to False.
    """

    reason: str
    trace: str = ''
    broken: bool = False
    final: bool = False
    fatal: bool = False

    def __str__(self) -> str:
        """Return the traceback, or the reason if there is none."""
        return self.trace or self.reason


class NotStarted(NamedTuple):
    """Why a process could not start to train."""

    reason: str


class Done(NamedTuple):
    """A fold is done."""


class Worker:
    """A process that trains one fold after another, started with its first fold.

    Args:
        number: Number of the worker, from 0.
        threads: Number of its threads.

    Attributes:
        task: The fold that it trains.
    """

    def __init__(self, number: int, threads: int) -> None:
        self.number = number
        self.threads = threads
        self.task: FoldTask | None = None
        self._process: subprocess.Popen | None = None
        self._link: Connection | None = None
        self._ready = False

    def submit(self, task: FoldTask) -> NotStarted | None:
        """Send a fold to the process, which is started if there is none.

        Returns:
            None, or why no process can be started.
        """
        self.task = task
        if self._process is not None and self._process.poll() is not None:
            # It was killed while it was idle.
            self.stop(at_once=True)
        try:
            if self._process is None:
                self._start()
            elif self._ready:
                self._send()
        except (OSError, MemoryError) as error:
            self.stop(at_once=True)
            return NotStarted(str(error) or 'no memory is left')
        return None

    def poll(self) -> Done | Failure | NotStarted | None:
        """Read the messages of the process, without waiting for any.

        Returns:
            The outcome of its fold; None while it is training.
        """
        assert self._process is not None and self._link is not None
        # First the status: messages that were sent before the end are still read.
        ended = self._process.poll() is not None
        try:
            while self._link.poll():
                message = self._link.recv()
                if message == READY:
                    self._ready = True
                    self._send()
                elif not self._ready:
                    return NotStarted(message)
                else:
                    return message
        except (EOFError, OSError):
            ended = True
        except Exception as error:  # of pickling: a config may contain any object
            return Failure(f'{type(error).__name__}: {error}', broken=True)
        if not ended:
            return None
        # The pipe of a killed process is closed a moment before the process has ended.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TERMINATE_TIMEOUT)
        reason = f'its process {_exit_reason(self._process)}'
        return Failure(reason, broken=True) if self._ready else NotStarted(reason)

    def close(self) -> None:
        """Tell the process that there is no more work."""
        if self._link is not None:
            self._link.close()

    def terminate(self) -> None:
        """Tell the process to stop in its fold, without leaving half-written files."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, at_once: bool) -> None:
        """Wait until the process has ended, and kill it if it takes too long.

        Args:
            at_once: Whether to terminate it first, as it may be training.
        """
        if self._process is None:
            return
        self.close()
        if at_once:
            self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TERMINATE_TIMEOUT if at_once else _EXIT_TIMEOUT)
        # The workers of its data loaders are in its group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._link = None
        self._ready = False

    def _start(self) -> None:
        ours, theirs = Pipe()
        names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'
        try:
            # In its own session, since a terminal sends Ctrl-C to all processes of one,
            # and only the parent may react.
            self._process = subprocess.Popen(
                [sys.executable, '-c', _BOOT, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=os.environ | dict.fromkeys(names, str(self.threads)),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._link = ours
        with contextlib.suppress(ConnectionError):  # it has ended: ``poll`` reports it
            ours.send((sys.path, os.getpid(), self.threads))

    def _send(self) -> None:
        """Send the fold to a process that is ready, and so reads it at once."""
        assert self._link is not None
        with contextlib.suppress(ConnectionError):  # as above
            self._link.send((self.task, self.number))


def wait_for(workers: Iterable[Worker]) -> list[tuple[Worker, Any]]:
    """Wait until the fold of at least one worker has an outcome.

    Args:
        workers: The workers that are training.

    Returns:
        Workers with the outcome of :meth:`Worker.poll`; empty if there are no workers.
    """
    workers = list(workers)
    while workers:
        polled = [(worker, worker.poll()) for worker in workers]
        if found := [pair for pair in polled if pair[1] is not None]:
            return found
        links = [worker._link for worker in workers if worker._link]
        wait(links, timeout=POLL_INTERVAL)
    return []


def _exit_reason(process: subprocess.Popen) -> str:
    code = process.poll()
    if code is None:
        return 'has closed its pipe'
    if code == -signal.SIGKILL:
        return (
            'was killed, as the system does when memory runs out (fewer loso.workers '
            'need less)'
        )
    if code < 0:
        return f'was ended by {signal.Signals(-code).name}'
    return f'ended with status {code}'
