"""Twenty kills of one stacked run, each resumed, end in what a quiet run ends in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
FOLDS = ('s1', 's2', 's3', 's4')

# One process imports, its forks train until they are killed: after a drawn number of
# steps of the stack, or, every fourth, at some moment of the start. All together they
# take fewer steps than the run has, so that every kill falls into it.
KILLED = """
import os, random, select, signal, sys, time, traceback
import cv2
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.engine import loso_runner
from mmaction_mer.engine.stacking import Group, group

loso_runner.draw_clip = loso_runner.write_page = lambda *args: None
config, work_dir = sys.argv[1:]
KILLS, ITERATIONS = 20, 260
cv2.setNumThreads(1)
torch.set_num_threads(1)
group.SAVING = 1e9
losses = Group._losses

def sit(work_dir, pause):
    said, says = os.pipe()
    child = os.fork()
    if child:
        os.close(says)
        return child, said
    status = 1
    try:
        os.close(said)

        def loud(self, *args):
            os.write(says, b'.')
            time.sleep(pause)
            return losses(self, *args)

        Group._losses = loud
        cfg = Config.fromfile(config)
        cfg.merge_from_dict({
            'work_dir': work_dir, 'resume': True, 'train_cfg.max_iters': ITERATIONS,
        })
        RUNNERS.build(cfg).train()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

def end(child, said):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(said)
    return code

assert end(*sit(os.path.join(work_dir, 'whole'), 0)) == 0
draw = random.Random(1)
run = os.path.join(work_dir, 'run')
sittings = [draw.randint(1, 24) for _ in range(KILLS)]
assert sum(sittings) + KILLS < ITERATIONS
for number, steps in enumerate(sittings):
    child, said = sit(run, 0.002)
    if number % 4:
        while steps > 0:
            heard = os.read(said, steps)
            assert heard, number
            steps -= len(heard)
        time.sleep(draw.uniform(0, 0.01))
    else:
        select.select([said], [], [], draw.uniform(0, 0.3))
    os.kill(child, signal.SIGKILL)
    assert end(child, said) == -signal.SIGKILL, number
    print('killed', number, flush=True)
assert os.path.isfile(os.path.join(run, 'folds', 's1', 'last.pth'))
assert end(*sit(run, 0)) == 0
print('over')
"""


@pytest.mark.slow
def test_killed_twenty_times_and_resumed(stack_file, tmp_path):
    paths = [str(HERE.parents[1]), str(HERE), os.environ.get('PYTHONPATH', '')]
    done = subprocess.run(
        [sys.executable, '-c', KILLED, stack_file, tmp_path],
        env=os.environ | {
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'Agg',
        },
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout.splitlines()
    assert sum(line.startswith('killed ') for line in said) == 20
    assert said[-1] == 'over'
    for fold in FOLDS:
        lines = [
            [
                json.loads(line)
                for line in (tmp_path / run / 'folds' / fold / 'predictions.jsonl')
                .read_text()
                .splitlines()
            ]
            for run in ('whole', 'run')
        ]
        for a, b in zip(*lines, strict=True):
            assert (a['clip'], a['prediction']) == (b['clip'], b['prediction'])
            assert a['probabilities'] == pytest.approx(b['probabilities'], abs=1e-5)
