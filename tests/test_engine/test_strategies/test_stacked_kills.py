"""A stacked run that is killed and resumed twenty times equals a run that was not."""

import json

import pytest
from killing import lost_seconds, run_kills
from stack_runs import assert_identical_predictions

FOLDS = ('s1', 's2', 's4')
ITERATIONS = 130

KILLED = """
import random, sys
import cv2
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from killing import killed

cv2.setNumThreads(1)
torch.set_num_threads(1)
draw = StackedTrainer.draw

def train(work_dir, step):
    def reported(self, iteration):
        if iteration == self.iteration:
            step(iteration)
        return draw(self, iteration)

    StackedTrainer.draw = reported
    cfg = Config.fromfile(sys.argv[1])
    cfg.merge_from_dict({
        'work_dir': work_dir, 'resume': True, 'train_cfg.max_iters': ITERATIONS,
        'loso.folds': FOLDS, 'default_hooks.checkpoint.interval': 1000,
        'default_hooks.checkpoint.share': 0.05,
    })
    RUNNERS.build(cfg).train()

chance = random.Random(1)
sessions = [('wrote loso.json', 1), ('wrote fold.json', 3)]
sessions += [('step', chance.randint(1, 16)) for _ in range(9)]
sessions += [('write state', 1), ('write state', 2), ('wrote state', 1)]
sessions += [('wrote state', 2)]
chance.shuffle(sessions)
# All folds are trained, and are now scored one after another.
sessions += [('write model.pth', 1), ('write predictions.jsonl', 1)]
sessions += [('wrote predictions.jsonl', 1), ('wrote fold.json', 4)]
sessions += [('wrote model.pth', 2)]
assert len(sessions) == 20
killed(train, sys.argv[2], sessions)
"""


@pytest.mark.slow
def test_killed_twenty_times_and_resumed(stack_file, tmp_path):
    script = f'FOLDS = {list(FOLDS)}\nITERATIONS = {ITERATIONS}\n{KILLED}'
    kills = run_kills(script, stack_file, tmp_path, timeout=400)
    assert len(kills) == 20
    lost = lost_seconds(kills)
    # Saved by time alone: there are fewer iterations than its interval.
    assert max(lost) <= 60, lost
    assert kills[-1].first is None and kills[-2].first is None
    one, other = (
        json.loads((tmp_path / run / 'results.json').read_text())
        for run in ('whole', 'run')
    )
    del one['extra'], other['extra']
    assert one == other
    # To the last bit: the folds stayed in one stack.
    assert_identical_predictions(tmp_path / 'whole', tmp_path / 'run', FOLDS)
    for fold in FOLDS:
        one, other = (
            losses(tmp_path / run / 'folds' / fold) for run in ('whole', 'run')
        )
        assert one == other and len(one) == ITERATIONS
    # No session has left anything behind.
    assert not [path for path in (tmp_path / 'run').rglob('.*.*')]
    assert not (tmp_path / 'run' / 'stacks').exists()


def losses(fold):
    """Loss of every step; if it was taken twice, the last."""
    lines = (fold / 'vis_data' / 'scalars.json').read_text().splitlines()
    return {(row := json.loads(line))['step']: row['loss'] for line in lines}
