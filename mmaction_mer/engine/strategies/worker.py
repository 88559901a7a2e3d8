"""A process that trains folds: started, spoken to, watched and ended, by no thread.

Pools of the standard library and of joblib hand their work on by threads. Where no
memory or no thread is left these die without a word, and who waits for a result waits
for ever. Here the process that waits reads the pipes itself, and looks in between
whether the other end still lives.
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

#: Seconds after which a process that ended without a word is noticed.
LOOK = 0.5
# Seconds that a process gets to end by itself: when all is done, and when it is told
# to end in the middle of a fold.
_PATIENCE, _GRACE = 60, 10

#: What a process says when it has imported all that it needs.
BEGAN = 'began'
# Whatever goes wrong before the package is there has to be told without it.
_BOOT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from multiprocessing.connection import Connection
link = Connection(int(sys.argv[1]))
os.set_inheritable(link.fileno(), False)
try:
    sys.path[:], parent, threads = link.recv()
    from mmaction_mer.engine.strategies.parallel import begin, serve
    begin(parent, threads)
except BaseException as error:
    link.send(f'{type(error).__name__}: {error}')
    os._exit(1)
serve(link)
"""


class Failure(NamedTuple):
    """Why a fold is not done.

    Attributes:
        reason: In words, or the last line of the traceback.
        trace: The traceback of what nobody foresaw.
        spoiled: Whether the process is gone or may be in any state.
        final: Whether another try would end alike.
        stops: Whether the other folds would fail alike.
    """

    reason: str
    trace: str = ''
    spoiled: bool = False
    final: bool = False
    stops: bool = False

    def __str__(self) -> str:
        """Say all that is known."""
        return self.trace or self.reason


class NotStarted(NamedTuple):
    """Why a process did not come to begin with its fold."""

    reason: str


class Done(NamedTuple):
    """A fold is done."""


class Worker:
    """A process that trains one fold after another, started when there is one.

    Args:
        number: Which of the workers, from 0.
        threads: Its number of threads.

    Attributes:
        job: The fold that it is at.
    """

    def __init__(self, number: int, threads: int) -> None:
        self.number = number
        self.threads = threads
        self.job: FoldTask | None = None
        self._process: subprocess.Popen | None = None
        self._link: Connection | None = None
        self._began = False

    def submit(self, job: FoldTask) -> NotStarted | None:
        """Give a fold to the process; start one where there is none.

        Returns:
            None, or why no process can be started.
        """
        self.job = job
        if self._process is not None and self._process.poll() is not None:
            # Killed while it had nothing to do.
            self.stop(at_once=True)
            self.job = job
        try:
            if self._process is None:
                self._start()
            elif self._began:
                self._send()
        except (OSError, MemoryError) as error:
            self.stop(at_once=True)
            return NotStarted(str(error) or 'no memory is left')
        return None

    def look(self) -> Done | Failure | NotStarted | None:
        """Take what the process has said, without waiting for it.

        Returns:
            What became of its fold; None while it is at it.
        """
        assert self._process is not None and self._link is not None
        # In this order: what it said before it ended is read before it is given up.
        ended = self._process.poll() is not None
        try:
            while self._link.poll():
                word = self._link.recv()
                if word == BEGAN:
                    self._began = True
                    self._send()
                elif not self._began:
                    return NotStarted(word)
                else:
                    return word
        except (EOFError, OSError):
            ended = True
        except Exception as error:  # of pickling: a config may hold anything
            return Failure(f'{type(error).__name__}: {error}', spoiled=True)
        if not ended:
            return None
        # The pipe of a process that was killed closes a moment before it has ended.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        reason = f'its process {_ending(self._process)}'
        if self._began:
            return Failure(reason, spoiled=True)
        return NotStarted(reason)

    def dismiss(self) -> None:
        """Tell the process that nothing more will come."""
        if self._link is not None:
            self._link.close()

    def interrupt(self) -> None:
        """Tell the process to leave its fold, and nothing half written."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, at_once: bool) -> None:
        """End the process; at once for one that may be in the middle of a fold."""
        if self._process is None:
            return
        assert self._link is not None
        self._link.close()
        if at_once:
            self.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE if at_once else _PATIENCE)
        # With the workers of its data loaders, which are of its group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._link = self.job = None
        self._began = False

    def _start(self) -> None:
        ours, theirs = Pipe()
        names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'
        try:
            # A session of its own, since a terminal tells all of one of Ctrl-C, and
            # only the parent may listen.
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
        with contextlib.suppress(ConnectionError):  # it has ended: ``look`` says how
            ours.send((sys.path, os.getpid(), self.threads))

    def _send(self) -> None:
        """Send the fold to a process that has begun, and so reads it at once."""
        assert self._link is not None
        with contextlib.suppress(ConnectionError):  # as above
            self._link.send((self.job, self.number))


def wait_for(workers: Iterable[Worker]) -> list[tuple[Worker, Any]]:
    """Wait until something becomes of the fold of one or more workers.

    Args:
        workers: Those that are at a fold.

    Returns:
        The workers and what :meth:`Worker.look` said of them; nothing for no workers.
    """
    workers = list(workers)
    while workers:
        looks = [(worker, worker.look()) for worker in workers]
        if found := [(worker, said) for worker, said in looks if said is not None]:
            return found
        wait([worker._link for worker in workers if worker._link], timeout=LOOK)
    return []


def _ending(process: subprocess.Popen) -> str:
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
