"""Start of a process per pair of an entry point and a file, with measurements.

The program is imported once. Each forked process is monitored: its exit status, files,
opened files and connections, memory, and progress.
"""

import gc
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .case import Case, Corpus, slug
from .child import become
from .entries import Entry, preload
from .watching import CalledPort, OpenedFiles, standings

#: Seconds of sleep after which a process counts as hanging. This does not depend on the
#: load, since a process that waits for a processor is not asleep. All threads of all
#: its processes are checked.
SLEPT = 10.0
#: Maximum processor time in seconds, in addition to four times that of the sound file,
#: which takes longer on a slow machine, too.
WORKED = 10.0
#: Maximum resident memory in addition to that of the fork, in bytes.
GREW = 1 << 30
#: Maximum size of standard output and error, in bytes.
SAID = 64 << 10
#: Maximum seconds of any process.
ENDED = 600.0


@dataclass
class Outcome:
    """Result of one process.

    Attributes:
        entry: Name of the entry point.
        case: Name of the file; empty for the sound one.
        status: Exit status; negative for a signal.
        seconds: Processor time.
        wall: Seconds from start to end.
        grew: Resident memory in addition to that of the fork, in bytes.
        said: End of its standard error.
        audit: Events recorded by the audit hook.
        faults: Descriptions of its faults.
    """

    entry: str
    case: str
    status: int = 0
    seconds: float = 0.0
    wall: float = 0.0
    grew: int = 0
    said: str = ''
    audit: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class _Job:
    entry: Entry
    case: Case | None
    scratch: Path
    process: int
    begun: float
    moved: float
    ticks: int = 0
    fault: str = ''


