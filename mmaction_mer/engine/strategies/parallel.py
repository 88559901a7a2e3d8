"""Folds in processes side by side, each on its share of the cores or on its GPU."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import torch
from joblib.externals.loky import ProcessPoolExecutor
from mmengine.utils import import_modules_from_strings
from tqdm import tqdm

from ...datasets.parallel import cores
from ..command_line import explained
from ..errors import MERRunError
from ..fold_runner import train_fold
from ..memory import available_memory, keep_freed_memory
from ..run import Job
from ..stacking.stack_file import leave_stack

# What a process takes at least: its imports are 0.8 GiB, then come model and clips.
_BYTES_PER_WORKER = 2 << 30


def parallel(jobs: Sequence[Job], options: Mapping[str, Any]) -> Iterator[Job]:
    """Train folds in processes side by side.

    A fold that fails is reported at once and tried once more at the end: in a fresh
    process and alone, since memory is often why. The others stand. The processes end
    when this one does, however it does.

    Numbers are those of ``sequential`` to the last bit where that has as many threads
    as each process has here (``OMP_NUM_THREADS``), and to rounding where it has not.

    Args:
        jobs: The folds.
        options: ``workers``: number of processes; None for as many as there are GPUs,
            or else cores, as far as memory goes.

    Yields:
        Each job when its folder is done.

    Raises:
        MERRunError: A fold failed twice.
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
    failed = []
    for job, failure in _train_all(jobs, workers, threads):
        if failure is None:
            yield job
        else:
            failed.append(job)
            _say(f'{job} failed and is tried once more at the end: {failure}')
    reasons: dict[str, list[Job]] = {}
    for job, failure in _train_all(failed, 1, threads):
        if failure is None:
            yield job
        else:
            reasons.setdefault(failure.reason, []).append(job)
            _say(f'{job} failed again: {failure}')
    if reasons:
        number = sum(map(len, reasons.values()))
        shown = '\n  '.join(
            f'{", ".join(map(str, some))}: {reason}' for reason, some in reasons.items()
        )
        raise MERRunError(
            f'{number} of {len(jobs)} folds failed twice; the others are done and '
            f'stay, and nothing was pooled. When the cause is gone, go on with '
            f'--resume:\n  {shown}'
        )


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


class _Failure(NamedTuple):
    """Why a fold is not done.

    Attributes:
        reason: In words, or the last line of the traceback.
        trace: The traceback of what nobody foresaw.
        spoiled: Whether the process is gone or may be in any state.
    """

    reason: str
    trace: str = ''
    spoiled: bool = False

    def __str__(self) -> str:
        """Say all that is known."""
        return self.trace or self.reason


class _Worker:
    """A process that trains one fold after another, started when there is one.

    It is a pool of one: a pool of many ends as a whole when one process is killed, and
    nobody could say which fold it was.

    Args:
        number: Which of the workers, from 0.
        threads: Its number of threads.
    """

    def __init__(self, number: int, threads: int) -> None:
        self.number = number
        self.threads = threads
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, job: Job) -> Future:
        """Start a fold."""
        # A process inherits who is deaf to Ctrl-C: this one hears it for all.
        main = threading.current_thread() is threading.main_thread()
        heard = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        try:
            if self._pool is not None:
                try:
                    return self._pool.submit(_train, job, self.number)
                except BrokenProcessPool:
                    # Killed while it had nothing to do.
                    self.stop(at_once=True)
            names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'
            self._pool = ProcessPoolExecutor(
                1,
                initializer=_begin,
                initargs=(os.getpid(), self.threads),
                env=dict.fromkeys(names, str(self.threads)),
            )
            return self._pool.submit(_train, job, self.number)
        finally:
            if main:
                signal.signal(signal.SIGINT, heard)

    def stop(self, at_once: bool) -> None:
        """End the process; at once for one that may be in the middle of a fold."""
        if self._pool is not None:
            self._pool.shutdown(wait=at_once, kill_workers=at_once)
            self._pool = None


def _train_all(
    jobs: Sequence[Job], count: int, threads: int
) -> Iterator[tuple[Job, _Failure | None]]:
    """Train folds by some workers; give each, when it ends, with its failure if any."""
    waiting = deque(jobs)
    workers = [_Worker(number, threads) for number in range(min(count, len(jobs)))]
    idle = deque(workers)
    busy: dict[Future, tuple[Job, _Worker]] = {}
    ended: list[tuple[Job, _Failure | None]] = []
    try:
        while waiting or busy or ended:
            # What comes next is started before the caller works on what has ended.
            while waiting and idle:
                job, worker = waiting.popleft(), idle.popleft()
                busy[worker.submit(job)] = job, worker
            yield from ended
            ended = []
            done = wait(busy, return_when=FIRST_COMPLETED).done
            for future in [future for future in busy if future in done]:
                job, worker = busy.pop(future)
                failure = _failure(future)
                if failure and failure.spoiled:
                    worker.stop(at_once=True)
                idle.append(worker)
                ended.append((job, failure))
    finally:
        for worker in workers:
            worker.stop(at_once=bool(busy))


def _failure(future: Future) -> _Failure | None:
    error = future.exception()
    if error is None:
        return future.result()
    # With a cause, the job could not be read there.
    if isinstance(error, BrokenProcessPool) and error.__cause__ is None:
        reason = (
            'its process was killed, as the system does when memory runs out (fewer '
            'loso.workers need less)'
        )
        return _Failure(reason, spoiled=True)
    trace = ''.join(traceback.format_exception(error))
    return _Failure(f'{type(error).__name__}: {error}', trace, spoiled=True)


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


# What follows runs in the processes.


def _begin(parent: int, threads: int) -> None:
    """Take a share of the cores, and end when the parent ends."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    keep_freed_memory()
    # mmengine chooses how loaders start theirs, and would complain of a choice before.
    multiprocessing.set_start_method(None, force=True)

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _train(job: Job, number: int) -> _Failure | None:
    """Train a fold quietly; nothing that cannot be pickled goes back."""
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(number % torch.cuda.device_count())
        # mmengine does it where it reads a config from its file, in the parent.
        if imports := job.run.cfg.get('custom_imports'):
            import_modules_from_strings(**imports)
        job = replace(job, run=replace(job.run, console='ERROR'))
        select = job.run.plan.select
        leave_stack(job)
        train_fold(job.config(), job.folder, job.details(), select, 'parallel')
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            # A full disk does not say of mmengine's own files which it is.
            error.filename = error.filename or str(job.folder.path)
        if reason := explained(error):
            return _Failure(reason)
        reason = f'{type(error).__name__}: {error}'
        return _Failure(reason, traceback.format_exc(), spoiled=True)
    return None
