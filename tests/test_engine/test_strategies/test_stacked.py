"""A stacked run is the sequential run: losses, predictions, resumes, ranks, seeds."""

import errno
import os
import shutil
import socket

import pytest
import torch
from mmaction.registry import MODELS, RUNNERS
from settings import train
from stack_runs import (
    FOLDS,
    Killed,
    assert_same_predictions,
    assert_same_run,
    fold_state,
    kill_sequential_at,
    kill_stack_at,
)
from workers import Fork

from mmaction_mer.engine.strategies.stacking import stack_file, trainer
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.models import GroupAdapter
from mmaction_mer.utils.errors import MERDataError, MERRunError

# Configs that must not break the equality, as changes of the toy's.
THREE = FOLDS[:3]
FORMS = {
    'an adapter for all tokens, accumulated and clipped gradients, cosine': {
        'model__backbone__prompt': None,
        'model__backbone__adapter': dict(
            type='PrimitiveAdapter', reduction=4, _delete_=True
        ),
        'optim_wrapper__clip_grad': dict(max_norm=0.05, norm_type=2),
        'optim_wrapper__accumulative_counts': 3,
        'param_scheduler': [dict(type='CosineAnnealingLR', by_epoch=False, T_max=8)],
        'model__cls_head__loss_cls': dict(
            type='CrossEntropyLoss', class_weight=[1.0, 2.0, 0.5], loss_weight=0.7
        ),
        'model__data_preprocessor__remove_head_motion': True,
    },
    'the head alone, clipped values, SGD, a learning rate for the bias, fewer clips': {
        'model__backbone__adapter': None,
        'model__backbone__prompt': None,
        'optim_wrapper__clip_grad': dict(type='value', clip_value=0.01),
        'optim_wrapper__optimizer': dict(
            type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01, _delete_=True
        ),
        'optim_wrapper__paramwise_cfg': dict(bias_lr_mult=10, bias_decay_mult=0),
        'train_dataloader__dataset__indices': 6,
    },
    'deep prompts without motion, adapters in upper layers, without means': {
        'model__backbone__prompt': dict(
            type='VPTPrompt', num_prompts=3, deep=True, _delete_=True
        ),
        'model__backbone__adapter__share_means': False,
        'model__backbone__adapter_start_layer': 1,
    },
    'spatial prompts alone, without GELU, low-rank updates, no residual': {
        'model__backbone__prompt__spatial': True,
        'model__backbone__prompt__gelu': False,
        'model__backbone__adapter': None,
        'model__backbone__lora': dict(rank=2),
        'model__data_preprocessor__keep_residual': False,
    },
    'shallow prompts without motion': {
        'model__backbone__prompt': dict(type='VPTPrompt', num_prompts=3, _delete_=True),
    },
    'the whole ViT': {
        'model__backbone__prompt': None,
        'model__backbone__adapter': None,
        'model__backbone__freeze_vit': False,
    },
}
# What a run may differ in from another one with the same numbers.
OWN = {'wall_time_s', 'finished', 'strategy', 'folds_at_once', 'digests'}


def test_a_stacked_run_is_the_sequential_run(sequential_run, stacked_run, step_losses):
    assert_same_run(sequential_run, stacked_run, step_losses)
    one, other = (
        {k: v for k, v in fold_state(run, 's2').items() if k not in OWN}
        for run in (sequential_run, stacked_run)
    )
    assert one == other
    assert fold_state(stacked_run, 's2')['folds_at_once'] == 4
    # Folds differ from one another, or the comparison would show nothing.
    first, second = (step_losses(stacked_run / 'folds' / name) for name in FOLDS[:2])
    assert max(abs(first[step] - second[step]) for step in first) > 1e-3


