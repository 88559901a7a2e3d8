"""A fold that diverges: the same report and the same rest, however trained."""

import importlib
import json

import pytest
import torch
from load_tool import load_tool
from mmaction.registry import MODELS, RUNNERS
from settings import one_thread
from torch import nn
from torch.nn import functional

from mmaction_mer.analysis import run_report as result_page
from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from mmaction_mer.engine.runners import loso_runner
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.engine.strategies.worker import Done, Worker
from mmaction_mer.evaluation.predictions import read_predictions
from mmaction_mer.utils.errors import FoldsFailed

# The package has a function of that name.
parallel = importlib.import_module('mmaction_mer.engine.strategies.parallel')

FOLDS = ('s1', 's2', 's3', 's4')
STRATEGIES = ('sequential', 'stacked', 'parallel')


@MODELS.register_module()
class Cusp(nn.Module):
    """Cross-entropy whose gradient, not its value, is NaN once class 2 is met."""

    def forward(self, scores, labels):
        met = (labels == 2).any().float()
        zero_or_one = scores.sum() * 0 + 1 - met
        return functional.cross_entropy(scores, labels) + zero_or_one.sqrt()


class HereAndNow(Worker):
    """A worker without a process of its own."""

    def submit(self, job):
        self.job = job
        self.outcome = parallel._train(job, self.number) or Done()

    def look(self):
        return self.outcome


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(parallel, 'Worker', HereAndNow)
    with one_thread():
        yield


def train(cfg):
    return RUNNERS.build(cfg).train()


def state(fold):
    return json.loads((fold / 'fold.json').read_text())


def chances(fold):
    lines = read_predictions(fold / 'predictions.jsonl')
    return torch.tensor([line['probabilities'] for line in lines])


def assert_same(one, other, folds):
    for fold in folds:
        torch.testing.assert_close(
            chances(one / 'folds' / fold), chances(other / 'folds' / fold),
            rtol=0, atol=1e-5,
        )  # fmt: skip


def spoil(monkeypatch, name, iteration, seed=None):
    """Let the weights of one fold be NaN when it comes to an iteration, from 0."""
    alone, stacked = ModelStreamHook.before_train_iter, StackedTrainer._losses

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        alone(self, runner, batch_idx)
        mine = runner.experiment_name.startswith(name) and seed in (None, runner.seed)
        if mine and runner.iter == iteration:
            for one in runner.model.parameters():
                if one.requires_grad:
                    one.data.fill_(float('nan'))

    def losses(self, number, *args):
        for place, job in enumerate(self.jobs):
            mine = job.fold.name == name and seed in (None, job.run.plan.seed)
            if mine and self.iteration == number == iteration:
                for one in self.stack.parameters.values():
                    one.data[place] = float('nan')
        return stacked(self, number, *args)

    monkeypatch.setattr(ModelStreamHook, 'before_train_iter', before_train_iter)
    monkeypatch.setattr(StackedTrainer, '_losses', losses)


@pytest.fixture(scope='module')
def whole(uneven_data, tmp_path_factory):
    """The sequential run that nothing happened to: its folder and its scores."""
    from settings import changed_config
    from stack_toy import CONFIG

    folder = tmp_path_factory.mktemp('whole')
    path = folder / 'stack_config.py'
    path.write_text(CONFIG.replace('{root}', str(uneven_data)))
    changes = dict(loso__strategy='sequential')
    with one_thread():
        scores = train(changed_config(path, folder / 'run', changes))['scores']
    return folder / 'run', scores


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_a_diverging_fold_costs_no_other_and_starts_again(
    strategy, whole, stack_config, tmp_path, monkeypatch, capsys
):
    run = tmp_path / 'run'
    with monkeypatch.context() as patched:
        spoil(patched, 's2', 5)
        with pytest.raises(FoldsFailed, match=r'1 of 4 .*s2: diverged at iteration 6'):
            train(stack_config(loso__strategy=strategy))
    said = capsys.readouterr()
    assert 'average_clips' not in said.out + said.err
    assert 's2 (1 clip): diverged at iteration 6' in said.out
    assert (state(run / 'folds' / 's2')['status'],
            state(run / 'folds' / 's2')['iteration']) == ('diverged', 6)  # fmt: skip
    for name in ('last.pth', 'last_checkpoint', 'model.pth', 'predictions.jsonl'):
        assert not (run / 'folds' / 's2' / name).exists()
    assert_same(whole[0], run, ('s1', 's3', 's4'))
    results = json.loads((run / 'results.json').read_text())
    assert results['clips'] == 10
    assert results['extra']['folds'] == {'done': ['s1', 's3', 's4'], 'of': 4}
    assert results['missing'] == [
        {'fold': 's2', 'clips': 1, 'reason': 'diverged at iteration 6'}
    ]
    # Whatever made it diverge is gone: the numbers are those of a fold that began anew.
    again = train(stack_config(loso__strategy=strategy, resume=True))
    assert 'missing' not in again
    assert again['scores'] == whole[1]
    assert_same(whole[0], run, FOLDS)


def test_a_training_state_from_before_is_not_gone_on_with(
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
    assert state(last.parent)['status'] == 'done'


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
        folders = [tmp_path / strategy / 'folds' / name for name in names]
        assert not (tmp_path / strategy / 'results.json').exists()
        assert {state(folder)['status'] for folder in folders} == {'diverged'}
        found[strategy] = [state(folder)['iteration'] for folder in folders]
    assert found['sequential'] == found['stacked']
    # Every loss before it was finite, and they are those of the log.
    for folder, iteration in zip(folders, found['stacked'], strict=True):
        losses = step_losses(folder)
        finite = [torch.tensor(losses[step]).isfinite() for step in range(1, iteration)]
        assert all(finite)


@pytest.mark.parametrize('strategy', STRATEGIES[:2])
def test_weights_that_the_last_step_spoils(strategy, stack_config, tmp_path):
    changes = dict(model__cls_head__loss_cls=dict(type='Cusp'))
    changes |= dict(loso__folds=['s1'], loso__strategy=strategy)
    with pytest.raises(FoldsFailed):
        train(stack_config('run', **changes))
    # The loss of the step that spoiled them was finite.
    last = state(tmp_path / 'run' / 'folds' / 's1')['iteration'] - 1
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
        folders = [tmp_path / strategy / 'folds' / name for name in ('s1', 's3')]
        found.append([
            (state(folder)['status'], state(folder)['iteration']) for folder in folders
        ])  # fmt: skip
    assert found[0] == found[1] == found[2]
    assert found[0][0][0] == 'diverged'


@pytest.mark.parametrize('strategy', STRATEGIES[:2])
def test_a_learning_rate_far_too_high_ends_in_a_sentence(
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


def test_the_page_says_what_is_missing(stack_config, tmp_path, monkeypatch):
    spoil(monkeypatch, 's2', 3)
    monkeypatch.setattr(loso_runner, 'write_page', result_page.write_page)
    with pytest.raises(FoldsFailed):
        train(stack_config())
    page = (tmp_path / 'run' / 'report.html').read_text()
    assert 's2 (1 clip): diverged at iteration 4' in page


def test_a_group_that_diverged_as_a_whole_stops(stack_config, monkeypatch):
    steps, normal = [], StackedTrainer._losses

    def count(self, number, *args):
        steps.append(number)
        return normal(self, number, *args)

    monkeypatch.setattr(StackedTrainer, '_losses', count)
    changes = dict(optim_wrapper__optimizer__lr=1e30, train_cfg__max_iters=1000)
    with pytest.raises(FoldsFailed):
        train(stack_config(**changes))
    assert len(steps) < 100
