"""Twenty kills of one stacked run, each resumed, end in what a quiet run ends in."""

import json

import pytest
from killing import run_script

FOLDS = ('s1', 's2', 's3', 's4')

# All sittings together take fewer steps of the stack than the run has, so that every
# kill falls into it.
KILLED = """
import random, sys
import cv2
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.engine import loso_runner
from mmaction_mer.engine.stacking import Group, group
from killing import killed

KILLS, ITERATIONS = 20, 260
loso_runner.draw_clip = loso_runner.write_page = lambda *args: None
cv2.setNumThreads(1)
torch.set_num_threads(1)
group.SAVING = 1e9
losses = Group._losses

def train(work_dir, tell):
    def loud(self, *args):
        tell()
        return losses(self, *args)

    Group._losses = loud
    cfg = Config.fromfile(sys.argv[1])
    cfg.merge_from_dict({
        'work_dir': work_dir, 'resume': True, 'train_cfg.max_iters': ITERATIONS,
    })
    RUNNERS.build(cfg).train()

draw = random.Random(1)
sittings = [draw.randint(1, 24) for _ in range(KILLS)]
assert sum(sittings) + KILLS < ITERATIONS
killed(train, sys.argv[2], sittings, draw, 0.0025)
"""


@pytest.mark.slow
def test_killed_twenty_times_and_resumed(stack_file, tmp_path):
    told = run_script(KILLED, stack_file, tmp_path, timeout=200)
    assert len(told) == 20
    # The last sitting resumed what the others left.
    assert told[-1][2:] == ['last.pth'] * len(FOLDS)
    # Nothing of any sitting is left over.
    assert not [path for path in (tmp_path / 'run').rglob('.*.*')]
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