@pytest.mark.parametrize('form', FORMS)
def test_stacked_is_sequential_in_other_forms(
    form, stack_config, tmp_path, step_losses, stacks
):
    changes = dict(loso__folds=THREE, **FORMS[form])
    one = train(stack_config('one', loso__strategy='sequential', **changes))
    other = train(stack_config('all', **changes))
    assert stacks == [(0, [*THREE])]
    assert_same_run(tmp_path / 'one', tmp_path / 'all', step_losses, THREE)
    assert one['scores'] == other['scores']


@pytest.mark.parametrize('select', ['inner', 'test'])
def test_the_same_iteration_is_chosen_by_validation(
    select, stack_config, tmp_path, step_losses, monkeypatch
):
    changes = dict(loso__select=select, train_cfg__val_interval=3, loso__folds=THREE)
    train(stack_config('one', loso__strategy='sequential', **changes))
    with monkeypatch.context() as patched:
        kill_stack_at(patched, 7)  # after two validations, both of them the best so far
        with pytest.raises(Killed):
            train(stack_config('all', **changes))
    train(stack_config('all', resume=True, **changes))
    assert_same_run(tmp_path / 'one', tmp_path / 'all', step_losses, THREE)
    for fold in THREE:
        one, other = (fold_state(tmp_path / run, fold) for run in ('one', 'all'))
        for key in ('iteration', 'chosen_by_uf1', 'chosen_on'):
            assert one[key] == other[key]


def test_a_checkpoint_of_a_stack_is_scored_as_any(stacked_run, stack_config, tmp_path):
    changes = dict(load_from=str(stacked_run), loso__folds=['s2', 's3'])
    RUNNERS.build(stack_config('again', **changes)).test()
    assert_same_predictions(
        stacked_run, tmp_path / 'again', folds=('s2', 's3'), part='test'
    )


def test_a_stack_that_was_killed_twice_is_resumed(
    sequential_run, killed_run, stack_config, step_losses, monkeypatch
):
    with monkeypatch.context() as patched:
        kill_stack_at(patched, 7)
        with pytest.raises(Killed):
            train(stack_config(resume=True))
    train(stack_config(resume=True))
    assert not [*killed_run.rglob('*.pth.*'), *killed_run.glob('stacks')]
    assert_same_run(sequential_run, killed_run, step_losses)


def test_folds_at_different_iterations_are_stacked_apart(
    sequential_run, killed_run, stack_config, stacks
):
    # The advice of messages about a damaged fold: it starts again.
    shutil.rmtree(killed_run / 'folds' / 's3')
    train(stack_config(resume=True))
    assert stacks == [(4, ['s1', 's2', 's4']), (0, ['s3'])]
    assert_same_predictions(sequential_run, killed_run)
    assert not (killed_run / 'stacks').exists()


@pytest.mark.parametrize('number', [2, 5])
def test_a_kill_between_any_two_states_keeps_the_stack_together(
    number, sequential_run, stack_config, tmp_path, monkeypatch, stacks
):
    """Between two states of the stack, and before the first ``model.pth``."""
    written, replace = [], os.replace

    def dies(source, target):
        if str(target).endswith('.pth'):
            written.append(target)
            if len(written) == number:
                raise Killed
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, 'replace', dies)
        with pytest.raises(Killed):
            train(stack_config())
    stacks.clear()
    train(stack_config(resume=True))
    assert [folds for _, folds in stacks] == [[*FOLDS]]
    assert_same_predictions(sequential_run, tmp_path / 'run')


@pytest.mark.parametrize('strategy', ['sequential', 'stacked'])
def test_a_kill_between_accumulated_batches(
    strategy, stack_config, tmp_path, monkeypatch
):
    folds = ('s1', 's3')
    changes = dict(optim_wrapper__accumulative_counts=3, loso__folds=folds)
    train(stack_config('whole', **changes))
    with monkeypatch.context() as patched:
        kill = kill_stack_at if strategy == 'stacked' else kill_sequential_at
        kill(patched, 5)
        with pytest.raises(Killed):
            train(stack_config(loso__strategy=strategy, **changes))
    train(stack_config(resume=True, **changes))
    assert_same_predictions(tmp_path / 'whole', tmp_path / 'run', folds)


