"""The file of a stack: which folds are resumed from it, and when it is removed."""

import json
import shutil

import pytest
import torch
from mmaction.registry import RUNNERS
from settings import train
from stack_runs import (
    FOLDS,
    Killed,
    assert_identical_predictions,
    assert_same_predictions,
    kill_sequential_at,
    kill_stack_at,
)
from workers import parallel

from mmaction_mer.engine.runners.tasks import FoldTask
from mmaction_mer.engine.strategies.stacking import trainer
from mmaction_mer.engine.strategies.stacking.stack_file import (
    STACK_REMEDY,
    export_state,
    find_states,
)
from mmaction_mer.engine.work_dir.fold_folder import REMEDY
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import MERRunError


def tasks_of(cfg):
    runner = RUNNERS.build(cfg)
    return [FoldTask(runner.runs[0], fold) for fold in runner.plan.folds]


@pytest.fixture
def kill(monkeypatch):
    """Train, and kill the stack when it comes to an iteration."""

    def start(cfg, iteration):
        with monkeypatch.context() as patched:
            kill_stack_at(patched, iteration)
            with pytest.raises(Killed):
                train(cfg)

    return start


def files(work_dir):
    return sorted((work_dir / 'stacks').glob('*'))


def test_one_file_holds_all_folds_and_is_removed_when_they_are_done(
    killed_run, stacked_run, stack_config, stacks
):
    [path] = files(killed_run)
    assert not [*killed_run.rglob('last.pth')]
    content = read_checkpoint(path)
    assert content['meta']['iter'] == 4 and len(content['folds']) == 4
    train(stack_config(resume=True))
    assert stacks == [(4, [*FOLDS])]
    assert_identical_predictions(killed_run, stacked_run)
    assert not (killed_run / 'stacks').exists()