class Launcher:
    """Forks processes after importing the program.

    Args:
        root: A new folder for the corpus, the sound material and scratch folders.
        at_once: Number of processes at a time. Defaults to 2.
    """

    def __init__(self, root: Path, at_once: int = 2) -> None:
        self.root, self.at_once = root, at_once
        self.sound = root / 'sound'
        self.port = CalledPort()
        self.benign: dict[str, Outcome] = {}
        self.usual: set[str] = set()
        self._number = 0
        self._seen: set[str] = set()
        self._running: set[str] = set()
        preload()
        import cv2
        import torch

        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self.corpus = Corpus(root / 'corpus', self.port.number)
        self._in_a_fork(self._write)
        told = json.loads((self.corpus.root / 'corpus.json').read_text())
        self.cases = [Case(**one | {'kinds': tuple(one['kinds'])}) for one in told]
        self.opened = OpenedFiles(self.corpus.root / 'secrets')
        gc.collect()
        gc.freeze()

    def _write(self) -> None:
        from .writing import write_all

        write_all(self.corpus, self.sound)

    def _in_a_fork(self, work: Callable[[], None]) -> None:
        """Run a function that starts threads or uses much memory in a fork."""
        log = self.root / 'writing.log'
        process = os.fork()
        if process == 0:
            status = 1
            try:
                handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                work()
                status = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
            raise RuntimeError(
                f'the corpus was not written:\n{log.read_text()[-4000:]}'
            )

    def learn(self, entries: Iterable[Entry]) -> list[Outcome]:
        """Run entry points with sound files; their actions are not faults later."""
        done = list(self.run([(entry, None) for entry in entries]))
        self.benign = {one.entry: one for one in done}
        self.usual = {_usual(line) for one in done for line in one.audit}
        return done

    def run(self, pairs: Iterable[tuple[Entry, Case | None]]) -> Iterable[Outcome]:
        """Run pairs, several at a time, and yield their outcomes."""
        waiting = list(pairs)
        running: list[_Job] = []
        while waiting or running:
            busy = {job.case.name for job in running if job.case}
            self._running = {slug(name) for name in busy}
            for pair in waiting:
                if len(running) >= self.at_once:
                    break
                # Actions are attributed by the file: use it once at a time.
                if pair[1] is None or pair[1].name not in busy:
                    waiting.remove(pair)
                    running.append(self._begin(*pair))
                    break
            yield from self._look(running)
            time.sleep(0.004)

    def _begin(self, entry: Entry, case: Case | None) -> _Job:
        self._number += 1
        scratch = self.root / 'scratch' / f'{self._number:05d}'
        scratch.mkdir(parents=True)
        file = None if case is None else self.corpus.root / case.path
        process = os.fork()
        if process == 0:
            become(entry, file, scratch, self.sound, self.corpus.root)
        now = time.monotonic()
        return _Job(entry, case, scratch, process, now, now)

    def _look(self, running: list[_Job]) -> Iterable[Outcome]:
        """Kill processes that hang, and yield the outcomes of those that ended."""
        now = time.monotonic()
        calls = self.port.poll()
        if calls:
            for job in running:
                job.fault = job.fault or f'a call to an address ({calls})'
        if now - getattr(self, '_looked', 0) > 0.25:
            self._looked = now
            found = standings({job.process for job in running})
            for job in running:
                self._check(job, found[job.process], now)
        for job in list(running):
            process, status, used = os.wait4(job.process, os.WNOHANG)
            if process:
                running.remove(job)
                self._kill(job)
                yield self._outcome(job, os.waitstatus_to_exitcode(status), used)

    def _check(self, job: _Job, stands, now: float) -> None:
        if stands.ticks > job.ticks or not stands.asleep:
            job.ticks, job.moved = stands.ticks, now
        if now - job.moved > SLEPT:
            job.fault = f'hangs: asleep for {SLEPT:g} s'
        elif stands.ticks / os.sysconf('SC_CLK_TCK') > self.allowed(job.entry.name) + 3:
            job.fault = 'hangs: at work'
        elif now - job.begun > ENDED:
            job.fault = 'hangs'
        if job.fault.startswith('hangs'):
            self._kill(job)

    def allowed(self, entry: str) -> float:
        """Return the maximum processor time of an entry point, in seconds."""
        known = self.benign.get(entry)
        return WORKED + 4 * (known.seconds if known else 15)

    def _kill(self, job: _Job) -> None:
        """Kill the processes of a session."""
        try:
            os.killpg(job.process, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _outcome(self, job: _Job, status: int, used) -> Outcome:
        now = time.monotonic()
        case = job.case.name if job.case else ''
        one = Outcome(job.entry.name, case, status, wall=now - job.begun)
        one.seconds = used.ru_utime + used.ru_stime
        began = job.scratch / 'began'
        if began.exists():
            one.grew = max(0, used.ru_maxrss * 1024 - json.loads(began.read_text()))
        else:
            one.faults.append('was not staged')
        said = b''
        size = 0
        for name in ('stdout', 'stderr'):
            path = job.scratch / name
            if path.exists():
                size += path.stat().st_size
                with path.open('rb') as file:
                    said += file.read(SAID)
        with (job.scratch / 'stderr').open('rb') as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1500))
            one.said = file.read().decode('utf-8', 'replace')
        audit = job.scratch / 'audit'
        if audit.exists():
            lines = audit.read_text().splitlines()
            one.audit = [tuple(json.loads(line)) for line in lines]
        if job.fault:
            one.faults.append(job.fault)
        if status < 0 and not job.fault.startswith('hangs'):
            one.faults.append(f'signal {-status}')
        if status == 71 or b'Traceback (most recent' in said:
            one.faults.append('traceback')
        if one.seconds > self.allowed(one.entry) and not job.fault:
            one.faults.append(f'takes {one.seconds:.0f} s')
        if one.grew > GREW:
            one.faults.append(f'takes {one.grew / 2**30:.1f} GB')
        if size > SAID:
            one.faults.append(f'says {size >> 10} KB')
        if b'\x1b[31mPLANTED' in said:
            one.faults.append('prints control characters of the file')
        if job.case is not None:
            one.faults += self._traces(job, one)
        shutil.rmtree(job.scratch, ignore_errors=True)
        return one

    def _opened_by(self, job: _Job) -> set[str]:
        """Return the opened secrets, without those of other running files."""
        self._seen |= self.opened.poll()
        others = {f'{name}.txt' for name in self._running - {job.case.slug}}
        found = self._seen - others
        self._seen -= found
        return found

    def _traces(self, job: _Job, one: Outcome) -> Iterable[str]:
        """Yield the faults found from the traces of a payload."""
        markers = self.corpus.root / 'markers'
        for path in (markers / job.case.slug, markers / f'imported-{job.scratch.name}'):
            if path.exists():
                path.unlink()
                yield 'a planted call ran'
        shared = markers / 'packed-type'
        if job.case.family == 'packed' and shared.exists():
            shared.unlink()
            yield 'a planted call ran'
        if found := self._opened_by(job):
            yield f'opens {sorted(found)[:3]}'
        for line in one.audit:
            if _usual(line) not in self.usual:
                yield f'{line[0]}: {line[1][:200]}'
                break
        for path in job.scratch.rglob('*.html'):
            if b'<img src=x onerror=planted>' in path.read_bytes():
                yield f'{path.name} has markup of the file'


def _usual(line: tuple[str, str]) -> str:
    """Return an audited event without digits, which differ between runs."""
    return line[0] + ''.join(sign for sign in line[1] if not sign.isdigit())


def fresh_environment() -> None:
    """Use one thread everywhere, since threads do not survive a fork."""
    os.environ.setdefault('MPLBACKEND', 'Agg')
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ[name] = '1'
    sys.dont_write_bytecode = True
