"""Train, kill, resume, again and again: what the kill tests of all strategies share.

Importing takes seconds: one process imports, and its forks train until they are killed.
A fork tells every step and every file that it writes, and goes on when it is told to:
kills fall where they shall on any machine. Time is told by a clock that moves with the
steps, so that a minute of work is the same number of them everywhere.
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

# Seconds that a step and a save take by the clock of the forks.
STEP, SAVE = 7.0, 1.0


class Kill(NamedTuple):
    """What a sitting had done when it was killed.

    Attributes:
        event: What it was killed after.
        first: Number of the first step that it took, None if it took none.
        last: Number of the last.
    """

    event: str
    first: int | None
    last: int | None


def run_script(script, config, work_dir, timeout):
    """Run a script that ends with ``over``, and give the lines that it printed."""
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
    told = done.stdout.splitlines()
    assert told[-1] == 'over', told[-3:]
    return told


def run_kills(script, config, work_dir, timeout):
    """Run a script that calls :func:`killed`, and give its kills."""
    kills = []
    for line in run_script(script, config, work_dir, timeout):
        if line.startswith('killed|'):
            _, event, first, last = line.split('|')
            numbers = [None if one == 'None' else int(one) for one in (first, last)]
            kills.append(Kill(event, *numbers))
    return kills


def lost_seconds(kills):
    """Seconds of training that each kill cost, by the clock of the forks."""
    lost, reached = [], 0
    for kill in kills:
        if kill.first is not None:
            lost.append((reached - kill.first) * STEP)
            reached = max(reached, kill.last + 1)
    return lost


def killed(train, work_dir, sittings, seed=0):
    """Train once in ``whole``; in ``run`` be killed in every sitting, then end.

    Args:
        train: Trains, or resumes, in a work directory; given that and what to call
            with the number of every step.
        work_dir: Where both runs are.
        sittings: After which event to kill, and after how many of it. Events are
            ``step``, and ``write`` or ``wrote`` with the name of a file.
        seed: A kill falls into the moments after its event, drawn at random.
    """
    draw = random.Random(seed)
    assert _end(_sit(train, os.path.join(work_dir, 'whole'), waits=False)) == 0
    run = os.path.join(work_dir, 'run')
    for event, count in sittings:
        fork = _sit(train, run, waits=True)
        steps = []
        while count:
            line = fork.said.readline().strip()
            assert line, f'it ended before it was killed: {event}'
            if line.startswith('step '):
                steps.append(int(line.split()[1]))
            count -= line.startswith(event)
            # The last one too: it stops at the next event, and is killed before.
            os.write(fork.answers, b'.')
        time.sleep(draw.uniform(0, 0.004))
        os.kill(fork.number, signal.SIGKILL)
        assert _end(fork) == -signal.SIGKILL, event
        assert not os.path.exists(os.path.join(run, 'results.json'))
        first, last = (steps[0], steps[-1]) if steps else (None, None)
        print('killed', event, first, last, sep='|', flush=True)
    assert _end(_sit(train, run, waits=False)) == 0
    print('over')


class _Fork(NamedTuple):
    """A process that trains: its number, what it says, where it is answered."""

    number: int
    said: object
    answers: int


def _sit(train, work_dir, waits):
    """Train in a fork."""
    (said, says), (answered, answers) = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(says)
        os.close(answered)
        return _Fork(child, os.fdopen(said), answers)
    status = 1
    try:
        os.close(said)
        os.close(answers)

        def tell(event):
            if waits:
                os.write(says, f'{event}\n'.encode())
                if not os.read(answered, 1):
                    os._exit(1)  # nobody is there any more

        train(work_dir, _watched(tell))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _watched(tell):
    """Set the clock, tell of every file, and give what to call at every step."""
    from mmaction_mer.engine.hooks import save_interval as saving

    now, replace = [0.0], os.replace

    def step(number):
        now[0] += STEP
        tell(f'step {number}')

    def write(source, target):
        name = Path(target).name
        # The names of stacks are digests.
        is_state = name.endswith('.pth') and name != 'model.pth'
        name = 'state' if is_state else name
        tell(f'write {name}')
        replace(source, target)
        now[0] += SAVE * is_state
        tell(f'wrote {name}')

    saving.monotonic = lambda: now[0]
    os.replace = write
    return step


def _end(fork):
    code = os.waitstatus_to_exitcode(os.waitpid(fork.number, 0)[1])
    os.close(fork.answers)
    fork.said.close()
    return code
