"""Kills of runs in this process, and comparisons of stacked with sequential runs."""

import json

import pytest
import torch

from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.evaluation.predictions import read_predictions

FOLDS = ('s1', 's2', 's3', 's4')
#: Iterations of the small MPT.
STEPS = 8


class Killed(BaseException):
    """Stands for a kill: no code catches it."""


def kill_stack_at(monkeypatch, iteration):
    """Kill a stack when it comes to an iteration, from 0."""
    normal = StackedTrainer.compute_losses

    def compute_losses(self, number, *args):
        if number == iteration == self.iteration:
            raise Killed
        return normal(self, number, *args)

    monkeypatch.setattr(StackedTrainer, 'compute_losses', compute_losses)


def kill_sequential_at(monkeypatch, iteration):
    """Kill a fold that trains alone when it comes to an iteration, from 0."""
    normal = ModelStreamHook.before_train_iter

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == iteration:
            raise Killed
        normal(self, runner, batch_idx)

    monkeypatch.setattr(ModelStreamHook, 'before_train_iter', before_train_iter)


def fold_state(work_dir, fold):
    """Read ``fold.json``."""
    return json.loads((work_dir / 'folds' / fold / 'fold.json').read_text())


def assert_same_run(one, other, step_losses, folds=FOLDS, steps=STEPS):
    """Compare every loss and every prediction of two runs."""
    for fold in folds:
        a, b = (step_losses(run / 'folds' / fold) for run in (one, other))
        assert sorted(a) == sorted(b) == list(range(1, steps + 1))
        torch.testing.assert_close(
            torch.tensor([a[step] for step in sorted(a)]),
            torch.tensor([b[step] for step in sorted(b)]),
            rtol=0,
            atol=1e-5,
        )
    assert_same_predictions(one, other, folds)


def assert_same_predictions(one, other, folds=FOLDS, part='folds'):
    """Compare the predictions of two runs; ``part`` is the folder of the other's."""
    for fold in folds:
        pairs = zip(
            read_predictions(one / 'folds' / fold / 'predictions.jsonl'),
            read_predictions(other / part / fold / 'predictions.jsonl'),
            strict=True,
        )
        for a, b in pairs:
            for key in ('dataset', 'subject', 'clip', 'label', 'prediction'):
                assert a[key] == b[key]
            assert a['probabilities'] == pytest.approx(b['probabilities'], abs=1e-5)


def assert_identical_predictions(one, other, folds=FOLDS):
    """Compare the predictions of two runs byte by byte."""
    for fold in folds:
        a, b = (run / 'folds' / fold / 'predictions.jsonl' for run in (one, other))
        assert a.read_bytes() == b.read_bytes()
