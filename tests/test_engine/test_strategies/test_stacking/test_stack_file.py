"""The one file of a stack: which folds go on from it, and what becomes of it."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS, RUNNERS

from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.strategies.stacking import trainer as group
from mmaction_mer.engine.strategies.stacking.stack_file import leave_stack, standings
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.evaluation.predictions import read_predictions
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import MERRunError

# The package's name of the same name is the function.
parallel = importlib.import_module('mmaction_mer.engine.strategies.parallel')
FOLDS = ('s1', 's2', 's3', 's4')
PREDICTIONS = 'predictions.jsonl'


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def train(cfg):
    return RUNNERS.build(cfg).train()


def jobs_of(cfg):
    runner = RUNNERS.build(cfg)
    return [FoldTask(runner.runs[0], fold) for fold in runner.plan.folds]


@pytest.fixture(autouse=True, scope='module')
def quick(nothing_drawn):
    """No test here looks at pictures."""


@pytest.fixture
def cut(monkeypatch):
    """Train, and die when a stack comes to an iteration."""

    def start(cfg, iteration):
        normal = StackedTrainer._losses

        def losses(self, number, *args):
            if number == iteration == self.iteration:
                raise Killed
            return normal(self, number, *args)

        with monkeypatch.context() as patched:
            patched.setattr(StackedTrainer, '_losses', losses)
            with pytest.raises(Killed):
                train(cfg)

    return start


def files(work_dir):
    return sorted(Path(work_dir, 'stacks').glob('*'))


def predictions(work_dir, folds=FOLDS):
    return {
        fold: Path(work_dir, 'folds', fold, PREDICTIONS).read_bytes() for fold in folds
    }


@pytest.fixture
def begun(stack_config, cut, tmp_path):
    """A run that was cut at its fifth iteration, saved at its fourth."""
    cut(stack_config(), 5)
    return tmp_path / 'run'


@pytest.fixture(scope='module')
def whole(uneven_data, tmp_path_factory):
    """What nothing happened to."""
    from settings import changed_config
    from stack_toy import CONFIG

    folder = tmp_path_factory.mktemp('whole')
    (folder / 'config.py').write_text(CONFIG.replace('{root}', str(uneven_data)))
    train(changed_config(folder / 'config.py', folder / 'run', {}))
    return predictions(folder / 'run')


def test_one_file_holds_all_folds_and_goes_when_they_are_done(
    begun, whole, stack_config, stacks
):
    (path,) = files(begun)
    assert not [*begun.rglob('last.pth')]
    content = read_checkpoint(path)
    assert content['meta']['iter'] == 4 and len(content['folds']) == 4
    train(stack_config(resume=True))
    assert stacks == [(4, [*FOLDS])]
    assert predictions(begun) == whole
    assert not (begun / 'stacks').exists()


def test_what_is_wrong_with_the_file_is_named(begun, whole, stack_config):
    (path,) = files(begun)
    content = path.read_bytes()
    for wrong in (b'cut', content[: len(content) // 2], {'meta': {}}, {'folds': 3}):
        if isinstance(wrong, bytes):
            path.write_bytes(wrong)
        else:
            torch.save(wrong, path)
        for strategy in ('stacked', 'sequential'):
            with pytest.raises(MERRunError, match=f'{path.name}: .*delete this file'):
                train(stack_config(resume=True, loso__strategy=strategy))
    path.unlink()
    train(stack_config(resume=True))
    assert predictions(begun) == whole


def test_a_fold_that_was_deleted_starts_again_alone(begun, stack_config, stacks):
    shutil.rmtree(begun / 'folds' / 's1')
    train(stack_config(resume=True))
    assert sorted(stacks) == [(0, ['s1']), (4, ['s2', 's3', 's4'])]
    assert not (begun / 'stacks').exists()


def test_a_run_that_was_deleted_starts_again(begun, whole, stack_config, stacks):
    shutil.rmtree(begun / 'folds')
    (begun / 'loso.json').unlink()
    # Whatever is in its stacks is of another time, or of another config.
    train(stack_config(train_cfg__max_iters=12))
    assert stacks == [(0, [*FOLDS])]
    assert not (begun / 'stacks').exists()


def test_of_another_config_it_is_not_used(begun, stack_config):
    """Each label holds the fingerprint: of the fold, not only of the directory."""
    cfg = stack_config(train_cfg__max_iters=12, resume=True)
    (begun / 'loso.json').unlink()
    for path in begun.glob('folds/*/fold.json'):
        state = json.loads(path.read_text())
        path.write_text(json.dumps({'attempt': state['attempt']}))
    assert {standing.iteration for standing in standings(jobs_of(cfg))} == {0}


@pytest.mark.parametrize('size', ['auto', 8])
def test_a_stack_stays_together_whatever_fits(
    size, begun, whole, stack_config, stacks, monkeypatch
):
    """Where a little less memory is free, and where more folds would fit."""
    monkeypatch.setattr(group, 'folds_that_fit', lambda *args: 3)
    train(stack_config(resume=True, loso__folds_per_group=size))
    assert stacks == [(4, [*FOLDS])]
    assert predictions(begun) == whole


def test_a_stack_that_no_longer_fits_is_cut(begun, stack_config, stacks, monkeypatch):
    monkeypatch.setattr(group, 'folds_that_fit', lambda *args: 1)
    train(stack_config(resume=True))
    assert [(at, len(jobs)) for at, jobs in stacks] == [(4, 1)] * 4
    assert not (begun / 'stacks').exists()


@pytest.mark.parametrize('done', [0, 2])
def test_later_stacks_are_as_large_as_before(
    done, stack_config, cut, stacks, tmp_path, monkeypatch
):
    """Memory held two folds; after a kill it would hold all of them."""
    monkeypatch.setattr(group, 'folds_that_fit', lambda *args: 2)
    train(stack_config('whole'))
    if done:  # killed between two stacks
        train(stack_config(loso__folds=['s1', 's2']))
    else:
        cut(stack_config(), 5)
    monkeypatch.setattr(group, 'folds_that_fit', lambda *args: 9)
    stacks.clear()
    train(stack_config(resume=True))
    assert [jobs for _, jobs in stacks] == [['s1', 's2'], ['s3', 's4']][done // 2 :]
    assert predictions(tmp_path / 'run') == predictions(tmp_path / 'whole')


@pytest.mark.parametrize('strategy', ['sequential', 'parallel'])
def test_another_strategy_goes_on_from_the_stack(strategy, begun, stack_config):
    if strategy == 'parallel':
        # What its processes do, in this one.
        for job in jobs_of(stack_config(resume=True)):
            assert parallel._train(job, 0) is None
    train(stack_config(resume=True, loso__strategy=strategy))
    for fold in FOLDS:
        logs = [path.read_text() for path in (begun / 'folds' / fold).glob('*.log')]
        assert 'resumed epoch: 0, iter: 4' in ''.join(logs)
    assert not [*begun.rglob('*.pth.*'), *begun.rglob('last.pth')]
    assert not (begun / 'stacks').exists()


def test_a_fold_that_went_on_alone_is_not_set_back(
    begun, whole, stack_config, stacks, monkeypatch
):
    """Stacked to 4, s1 alone to 8, then all stacked again."""
    from mmaction_mer.engine.hooks.model_stream import ModelStreamHook

    normal = ModelStreamHook.before_train_iter

    def dies(self, runner, batch_idx, data_batch=None):
        if runner.iter == 9:
            raise Killed
        normal(self, runner, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(ModelStreamHook, 'before_train_iter', dies)
        with pytest.raises(Killed):
            train(stack_config(resume=True, loso__strategy='sequential'))
    train(stack_config(resume=True))
    assert sorted(stacks) == [(4, ['s2', 's3', 's4']), (8, ['s1'])]
    assert not (begun / 'stacks').exists()


def shared_backbone(stack_config, tmp_path):
    weights = tmp_path / 'vit.pth'
    vit = MODELS.build(stack_config().model).backbone.vit
    torch.save(vit.state_dict(), weights)
    init = dict(type='Pretrained', checkpoint=str(weights))
    return dict(model__backbone__vit__init_cfg=init)


def test_several_seeds_are_one_file_and_any_of_them_goes_on_alone(
    stack_config, cut, stacks, tmp_path
):
    changes = shared_backbone(stack_config, tmp_path)
    both = dict(loso__seeds=[0, 5], **changes)
    cut(stack_config('both', **both), 5)
    (path,) = files(tmp_path / 'both')
    assert len(read_checkpoint(path)['folds']) == 8
    stacks.clear()
    # One seed as the ordinary run that it is.
    alone = dict(randomness__seed=5, resume=True, **changes)
    train(stack_config('both/seed5', **alone))
    assert stacks == [(4, [*FOLDS])]
    # The other seed still needs the file.
    assert files(tmp_path / 'both') == [path]
    train(stack_config('both', resume=True, **both))
    assert stacks[1:] == [(4, [f'{fold} (seed 0)' for fold in FOLDS])]
    assert not (tmp_path / 'both' / 'stacks').exists()
    train(stack_config('whole', **both))
    for seed in ('seed0', 'seed5'):
        for fold in FOLDS:
            one, other = (
                read_predictions(tmp_path / run / seed / 'folds' / fold / PREDICTIONS)
                for run in ('whole', 'both')
            )
            for a, b in zip(one, other, strict=True):
                probabilities = b.pop('probabilities')
                assert a.pop('probabilities') == pytest.approx(probabilities, abs=1e-5)
                assert a == b


def test_shares_do_not_touch_each_others_files(stack_config, cut, stacks, tmp_path):
    cut(stack_config(loso__share=[0, 2]), 5)
    cut(stack_config(loso__share=[1, 2]), 7)
    assert len(files(tmp_path / 'run')) == 2
    stacks.clear()
    train(stack_config(loso__share=[0, 2], resume=True))
    assert stacks == [(4, ['s1', 's3'])]
    assert len(files(tmp_path / 'run')) == 1
    train(stack_config(resume=True))
    assert stacks[1:] == [(6, ['s2', 's4'])]
    assert not (tmp_path / 'run' / 'stacks').exists()


@pytest.mark.parametrize('iteration', [99, -3, 3.7, 10**12, '4'])
@pytest.mark.parametrize('alone', [False, True])
def test_a_state_of_no_iteration_of_this_config_is_named(
    iteration, alone, stack_config, cut, tmp_path
):
    cfg = stack_config(loso__folds=['s1', 's2'])
    cut(cfg, 5)
    if alone:
        for job in jobs_of(cfg):
            leave_stack(job)
        (path,) = files(tmp_path / 'run')
        path.unlink()
        paths = sorted((tmp_path / 'run').glob('folds/*/last.pth'))
    else:
        paths = files(tmp_path / 'run')
    for path in paths:
        state = read_checkpoint(path)
        state['meta']['iter'] = iteration
        torch.save(state, path)
    with pytest.raises(MERRunError, match=r'\.pth: is .*delete this file; with'):
        train(stack_config(loso__folds=['s1', 's2'], resume=True))


def test_the_best_iteration_survives_a_cut(stack_config, cut, tmp_path):
    changes = dict(loso__select='inner', train_cfg__val_interval=3)
    train(stack_config('whole', **changes))
    cut(stack_config(**changes), 7)
    train(stack_config(resume=True, **changes))
    assert predictions(tmp_path / 'run') == predictions(tmp_path / 'whole')
    for fold in FOLDS:
        one, other = (
            json.loads((tmp_path / run / 'folds' / fold / 'fold.json').read_text())
            for run in ('run', 'whole')
        )
        for key in ('iteration', 'chosen_by_uf1'):
            assert one[key] == other[key]
