"""Twenty kills of one stacked run, each resumed, end in what a quiet run ends in."""

import json

import pytest
from killing import lost_seconds, run_kills

FOLDS = ('s1', 's2', 's3', 's4')

KILLED = """
import random, sys
import cv2
import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from killing import killed

ITERATIONS = 130
cv2.setNumThreads(1)
torch.set_num_threads(1)
draw_numbers = StackedTrainer._draw

def train(work_dir, step):
    def loud(self, iteration):
        if iteration == self.iteration:
            step(iteration)
        return draw_numbers(self, iteration)

    StackedTrainer._draw = loud
    cfg = Config.fromfile(sys.argv[1])
    cfg.merge_from_dict({
        'work_dir': work_dir, 'resume': True, 'train_cfg.max_iters': ITERATIONS,
        'default_hooks.checkpoint.interval': 1000,
        'default_hooks.checkpoint.share': 0.05,
    })
    RUNNERS.build(cfg).train()

draw = random.Random(1)
sittings = [('wrote loso.json', 1), ('wrote fold.json', 3)]
sittings += [('step', draw.randint(1, 16)) for _ in range(9)]
sittings += [('write state', 1), ('write state', 2), ('wrote state', 1)]
sittings += [('wrote state', 2)]
draw.shuffle(sittings)
# All folds are trained, and scored one after the other.
sittings += [('write model.pth', 1), ('write predictions.jsonl', 1)]
sittings += [('wrote predictions.jsonl', 1), ('wrote fold.json', 5)]
sittings += [('wrote model.pth', 2)]
assert len(sittings) == 20
killed(train, sys.argv[2], sittings)
"""


@pytest.mark.slow
def test_killed_twenty_times_and_resumed(stack_file, tmp_path):
    kills = run_kills(KILLED, stack_file, tmp_path, timeout=400)
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
    for fold in FOLDS:
        whole, run = (tmp_path / run / 'folds' / fold for run in ('whole', 'run'))
        # To the last bit: the folds stayed in one stack.
        name = 'predictions.jsonl'
        assert (whole / name).read_bytes() == (run / name).read_bytes()
        assert losses(whole) == losses(run)
        assert len(losses(run)) == 130
    # Nothing of any sitting is left over.
    assert not [path for path in (tmp_path / 'run').rglob('.*.*')]
    assert not (tmp_path / 'run' / 'stacks').exists()


def losses(fold):
    """Loss of every step; of one that was taken twice the last."""
    lines = (fold / 'vis_data' / 'scalars.json').read_text().splitlines()
    return {(row := json.loads(line))['step']: row['loss'] for line in lines}
