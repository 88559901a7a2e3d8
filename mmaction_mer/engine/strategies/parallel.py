"""Folds in processes side by side, each on its share of the cores or on its GPU."""

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
from .stacking.stack_file import leave_stack
from .worker import BEGAN, Done, Failure, NotStarted, Worker, wait_for

# What a process takes at least: its imports are 0.8 GiB, then come model and clips.
_BYTES_PER_WORKER = 2 << 30


def parallel(
    jobs: Sequence[FoldTask], options: Mapping[str, Any]
) -> Iterator[FoldTask]:
    """Train folds in processes side by side.

    A fold that fails is reported at once and tried once more at the end: in a fresh
    process and alone, since memory is often why. A fold that diverged would diverge
    again, and is not. The others stand. The processes end when this one does, however
    it does. Where some of them cannot be started, the others do their work.

    Numbers are those of ``sequential`` to the last bit where that has as many threads
    as each process has here (``OMP_NUM_THREADS``), and to rounding where it has not.

    Args:
        jobs: The folds.
        options: ``workers``: number of processes; None for as many as there are GPUs,
            or else cores, as far as memory goes.

    Yields:
        Each job when its folder is done.

    Raises:
        MERRunError: No process can be started, the disk is full, or the config has a
            mistake that every fold meets.
        FoldsFailed: Folds diverged or failed twice, and all others are done.
    """
    workers = min(
        options['workers']
        or count_workers(
            cores(), torch.cuda.device_count(), available_memory(torch.device('cpu'))
        ),
        max(1, len(jobs)),
    )
    # Never more than this process itself would use; a second try has as many.
    threads = max(1, min(cores() // workers, torch.get_num_threads()))
    failures = Failures(len(jobs))
    again = []
    for job, failure in _train_all(jobs, workers, threads):
        if failure is None:
            yield job
        elif failure.final:
            failures.add(job, failure.reason)
        else:
            again.append(job)
            write_error(f'{job} failed and is tried once more at the end: {failure}')
    for job, failure in _train_all(again, 1, threads):
        if failure is None:
            yield job
        else:
            if failure.trace:
                write_error(failure.trace)
            failures.add(job, failure.reason)
    failures.end()


def count_workers(cores: int, gpus: int, memory: float) -> int:
    """Choose a number of processes.

    Args:
        cores: Number of cores.
        gpus: Number of GPUs.
        memory: Bytes to be had.

    >>> count_workers(cores=16, gpus=4, memory=64 * 2**30)
    4
    >>> count_workers(cores=16, gpus=0, memory=64 * 2**30)
    16
    >>> count_workers(cores=16, gpus=0, memory=7 * 2**30)
    3
    """
    return max(1, min(gpus or cores, int(min(memory, 1 << 60) // _BYTES_PER_WORKER)))


def _train_all(
    jobs: Sequence[FoldTask], count: int, threads: int
) -> Iterator[tuple[FoldTask, Failure | None]]:
    """Train folds by some workers; give each, when it ends, with its failure if any."""
    waiting = deque(jobs)
    workers = [Worker(number, threads) for number in range(min(count, len(jobs)))]
    idle, busy = deque(workers), list[Worker]()
    ended: list[tuple[FoldTask, Failure | None]] = []
    last_try = False
    try:
        while waiting or busy or ended:
            lost = []
            # What comes next is started before the caller works on what has ended.
            while waiting and idle:
                worker = idle.popleft()
                busy.append(worker)
                if reason := worker.submit(waiting.popleft()):
                    lost.append((worker, reason))
            yield from ended
            ended = []
            for worker, outcome in lost or wait_for(busy):
                busy.remove(worker)
                job = worker.job
                if isinstance(outcome, NotStarted):
                    worker.stop(at_once=True)
                    waiting.appendleft(job)
                    if busy or idle:
                        write_error(
                            f'a process cannot be started, the others do its work: '
                            f'{outcome.reason}'
                        )
                    elif last_try:
                        raise MERRunError(_cannot_start(outcome.reason))
                    else:
                        # Alone it may find the memory that several together did not.
                        last_try = True
                        idle.append(worker)
                    continue
                failure = None if isinstance(outcome, Done) else outcome
                if failure and failure.stops:
                    raise MERRunError(f'fold {job}: {failure.reason}')
                if failure and failure.spoiled:
                    worker.stop(at_once=True)
                idle.append(worker)
                ended.append((job, failure))
    finally:
        for worker in busy:
            worker.interrupt()
        for worker in busy:
            worker.stop(at_once=True)
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.stop(at_once=False)


def _cannot_start(reason: str) -> str:
    return (
        f'no process can be started to train folds ({reason}): memory or threads are '
        f'used up, or limited for this user (ulimit -a). What is done is kept: free '
        f'some, or train in this process alone (--strategy sequential), and go on '
        f'with --resume'
    )


# What follows runs in the processes.


def begin(parent: int, threads: int) -> None:
    """Take a share of the cores, and end when the parent ends."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    keep_freed_memory()

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        # With the workers of its data loaders.
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()


def serve(link: Connection) -> None:
    """Train what comes in, until nothing more can come."""
    # By default it would end in the middle of a file.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(EOFError, ConnectionError):
        link.send(BEGAN)
        while True:
            try:
                job, number = link.recv()
            except (EOFError, OSError):
                raise EOFError from None
            except Exception as error:
                # What its config names cannot be imported here.
                reason = f'{type(error).__name__}: {error}'
                link.send(Failure(reason, traceback.format_exc(), spoiled=True))
                continue
            link.send(_train(job, number) or Done())


def _train(job: FoldTask, number: int) -> Failure | None:
    """Train a fold quietly; nothing that cannot be pickled goes back."""
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(number % torch.cuda.device_count())
        # mmengine does it where it reads a config from its file, in the parent.
        if imports := job.run.cfg.get('custom_imports'):
            import_modules_from_strings(**imports)
        job = replace(job, run=replace(job.run, console='ERROR'))
        leave_stack(job)
        train_fold(job, 'parallel')
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            # A full disk does not say of mmengine's own files which it is.
            error.filename = error.filename or str(job.folder.path)
        if reason := user_message(error):
            return Failure(
                reason,
                final=isinstance(error, DivergedError),
                # Alone it may find the memory that it did not find here.
                spoiled=out_of_resources(error),
                stops=not (of_one_fold(error) or out_of_resources(error)),
            )
        reason = f'{type(error).__name__}: {error}'
        return Failure(reason, traceback.format_exc(), spoiled=True)
    return None