def test_seeds_are_stacked_with_the_folds(
    sequential_run, stack_config, tmp_path, step_losses, stacks
):
    summary = train(stack_config('both', loso__seeds=[3, 5]))
    assert summary['seeds'] == [3, 5]
    assert_same_run(sequential_run, tmp_path / 'both' / 'seed3', step_losses)
    # The toy's backbone is drawn from the seed: such seeds cannot be one stack.
    assert [len(tasks) for _, tasks in stacks] == [4, 4]


def test_seeds_of_one_backbone_are_one_stack(
    stack_config, tmp_path, step_losses, stacks, monkeypatch
):
    """One file for both seeds, from which either of them is resumed alone."""
    weights, both = tmp_path / 'vit.pth', tmp_path / 'both'
    vit = MODELS.build(stack_config().model).backbone.vit
    torch.save(vit.state_dict(), weights)
    changes = dict(
        model__backbone__vit__init_cfg=dict(type='Pretrained', checkpoint=str(weights)),
        loso__folds=THREE,
    )
    with monkeypatch.context() as patched:
        kill_stack_at(patched, 5)
        with pytest.raises(Killed):
            train(stack_config('both', loso__seeds=[0, 5], **changes))
    assert [len(tasks) for _, tasks in stacks] == [6]
    [path] = (both / 'stacks').iterdir()
    # One seed as the ordinary run that it is.
    train(stack_config('both/seed5', randomness__seed=5, resume=True, **changes))
    assert stacks[1:] == [(4, [*THREE])]
    # The other seed still needs the file.
    assert [*(both / 'stacks').iterdir()] == [path]
    train(stack_config('both', resume=True, loso__seeds=[0, 5], **changes))
    assert stacks[2:] == [(4, [f'{fold} (seed 0)' for fold in THREE])]
    assert not (both / 'stacks').exists()
    for seed in (0, 5):
        alone = dict(loso__strategy='sequential', randomness__seed=seed)
        train(stack_config(f'alone{seed}', **alone, **changes))
        run = both / f'seed{seed}'
        assert_same_run(tmp_path / f'alone{seed}', run, step_losses, THREE)


def test_a_stack_that_does_not_fit_is_halved(
    sequential_run, stack_config, tmp_path, monkeypatch, capsys
):
    tried, normal = [], StackedTrainer.compute_losses

    def small_memory(self, *args):
        tried.append(len(self.tasks))
        if len(self.tasks) > 1:
            raise torch.cuda.OutOfMemoryError('no memory')
        return normal(self, *args)

    monkeypatch.setattr(StackedTrainer, 'compute_losses', small_memory)
    train(stack_config())
    assert tried[:3] == [4, 2, 1] and set(tried[3:]) == {1}
    assert '4 folds do not fit in memory: trying 2' in capsys.readouterr().out
    assert_same_predictions(sequential_run, tmp_path / 'run')


def test_memory_that_runs_out_later_costs_nothing(
    sequential_run, stack_config, tmp_path, monkeypatch, stacks
):
    normal = StackedTrainer.compute_losses

    def full(self, iteration, *args):
        if len(self.tasks) > 2 and iteration == 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return normal(self, iteration, *args)

    monkeypatch.setattr(StackedTrainer, 'compute_losses', full)
    train(stack_config())
    assert [(at, len(tasks)) for at, tasks in stacks] == [(0, 4), (4, 2), (4, 2)]
    assert_same_predictions(sequential_run, tmp_path / 'run')


def test_not_even_one_fold_fits(stack_config, monkeypatch):
    def full(self, *args):
        raise torch.cuda.OutOfMemoryError('no memory')

    monkeypatch.setattr(StackedTrainer, 'compute_losses', full)
    with pytest.raises(MERRunError, match='fold s1: a single fold does not') as error:
        train(stack_config())
    assert 'batch_size' in error.value.hint


