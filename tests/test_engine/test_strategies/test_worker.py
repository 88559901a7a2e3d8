"""Processes that cannot start, or end silently, are never waited for."""

import json
import os
import signal
import subprocess
import time

import pytest
from paths import HELPERS, ROOT
from settings import train
from workers import InProcessWorker, parallel, use_forks

from mmaction_mer.engine.strategies.worker import NotStarted, Worker, wait_for
from mmaction_mer.utils.errors import MERRunError

TRAIN = ROOT / 'tools' / 'train.py'

# Run by Python first in every process that is started. Those that train are identified
# by their command.
SITE = """
import os, signal, sys
trains = any('serve(link)' in part for part in sys.orig_argv)
"""
HOSTILE = {
    'killed at once': """
if trains:
    os.kill(os.getpid(), signal.SIGKILL)
""",
    'no memory for its imports': """
if trains:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
""",
    'a silent exit': """
if trains:
    os._exit(3)
""",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Let every process that is started run some code first."""

    def make(text):
        folder = tmp_path / 'site'
        folder.mkdir()
        (folder / 'sitecustomize.py').write_text(SITE + text)
        paths = [str(folder), os.environ.get('PYTHONPATH', '')]
        return os.pathsep.join(filter(None, paths))

    return make


@pytest.mark.parametrize('how', HOSTILE)
def test_a_worker_that_cannot_start_ends_the_run(
    how, site, make_config, tmp_path, monkeypatch, capfd
):
    train(make_config(loso__folds=['s1']))
    monkeypatch.setenv('PYTHONPATH', site(HOSTILE[how]))
    cfg = make_config(loso__strategy='parallel', loso__workers=1, resume=True)
    with pytest.raises(MERRunError, match='no process can be started') as error:
        train(cfg)
    assert '--resume' in error.value.hint
    assert 'Traceback' not in capfd.readouterr().err
    # The finished fold is kept, and the others are as before.
    folds = tmp_path / 'run' / 'folds'
    states = [json.loads((folds / 's1' / 'fold.json').read_text())['status']]
    assert states == ['done'] and not (folds / 's2').exists()


def test_a_process_that_cannot_be_forked(make_config, monkeypatch):
    tried = []

    def refuse(*args, **kwargs):
        tried.append(args)
        raise BlockingIOError(11, 'Resource temporarily unavailable')

    monkeypatch.setattr(subprocess, 'Popen', refuse)
    cfg = make_config(loso__strategy='parallel', loso__workers=3)
    with pytest.raises(MERRunError, match='no process can be started .*temporarily'):
        train(cfg)
    # All three, and then one of them alone.
    assert len(tried) == 4


class OnlyFirst(InProcessWorker):
    """Workers of which only the first can start."""

    def submit(self, task):
        if self.number == 0:
            return super().submit(task)
        self.task = task
        return NotStarted('no room')


def test_the_others_do_the_work_of_one_that_cannot_start(
    make_config, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(parallel, 'Worker', OnlyFirst)
    results = train(make_config(loso__strategy='parallel', loso__workers=3))
    assert results['clips'] == 16
    assert capsys.readouterr().err.count('cannot be started') == 2


class Imported:
    """A task that cannot be unpickled."""

    def __reduce__(self):
        return __import__, ('no_such_module_anywhere',)


def test_outcomes_of_one_process(monkeypatch):
    use_forks(monkeypatch)
    worker = Worker(0, 1)
    assert worker.submit(Imported()) is None
    [(_, failure)] = wait_for([worker])
    assert 'no_such_module_anywhere' in failure.reason and failure.broken
    # It is still running, and gets the next task without a start.
    process = worker._process
    assert worker.submit(Imported()) is None and worker._process is process
    [(_, failure)] = wait_for([worker])
    assert failure.broken
    os.kill(process.pid, signal.SIGKILL)
    while process.poll() is None:
        time.sleep(0.01)
    [(_, failure)] = wait_for([worker])
    assert 'was killed' in failure.reason and failure.broken
    worker.stop(at_once=True)
    assert worker._process is None
    assert wait_for([]) == []


# The program cannot start threads, as if a limit on processes was reached; the process
# that trains can.
NO_THREADS = """
if not trains and any(part.endswith('train.py') for part in sys.orig_argv):
    import threading
    def start(self):
        raise RuntimeError("can't start new thread")
    threading.Thread.start = start
"""


@pytest.mark.slow
def test_a_program_without_threads_trains_and_ends(site, config_file, tmp_path, tool):
    done = tool(
        TRAIN, config_file, '--work-dir', tmp_path / 'run', '--strategy', 'parallel',
        '--folds', 's1', PYTHONPATH=os.pathsep.join([
            site(NO_THREADS), str(TRAIN.parents[1]), str(HELPERS),
        ]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / 'run' / 'results.json').read_text())['clips'] == 4
