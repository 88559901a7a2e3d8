"""A fold that diverges: the same report and the same other folds in all strategies."""

import json

import pytest
import torch
from load_tool import load_tool
from mmaction.registry import MODELS
from settings import train
from stack_runs import FOLDS, assert_same_predictions, fold_state
from torch import nn
from torch.nn import functional
from workers import InProcessWorker, parallel

from mmaction_mer.analysis.run_report import write_page
from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.utils.errors import FoldsFailed

STRATEGIES = ('sequential', 'stacked', 'parallel')


@MODELS.register_module()
class Cusp(nn.Module):
    """Cross-entropy whose gradient, not its value, is NaN once class 2 is met."""

    def forward(self, scores, labels):
        met = (labels == 2).any().float()
        zero_or_one = scores.sum() * 0 + 1 - met
        return functional.cross_entropy(scores, labels) + zero_or_one.sqrt()


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(parallel, 'Worker', InProcessWorker)


def spoil(monkeypatch, name, iteration, seed=None):
    """Set the weights of one fold to NaN when it comes to an iteration, from 0."""
    alone = ModelStreamHook.before_train_iter
    stacked = StackedTrainer.compute_losses

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        alone(self, runner, batch_idx)
        mine = runner.experiment_name.startswith(name) and seed in (None, runner.seed)
        if mine and runner.iter == iteration:
            for one in runner.model.parameters():
                if one.requires_grad:
                    one.data.fill_(float('nan'))

    def compute_losses(self, number, *args):
        for place, task in enumerate(self.tasks):
            mine = task.fold.name == name and seed in (None, task.run.plan.seed)
            if mine and self.iteration == number == iteration:
                for one in self.stack.parameters.values():
                    one.data[place] = float('nan')
        return stacked(self, number, *args)

    monkeypatch.setattr(ModelStreamHook, 'before_train_iter', before_train_iter)
    monkeypatch.setattr(StackedTrainer, 'compute_losses', compute_losses)


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_a_diverging_fold_costs_no_other_and_starts_again(
    strategy, sequential_run, stack_config, tmp_path, monkeypatch, capsys
):
    run = tmp_path / 'run'
    with monkeypatch.context() as patched:
        spoil(patched, 's2', 5)
        with pytest.raises(FoldsFailed, match=r'1 of 4 .*s2: diverged at iteration 6'):
            train(stack_config(loso__strategy=strategy))
    out, err = capsys.readouterr()
    assert 'average_clips' not in out + err
    assert 's2 (1 clip): diverged at iteration 6' in out
    state = fold_state(run, 's2')
    assert (state['status'], state['iteration']) == ('diverged', 6)
    for name in ('last.pth', 'last_checkpoint', 'model.pth', 'predictions.jsonl'):
        assert not (run / 'folds' / 's2' / name).exists()
    assert_same_predictions(sequential_run, run, ('s1', 's3', 's4'))
    results = json.loads((run / 'results.json').read_text())
    assert results['clips'] == 10
    assert results['extra']['folds'] == {'done': ['s1', 's3', 's4'], 'of': 4}
    assert results['missing'] == [
        {'fold': 's2', 'clips': 1, 'reason': 'diverged at iteration 6'}
    ]
    if strategy == 'stacked':
        page = write_page(run, stack_config()).read_text()
        assert 's2 (1 clip): diverged at iteration 6' in page
    # The cause is removed: the fold has the numbers of one that never diverged.
    again = train(stack_config(loso__strategy=strategy, resume=True))
    assert 'missing' not in again
    scores = json.loads((sequential_run / 'results.json').read_text())['scores']
    assert again['scores'] == scores
    assert_same_predictions(sequential_run, run)


def test_the_training_state_of_a_diverged_fold_is_not_resumed(
    stack_config, tmp_path, monkeypatch
):
    last = tmp_path / 'run' / 'folds' / 's2' / 'last.pth'
    with monkeypatch.context() as patched:
        spoil(patched, 's2', 5)
        with pytest.raises(FoldsFailed):
            train(stack_config(loso__strategy='sequential', loso__folds=['s2']))
    # As if it had been killed between the two files.
    last.write_bytes(b'not to be read')
    train(stack_config(loso__strategy='sequential', loso__folds=['s2'], resume=True))
    assert fold_state(tmp_path / 'run', 's2')['status'] == 'done'


KINDS = {
    'loss': dict(type='CrossEntropyLoss', class_weight=[1.0, 1.0, 1e39]),
    'gradient': dict(type='Cusp'),
    'refused gradient': dict(type='Cusp'),
}


@pytest.mark.parametrize('kind', KINDS)
def test_all_strategies_name_the_same_iteration(
    kind, stack_config, tmp_path, step_losses
):
    names = FOLDS[:2]
    changes = dict(model__cls_head__loss_cls=KINDS[kind], loso__folds=names)
    if kind == 'refused gradient':
        clip = dict(max_norm=1.0, error_if_nonfinite=True)
        changes['optim_wrapper__clip_grad'] = clip
    found = {}
    for strategy in ('sequential', 'stacked'):
        with pytest.raises(FoldsFailed, match='2 of 2 folds'):
            train(stack_config(strategy, loso__strategy=strategy, **changes))
        assert not (tmp_path / strategy / 'results.json').exists()
        states = [fold_state(tmp_path / strategy, name) for name in names]
        assert {state['status'] for state in states} == {'diverged'}
        found[strategy] = [state['iteration'] for state in states]
    assert found['sequential'] == found['stacked']
    # Every loss before it is in the log, and finite.
    for name, iteration in zip(names, found['stacked'], strict=True):
        losses = step_losses(tmp_path / 'stacked' / 'folds' / name)
        finite = [torch.tensor(losses[step]).isfinite() for step in range(1, iteration)]
        assert all(finite)