@pytest.mark.parametrize(('size', 'expected'), [(3, [3, 1]), ('auto', [2, 2])])
def test_groups_are_as_large_as_asked_or_as_memory_holds(
    size, expected, stack_config, monkeypatch, stacks
):
    monkeypatch.setattr(trainer, 'folds_that_fit', lambda *args: 2)
    train(stack_config(loso__folds_per_group=size, train_cfg__max_iters=1))
    assert [len(tasks) for _, tasks in stacks] == expected


def test_folds_that_cannot_be_stacked_are_trained_one_by_one(
    make_config, capsys, tmp_path, finished_run
):
    train(make_config(loso__strategy='stacked'))
    assert 'trained one by one: EngineToy is not a' in capsys.readouterr().out
    for fold in FOLDS:
        one, other = (
            (run / 'folds' / fold / 'predictions.jsonl').read_text()
            for run in (finished_run, tmp_path / 'run')
        )
        assert one == other


def test_a_full_disk_costs_what_was_not_yet_saved(
    sequential_run, stack_config, tmp_path, monkeypatch, stacks
):
    saved, normal = [], stack_file.write_checkpoint

    def full(path, state):
        saved.append(path)
        if len(saved) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        normal(path, state)

    with monkeypatch.context() as patched:
        patched.setattr(stack_file, 'write_checkpoint', full)
        with pytest.raises(OSError, match='No space left'):
            train(stack_config())
    stacks.clear()
    train(stack_config(resume=True))
    assert stacks == [(2, [*FOLDS])]
    assert_same_predictions(sequential_run, tmp_path / 'run')


def test_a_clip_that_broke_is_named_and_a_resume_goes_on(
    uneven_data, stack_config, tmp_path
):
    root = shutil.copytree(uneven_data, tmp_path / 'data')
    changes = {
        f'{loader}_dataloader__dataset__data_root': str(root)
        for loader in ('train', 'test')
    }
    frame = root / 'frames' / 's3_c2' / 'img1.png'
    whole_file = frame.read_bytes()
    runner = RUNNERS.build(stack_config(**changes))
    frame.write_bytes(whole_file[:40])
    with pytest.raises(MERDataError, match='s3_c2'):
        runner.train()
    frame.write_bytes(whole_file)
    assert train(stack_config(resume=True, **changes))['clips'] == 11


def test_half_precision_keeps_the_equality_to_its_rounding(
    stack_config, tmp_path, step_losses, monkeypatch
):
    changes = dict(
        optim_wrapper__type='BFloat16OptimWrapper',
        train_cfg__max_iters=3,
        loso__folds=THREE,
    )
    train(stack_config('one', loso__strategy='sequential', **changes))
    kinds, normal = set(), GroupAdapter.forward

    def spy(self, tokens):
        if self.training:
            kinds.add(self.class_branch.down(tokens).dtype)
        return normal(self, tokens)

    monkeypatch.setattr(GroupAdapter, 'forward', spy)
    train(stack_config('all', **changes))
    assert kinds == {torch.bfloat16}
    for fold in THREE:
        a, b = (step_losses(tmp_path / run / 'folds' / fold) for run in ('one', 'all'))
        assert a[1] == pytest.approx(b[1], abs=2e-3)
        assert list(a.values()) == pytest.approx(list(b.values()), abs=2e-2)


def test_two_ranks_divide_the_folds(
    sequential_run, stack_config, tmp_path, step_losses
):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]

    def train_rank(rank):
        os.environ.update(
            RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank),
            MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port),
        )  # fmt: skip
        train(stack_config('two', launcher='pytorch'))

    ranks = [Fork(train_rank, rank) for rank in (0, 1)]
    try:
        assert [rank.wait(120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            if rank.poll() is None:
                rank.kill()
                rank.wait()
    assert_same_run(sequential_run, tmp_path / 'two', step_losses)
    assert fold_state(tmp_path / 'two', 's1')['folds_at_once'] == 2