def test_a_damaged_file_is_named(killed_run, stacked_run, stack_config):
    [path] = files(killed_run)
    content = path.read_bytes()
    for damaged in (b'cut', content[: len(content) // 2], {'meta': {}}, {'folds': 3}):
        if isinstance(damaged, bytes):
            path.write_bytes(damaged)
        else:
            torch.save(damaged, path)
        for strategy in ('stacked', 'sequential'):
            with pytest.raises(MERRunError, match=f'{path.name}: .*{STACK_REMEDY}'):
                train(stack_config(resume=True, loso__strategy=strategy))
    path.unlink()
    train(stack_config(resume=True))
    assert_identical_predictions(killed_run, stacked_run)


def test_a_run_that_was_deleted_starts_again(killed_run, stack_config, stacks):
    shutil.rmtree(killed_run / 'folds')
    (killed_run / 'loso.json').unlink()
    # Its stacks belong to an earlier attempt, or to another config.
    train(stack_config(train_cfg__max_iters=9))
    assert stacks == [(0, [*FOLDS])]
    assert not (killed_run / 'stacks').exists()


def test_the_state_of_another_config_is_not_used(killed_run, stack_config):
    """Each label has the fingerprint: of the fold, not only of the directory."""
    cfg = stack_config(train_cfg__max_iters=12, resume=True)
    (killed_run / 'loso.json').unlink()
    for path in killed_run.glob('folds/*/fold.json'):
        attempt = json.loads(path.read_text())['attempt']
        path.write_text(json.dumps({'attempt': attempt}))
    assert {state.iteration for state in find_states(tasks_of(cfg))} == {0}


@pytest.mark.parametrize('size', ['auto', 8])
def test_a_stack_stays_together_whatever_fits(
    size, killed_run, stacked_run, stack_config, stacks, monkeypatch
):
    """If a little less memory is free, and if more folds would fit."""
    monkeypatch.setattr(trainer, 'folds_that_fit', lambda *args: 3)
    train(stack_config(resume=True, loso__folds_per_group=size))
    assert stacks == [(4, [*FOLDS])]
    assert_identical_predictions(killed_run, stacked_run)


def test_a_stack_that_no_longer_fits_is_divided(
    killed_run, stack_config, stacks, monkeypatch
):
    monkeypatch.setattr(trainer, 'folds_that_fit', lambda *args: 1)
    train(stack_config(resume=True))
    assert [(at, len(tasks)) for at, tasks in stacks] == [(4, 1)] * 4
    assert not (killed_run / 'stacks').exists()


def test_later_stacks_are_as_large_as_before(
    stack_config, kill, stacks, tmp_path, monkeypatch
):
    """Two folds fitted in memory; after a kill all of them would."""
    whole, run = tmp_path / 'whole', tmp_path / 'run'
    monkeypatch.setattr(trainer, 'folds_that_fit', lambda *args: 2)
    train(stack_config('whole'))
    # Killed between two stacks: the folds of the second have not begun.
    shutil.copytree(whole, run)
    for fold in FOLDS[2:]:
        shutil.rmtree(run / 'folds' / fold)
    (run / 'results.json').unlink()
    kill(stack_config('first'), 5)
    monkeypatch.setattr(trainer, 'folds_that_fit', lambda *args: 9)
    stacks.clear()
    train(stack_config(resume=True))
    assert stacks == [(0, ['s3', 's4'])]
    train(stack_config('first', resume=True))
    assert stacks[1:] == [(4, ['s1', 's2']), (0, ['s3', 's4'])]
    for path in (run, tmp_path / 'first'):
        assert_identical_predictions(whole, path)


@pytest.mark.parametrize('strategy', ['sequential', 'parallel'])
def test_another_strategy_resumes_the_folds_of_a_stack(
    strategy, killed_run, sequential_run, stack_config
):
    if strategy == 'parallel':
        # The work of its processes, in this one.
        for task in tasks_of(stack_config(resume=True)):
            assert parallel._train(task, 0) is None
    train(stack_config(resume=True, loso__strategy=strategy))
    for fold in FOLDS:
        logs = [path.read_text() for path in killed_run.glob(f'folds/{fold}/*.log')]
        assert 'resumed epoch: 0, iter: 4' in ''.join(logs)
    assert not [*killed_run.rglob('*.pth.*'), *killed_run.rglob('last.pth')]
    assert not (killed_run / 'stacks').exists()
    assert_same_predictions(sequential_run, killed_run)


def test_a_fold_that_was_continued_alone_is_not_set_back(
    killed_run, sequential_run, stack_config, stacks, monkeypatch
):
    """Stacked to 4, s1 alone to 6, then all stacked again."""
    with monkeypatch.context() as patched:
        kill_sequential_at(patched, 7)
        with pytest.raises(Killed):
            train(stack_config(resume=True, loso__strategy='sequential'))
    train(stack_config(resume=True))
    assert sorted(stacks) == [(4, ['s2', 's3', 's4']), (6, ['s1'])]
    assert not (killed_run / 'stacks').exists()
    assert_same_predictions(sequential_run, killed_run)


def test_shares_do_not_use_each_others_files(stack_config, kill, stacks, tmp_path):
    kill(stack_config(loso__share=[0, 2]), 5)
    kill(stack_config(loso__share=[1, 2]), 7)
    assert len(files(tmp_path / 'run')) == 2
    stacks.clear()
    train(stack_config(loso__share=[0, 2], resume=True))
    assert stacks == [(4, ['s1', 's3'])]
    assert len(files(tmp_path / 'run')) == 1
    train(stack_config(resume=True))
    assert stacks[1:] == [(6, ['s2', 's4'])]
    assert not (tmp_path / 'run' / 'stacks').exists()


@pytest.mark.parametrize('alone', [False, True])
def test_a_state_with_an_impossible_iteration_is_named(alone, killed_run, stack_config):
    cfg = stack_config(resume=True)
    paths = files(killed_run)
    if alone:
        for task in tasks_of(cfg):
            export_state(task)
        paths[0].unlink()
        paths = sorted(killed_run.glob('folds/*/last.pth'))
    remedy = REMEDY if alone else STACK_REMEDY
    for iteration in (99, -3, 3.7, 10**12, '4'):
        for path in paths:
            state = read_checkpoint(path)
            state['meta']['iter'] = iteration
            torch.save(state, path)
        with pytest.raises(MERRunError) as error:
            train(cfg.copy())
        assert error.value.path in map(str, paths) and error.value.hint == remedy