@pytest.mark.parametrize('strategy', STRATEGIES[:2])
def test_weights_that_the_last_step_spoils(strategy, stack_config, tmp_path):
    changes = dict(model__cls_head__loss_cls=dict(type='Cusp'))
    changes |= dict(loso__folds=['s1'], loso__strategy=strategy)
    with pytest.raises(FoldsFailed):
        train(stack_config('run', **changes))
    # The loss of the step that spoiled them was finite.
    last = fold_state(tmp_path / 'run', 's1')['iteration'] - 1
    assert last > 0
    with pytest.raises(FoldsFailed, match=f's1: diverged at iteration {last}'):
        train(stack_config('short', train_cfg__max_iters=last, **changes))


@pytest.mark.parametrize('strategy', STRATEGIES[:2])
def test_scores_that_are_not_finite(strategy, stack_config, tmp_path):
    # The weights are: a single step leaves them at some 1e29.
    changes = dict(optim_wrapper__optimizer__lr=1e30, train_cfg__max_iters=1)
    with pytest.raises(FoldsFailed, match='s1, s2: diverged at iteration 1'):
        train(stack_config(
            loso__strategy=strategy, loso__folds=['s1', 's2'], **changes
        ))  # fmt: skip


@pytest.mark.parametrize('select', ['inner', 'test'])
def test_a_fold_that_diverges_before_its_validation(select, stack_config, tmp_path):
    changes = dict(
        optim_wrapper__optimizer__lr=1e30, train_cfg__val_interval=1,
        loso__select=select, loso__folds=['s1', 's3'],
    )  # fmt: skip
    found = []
    for strategy in STRATEGIES:
        with pytest.raises(FoldsFailed, match='2 of 2 folds'):
            train(stack_config(strategy, loso__strategy=strategy, **changes))
        states = [fold_state(tmp_path / strategy, name) for name in ('s1', 's3')]
        found.append([(state['status'], state['iteration']) for state in states])
    assert found[0] == found[1] == found[2]
    assert found[0][0][0] == 'diverged'


@pytest.mark.parametrize('strategy', STRATEGIES[:2])
def test_a_learning_rate_that_is_too_high_is_an_error_message(
    strategy, stack_file, tmp_path, capsys
):
    run = tmp_path / 'run'
    command = [str(stack_file), '--work-dir', str(run), '--strategy', strategy]
    options = ['--cfg-options', 'optim_wrapper.optimizer.lr=1e30']
    for more in ([], ['--resume']):
        assert load_tool('train.py').main([*command, *more, *options]) == 1
        err = capsys.readouterr().err
        assert 'Traceback' not in err and 'average_clips' not in err
        assert err.splitlines()[-1].startswith(f'error: {run}: 4 of 4 folds are not')
        assert not (run / 'results.json').exists()
        assert not [*run.rglob('*.pth')]


def test_a_seed_that_lacks_a_fold(stack_config, tmp_path, monkeypatch, capsys):
    spoil(monkeypatch, 's2', 3, seed=5)
    with pytest.raises(FoldsFailed, match=r'1 of 8 .*s2 \(seed 5\): diverged'):
        train(stack_config(loso__seeds=[3, 5]))
    run = tmp_path / 'run'
    found = {
        name: json.loads((run / name / 'results.json').read_text())
        for name in ('', 'seed3', 'seed5')
    }
    assert found['seed3']['clips'] == 11 and 'missing' not in found['seed3']
    assert found['seed5']['clips'] == found['']['clips'] == 10
    [missing] = found['']['missing']
    assert (missing['fold'], missing['seed']) == ('s2', 5)
    assert [row['seed'] for row in found['']['per_seed']] == [3, 5]
    assert 's2 (1 clip, seed 5): diverged at iteration 4' in capsys.readouterr().out


def test_the_page_lists_what_is_missing(stack_config, tmp_path, monkeypatch):
    spoil(monkeypatch, 's2', 3)
    with pytest.raises(FoldsFailed):
        train(stack_config(run_hooks=[dict(type='RunReportHook')]))
    page = (tmp_path / 'run' / 'report.html').read_text()
    assert 's2 (1 clip): diverged at iteration 4' in page


def test_a_stack_whose_folds_have_all_diverged_stops(stack_config, monkeypatch):
    steps, normal = [], StackedTrainer.compute_losses

    def count(self, number, *args):
        steps.append(number)
        return normal(self, number, *args)

    monkeypatch.setattr(StackedTrainer, 'compute_losses', count)
    changes = dict(optim_wrapper__optimizer__lr=1e30, train_cfg__max_iters=1000)
    with pytest.raises(FoldsFailed):
        train(stack_config(**changes))
    assert len(steps) < 100
