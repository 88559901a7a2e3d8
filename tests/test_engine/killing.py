"""Train, kill, resume, again and again: what the kill tests of all strategies share.

Importing takes seconds: one process imports, and its forks train until they are killed.
"""

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent


def run_script(script, config, work_dir, timeout):
    """Run a script that calls :func:`killed`, and give the lines that it printed."""
    paths = [str(HERE.parents[1]), str(HERE), os.environ.get('PYTHONPATH', '')]
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
    assert told[-1] == 'over'
    return [line.split() for line in told if line.startswith('killed ')]


def killed(train, work_dir, sittings, draw, pause):
    """Train once in ``whole``; in ``run`` be killed in every sitting, then end.

    Every fourth kill comes after a drawn time, in the start or the plan; the others
    after a drawn number of steps and a moment more.

    Args:
        train: Trains, or resumes, in a work directory; given that and what to call at
            every step.
        work_dir: Where both runs are.
        sittings: After how many steps to kill.
        draw: A ``random.Random``.
        pause: Seconds to wait at every step, so that a kill falls into it.
    """
    assert _end(*_sit(train, os.path.join(work_dir, 'whole'), 0)) == 0
    run = os.path.join(work_dir, 'run')
    for number, steps in enumerate(sittings):
        child, said = _sit(train, run, pause)
        if number % 4:
            while steps > 0:
                heard = os.read(said, steps)
                assert heard, number
                steps -= len(heard)
            time.sleep(draw.uniform(0, 4 * pause))
        else:
            select.select([said], [], [], draw.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        assert _end(child, said) == -signal.SIGKILL, number
        assert not os.path.exists(os.path.join(run, 'results.json'))
        kept = sorted(
            name
            for _, _, names in os.walk(run)
            for name in names
            if name in ('last.pth', 'model.pth')
        )
        print('killed', number, *kept, flush=True)
    assert _end(*_sit(train, run, 0)) == 0
    print('over')


def _sit(train, work_dir, pause):
    """Train in a fork; give its number and where it tells of its steps."""
    said, says = os.pipe()
    child = os.fork()
    if child:
        os.close(says)
        return child, said
    status = 1
    try:
        os.close(said)

        def tell():
            os.write(says, b'.')
            time.sleep(pause)

        train(work_dir, tell)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end(child, said):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(said)
    return code
