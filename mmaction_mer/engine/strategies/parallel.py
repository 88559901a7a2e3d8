"""Training of folds in parallel processes, each on some cores or on a GPU."""

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import cv2
import torch
from mmengine.utils import import_modules_from_strings

from ...utils.cli.command_line import user_message
from ...utils.errors import DivergedError, MERRunError
from ...utils.memory import available_memory, keep_freed_memory, out_of_resources
from ...utils.parallel import cores
from ..runners.console import write_error
from ..runners.failures import Failures, of_one_fold
from ..runners.fold_training import train_fold
from ..runners.tasks import FoldTask
from .stacking.stack_file import export_state
from .worker import READY, Done, Failure, NotStarted, Worker, wait_for

# Minimum memory of a process: its imports take 0.8 GiB, model and clips the rest.
_BYTES_PER_WORKER = 2 << 30


def parallel(
    tasks: Sequence[FoldTask], options: Mapping[str, Any]
) -> Iterator[FoldTask]:
    """Train folds in parallel processes.

    A fold that fails is reported at once and tried again at the end, in a new process
    and alone, since a lack of memory is a frequent reason. A diverged fold would
    diverge again, and is not tried again. The other folds are not affected. The
    processes end when this one does, for whatever reason. If some of them cannot be
    started, the others do their work.

    The numbers are those of ``sequential`` to the last bit if that has as many threads
    as each process (``OMP_NUM_THREADS``), and to rounding otherwise.

    Args:
        tasks: The folds.
        options: ``workers`` is the number of processes; None for the number of GPUs,
            or else of cores, as far as memory allows.

    Yields:
        Each task when its folder is done.

    Raises:
        MERRunError: No process can be started, the disk is full, or the config has a
            mistake that every fold meets.
        FoldsFailed: Folds diverged or failed twice, and all others are done.
    """
    memory = available_memory(torch.device('cpu'))
    workers = options['workers'] or count_workers(
        cores(), torch.cuda.device_count(), memory
    )
    workers = min(workers, max(1, len(tasks)))
    # At most as many threads as this process would use; the same in a second attempt.
    threads = max(1, min(cores() // workers, torch.get_num_threads()))
    failures = Failures(len(tasks))
    again = []
    for task, failure in _train_all(tasks, workers, threads):
        if failure is None:
            yield task
        elif failure.final:
            failures.add(task, failure.reason)
        else:
            again.append(task)
            write_error(f'{task} failed and is tried again at the end: {failure}')
    for task, failure in _train_all(again, 1, threads):
        if failure is None:
            yield task
        else:
            if failure.trace:
                write_error(failure.trace)
            failures.add(task, failure.reason)
    failures.raise_if_any()


def count_workers(cores: int, gpus: int, memory: float) -> int:
    """Return a suitable number of processes.

    Args:
        cores: Number of cores.
        gpus: Number of GPUs.
        memory: Available memory in bytes.

    >>> count_workers(cores=16, gpus=4, memory=64 * 2**30)
    4
    >>> count_workers(cores=16, gpus=0, memory=64 * 2**30)
    16
    >>> count_workers(cores=16, gpus=0, memory=7 * 2**30)
    3
    """
    return max(1, min(gpus or cores, int(min(memory, 1 << 60) // _BYTES_PER_WORKER)))


def _train_all(
    tasks: Sequence[FoldTask], count: int, threads: int
) -> Iterator[tuple[FoldTask, Failure | None]]:
    """Train folds by some workers; yield each one that ends with its failure if any."""
    waiting = deque(tasks)
    workers = [Worker(number, threads) for number in range(min(count, len(tasks)))]
    idle, busy = deque(workers), list[Worker]()
    ended: list[tuple[FoldTask, Failure | None]] = []
    last_try = False
    try:
        while waiting or busy or ended:
            not_started = []
            # Workers get their next folds before the caller handles the ended ones.
            while waiting and idle:
                worker = idle.popleft()
                busy.append(worker)
                if reason := worker.submit(waiting.popleft()):
                    not_started.append((worker, reason))
            yield from ended
            ended = []
            for worker, outcome in not_started or wait_for(busy):
                busy.remove(worker)
                task = worker.task
                if isinstance(outcome, NotStarted):
                    worker.stop(at_once=True)
                    waiting.appendleft(task)
                    if busy or idle:
                        write_error(
                            f'a process cannot be started, the others do its work: '
                            f'{outcome.reason}'
                        )
                    elif last_try:
                        raise _cannot_start(outcome.reason)
                    else:
                        # There may be enough memory for one process alone.
                        last_try = True
                        idle.append(worker)
                    continue
                failure = None if isinstance(outcome, Done) else outcome
                if failure and failure.fatal:
                    raise MERRunError(f'fold {task}: {failure.reason}')
                if failure and failure.broken:
                    worker.stop(at_once=True)
                idle.append(worker)
                ended.append((task, failure))
    finally:
        for worker in busy:
            worker.terminate()
        for worker in busy:
            worker.stop(at_once=True)
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.stop(at_once=False)


def _cannot_start(reason: str) -> MERRunError:
    return MERRunError(
        f'no process can be started to train folds ({reason}): memory or threads are '
        f'used up, or limited for this user (ulimit -a)',
        hint='finished folds are kept: free some, or train in this process alone '
        '(--strategy sequential), and continue with --resume',
    )


# The following runs in the processes.


def initialize(parent: int, threads: int) -> None:
    """Limit the threads of this process, and end it when its parent ends.

    Args:
        parent: Number of the parent process.
        threads: Number of threads.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    keep_freed_memory()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        # Including the workers of its data loaders.
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def serve(link: Connection) -> None:
    """Train the folds that are received, until the pipe is closed."""
    # By default the signal would end it in the middle of a file.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(EOFError, ConnectionError):
        link.send(READY)
        while True:
            try:
                task, number = link.recv()
            except (EOFError, OSError):
                raise EOFError from None
            except Exception as error:
                # The config refers to a class that cannot be imported here.
                link.send(_unexpected(error))
                continue
            link.send(_train(task, number) or Done())


def _train(task: FoldTask, number: int) -> Failure | None:
    """Train a fold without console output, and convert errors, so that they pickle."""
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(number % torch.cuda.device_count())
        # mmengine imports them when it reads a config file, which the parent did.
        if imports := task.run.cfg.get('custom_imports'):
            import_modules_from_strings(**imports)
        task = replace(task, run=replace(task.run, console='ERROR'))
        export_state(task)
        train_fold(task, 'parallel')
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            # An error of mmengine's own files has no file name if the disk is full.
            error.filename = error.filename or str(task.folder.path)
        if reason := user_message(error):
            return Failure(
                reason,
                final=isinstance(error, DivergedError),
                # There may be enough memory for one process alone.
                broken=out_of_resources(error),
                fatal=not (of_one_fold(error) or out_of_resources(error)),
            )
        return _unexpected(error)
    return None


def _unexpected(error: Exception) -> Failure:
    """Convert an unexpected error that is being handled."""
    reason = f'{type(error).__name__}: {error}'
    return Failure(reason, traceback.format_exc(), broken=True)
