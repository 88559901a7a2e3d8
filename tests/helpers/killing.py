"""Repeated kills and resumes, for the kill tests of all strategies.

Importing takes seconds: one process imports, and its forks train until they are killed.
A fork reports every step and every file that it writes, and waits for an answer, so
that kills happen at the same places on any machine. The clock moves with the steps, so
that a minute of work is the same number of them everywhere.
"""

import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from paths import HELPERS, ROOT

# Seconds of a step and of a save by the clock of the forks.
STEP, SAVE = 7.0, 1.0


class Kill(NamedTuple):
    """The work of a session that was killed.

    Attributes:
        event: The event after which it was killed.
        first: Number of its first step; None if it took none.
        last: Number of its last step.
    """

    event: str
    first: int | None
    last: int | None


def run_script(script, config, work_dir, timeout):
    """Run a script that ends with ``over``, and return the lines that it printed."""
    paths = [str(ROOT), str(HELPERS), os.environ.get('PYTHONPATH', '')]
    done = subprocess.run(
        [sys.executable, '-c', script, config, work_dir],
        env=os.environ | {
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'Agg',
        },
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == 'over', lines[-3:]
    return lines


def run_kills(script, config, work_dir, timeout):
    """Run a script that calls :func:`killed`, and return its kills."""
    kills = []
    for line in run_script(script, config, work_dir, timeout):
        if line.startswith('killed|'):
            _, event, first, last = line.split('|')
            numbers = [None if one == 'None' else int(one) for one in (first, last)]
            kills.append(Kill(event, *numbers))
    return kills


def lost_seconds(kills):
    """Return the seconds of training that each kill cost, by the clock of the forks."""
    lost, reached = [], 0
    for kill in kills:
        if kill.first is not None:
            lost.append((reached - kill.first) * STEP)
            reached = max(reached, kill.last + 1)
    return lost


def killed(train, work_dir, sessions, seed=0):
    """Train once in ``whole``; in ``run`` kill every session, then finish.

    Args:
        train: Trains, or resumes, in a work directory; its second argument is to be
            called with the number of every step.
        work_dir: Folder of both runs.
        sessions: The event after which each session is killed, and the count of it.
            Events are ``step``, and ``write`` or ``wrote`` with the name of a file.
        seed: Seed of the random delay between event and kill. Defaults to 0.
    """
    draw = random.Random(seed)
    # A killed process loses nothing that it has written: do not wait for the disk.
    os.fsync = lambda handle: None
    assert _end(_fork(train, os.path.join(work_dir, 'whole'), waits=False)) == 0
    run = os.path.join(work_dir, 'run')
    for event, count in sessions:
        fork = _fork(train, run, waits=True)
        steps = []
        while count:
            line = fork.reports.readline().strip()
            assert line, f'it ended before it was killed: {event}'
            if line.startswith('step '):
                steps.append(int(line.split()[1]))
            count -= line.startswith(event)
            # The last event too: the fork stops at the next one, and is killed before.
            os.write(fork.answers, b'.')
        time.sleep(draw.uniform(0, 0.004))
        os.kill(fork.number, signal.SIGKILL)
        assert _end(fork) == -signal.SIGKILL, event
        assert not os.path.exists(os.path.join(run, 'results.json'))
        first, last = (steps[0], steps[-1]) if steps else (None, None)
        print('killed', event, first, last, sep='|', flush=True)
    assert _end(_fork(train, run, waits=False)) == 0
    print('over')


class _Fork(NamedTuple):
    """A process that trains: its number, its reports, and the pipe for answers."""

    number: int
    reports: object
    answers: int


def _fork(train, work_dir, waits):
    """Train in a fork."""
    (reports, says), (answered, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(says)
        os.close(answered)
        return _Fork(child, os.fdopen(reports), answers)
    status = 1
    try:
        os.close(reports)
        os.close(answers)

        def report(event):
            if waits:
                os.write(says, f'{event}\n'.encode())
                if not os.read(answered, 1):
                    os._exit(1)  # the parent has ended

        train(work_dir, _instrument(report))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _instrument(report):
    """Set the clock, report every file, and return what to call at every step."""
    from mmaction_mer.engine.hooks import save_interval as saving

    now, replace = [0.0], os.replace

    def step(number):
        now[0] += STEP
        report(f'step {number}')

    def write(source, target):
        name = Path(target).name
        # The names of stacks are digests.
        is_state = name.endswith('.pth') and name != 'model.pth'
        name = 'state' if is_state else name
        report(f'write {name}')
        replace(source, target)
        now[0] += SAVE * is_state
        report(f'wrote {name}')

    saving.monotonic = lambda: now[0]
    os.replace = write
    return step


def _end(fork):
    code = os.waitstatus_to_exitcode(os.waitpid(fork.number, 0)[1])
    os.close(fork.answers)
    fork.reports.close()
    return code
