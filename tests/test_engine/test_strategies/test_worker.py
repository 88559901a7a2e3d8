"""Processes that cannot start, or end without a word, are never waited for."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from mmaction.registry import RUNNERS
from paths import HELPERS, ROOT

from mmaction_mer.engine.strategies import worker as module
from mmaction_mer.engine.strategies.worker import NotStarted, Worker, wait_for
from mmaction_mer.utils.errors import MERRunError

TRAIN = ROOT / 'tools' / 'train.py'

# What Python runs first of all in a process that is started. Those that train are known
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
    'an exit without a word': """
if trains:
    os._exit(3)
""",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Let processes that are started run something first of all."""

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
    done = make_config(loso__folds=['s1'])
    RUNNERS.build(done).train()
    monkeypatch.setenv('PYTHONPATH', site(HOSTILE[how]))
    cfg = make_config(loso__strategy='parallel', loso__workers=2, resume=True)
    with pytest.raises(MERRunError, match=r'no process can be started .*--resume'):
        RUNNERS.build(cfg).train()
    assert 'Traceback' not in capfd.readouterr().err
    # What was done is kept, and the others are as they were.
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
        RUNNERS.build(cfg).train()
    # All three, and one more that is alone.
    assert len(tried) == 4


class Half(Worker):
    """Workers of which the first alone comes to begin, in this process."""

    def submit(self, job):
        self.job = job
        return None if self.number == 0 else NotStarted('no room')

    def look(self):
        from mmaction_mer.engine.strategies.parallel import _train

        return _train(self.job, self.number) or module.Done()


def test_the_others_do_the_work_of_one_that_cannot_start(
    make_config, tmp_path, monkeypatch, capsys
):
    parallel = sys.modules['mmaction_mer.engine.strategies.parallel']
    monkeypatch.setattr(parallel, 'Worker', Half)
    results = RUNNERS.build(
        make_config(loso__strategy='parallel', loso__workers=3)
    ).train()
    assert results['clips'] == 16
    assert capsys.readouterr().err.count('cannot be started') == 2


class Imported:
    """A job that cannot be read where it is sent."""

    def __reduce__(self):
        return __import__, ('no_such_module_anywhere',)


@pytest.mark.slow
def test_what_becomes_of_a_worker(site, monkeypatch):
    """One process: it begins, cannot read a job, is stopped with its children."""
    worker = Worker(0, 1)
    assert worker.submit(Imported()) is None
    [(_, failure)] = wait_for([worker])
    assert 'no_such_module_anywhere' in failure.reason and failure.spoiled
    # It is there still, and is asked again without a start.
    process = worker._process
    assert worker.submit(Imported()) is None and worker._process is process
    [(_, failure)] = wait_for([worker])
    assert failure.spoiled
    os.kill(process.pid, signal.SIGKILL)
    while process.poll() is None:
        time.sleep(0.01)
    [(_, failure)] = wait_for([worker])
    assert 'was killed' in failure.reason and failure.spoiled
    worker.stop(at_once=True)
    assert worker._process is None
    assert wait_for([]) == []


# Threads are refused to the program, as where a limit on processes is used up; the
# process that trains has some.
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
