"""Workers of the parallel strategy that cost no start of an interpreter."""

import faulthandler
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

from mmaction_mer.engine.strategies import worker
from mmaction_mer.engine.strategies.worker import Done, Worker

# The package has a function of that name.
parallel = importlib.import_module('mmaction_mer.engine.strategies.parallel')


class InProcessWorker(Worker):
    """A worker without a process: it trains when a fold is submitted."""

    def submit(self, task):
        self.task = task
        self.outcome = parallel._train(task, self.number) or Done()

    def poll(self):
        return self.outcome


class Fork:
    """A fork of this process, with the part of ``subprocess.Popen`` that is used.

    Importing takes seconds of every new interpreter; a fork has imported already.

    Args:
        function: What it runs.
        *args: Arguments of the function.
        keep: File descriptors to keep open; all but the standard ones are closed.
    """

    def __init__(self, function, *args, keep=()):
        self.returncode = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            os.setsid()
            faulthandler.disable()
            # Those of pytest write to files that are closed now.
            sys.stdout, sys.stderr = (open(fd, 'w', closefd=False) for fd in (1, 2))
            for name in os.listdir('/proc/self/fd'):
                if int(name) > 2 and int(name) not in keep:
                    try:
                        os.close(int(name))
                    except OSError:
                        pass  # of the listing itself
            function(*args)
            status = 0
        except SystemExit as error:
            status = error.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=60):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired('fork', timeout)
            time.sleep(0.005)
        return self.returncode

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


def use_forks(monkeypatch):
    """Let workers be forks of this process, instead of new interpreters."""
    parts = dict(
        Popen=_start,
        DEVNULL=subprocess.DEVNULL,
        TimeoutExpired=subprocess.TimeoutExpired,
    )
    monkeypatch.setattr(worker, 'subprocess', SimpleNamespace(**parts))


def _start(command, *, env, pass_fds, start_new_session, stdin):
    """Stand for ``subprocess.Popen`` of a worker: run its code in a fork."""
    assert start_new_session and stdin == subprocess.DEVNULL

    def run():
        os.environ.update(env)
        _, _, code, *sys.argv[1:] = command
        exec(code, {'__name__': '__main__'})

    return Fork(run, keep=pass_fds)


def wait_until(fact, seconds=120):
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(pid):
    """Return whether a process has ended, even if its status was not asked for."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(')')[2].split()[0] == 'Z'
