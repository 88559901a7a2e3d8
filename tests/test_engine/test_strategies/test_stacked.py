"""A stacked run is the sequential run: losses, predictions, resumes, ranks, seeds."""

import errno
import json
import os
import re
import shutil

import pytest
import torch
from mmaction.registry import MODELS, RUNNERS
from mmengine.config import Config
from paths import ROOT

from mmaction_mer.engine.hooks.model_stream import ModelStreamHook
from mmaction_mer.engine.strategies.stacking import stack_file
from mmaction_mer.engine.strategies.stacking import trainer as group
from mmaction_mer.engine.strategies.stacking.fold_stack import FoldStack
from mmaction_mer.engine.strategies.stacking.trainer import StackedTrainer
from mmaction_mer.evaluation.predictions import read_predictions
from mmaction_mer.models import GroupAdapter, MPTViT
from mmaction_mer.utils.errors import MERRunError

FOLDS = ('s1', 's2', 's3', 's4')
# What else may be in a config and must not break the equality.
FORMS = {
    'MPT': {},
    'an adapter for all tokens, no prompts, clipped gradients': {
        'model__backbone__prompt': None,
        'model__backbone__adapter': dict(
            type='PrimitiveAdapter', reduction=4, _delete_=True
        ),
        'optim_wrapper__clip_grad': dict(max_norm=0.05, norm_type=2),
    },
    'prompts alone, three batches a step, cosine, weighted classes, remove_head_motion': {
        'model__backbone__adapter': None,
        'optim_wrapper__accumulative_counts': 3,
        'param_scheduler': [dict(type='CosineAnnealingLR', by_epoch=False, T_max=10)],
        'model__cls_head__loss_cls': dict(
            type='CrossEntropyLoss', class_weight=[1.0, 2.0, 0.5], loss_weight=0.7
        ),
        'model__data_preprocessor__remove_head_motion': True,
    },
    'head alone, clipped values, SGD, a rate of its own for the bias': {
        'model__backbone__adapter': None,
        'model__backbone__prompt': None,
        'optim_wrapper__clip_grad': dict(type='value', clip_value=0.01),
        'optim_wrapper__optimizer': dict(
            type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01, _delete_=True
        ),
        'optim_wrapper__paramwise_cfg': dict(bias_lr_mult=10, bias_decay_mult=0),
    },
    'deep prompts without motion, adapters from a layer on, without means': {
        'model__backbone__prompt': dict(
            type='VPTPrompt', num_prompts=3, deep=True, _delete_=True
        ),
        'model__backbone__adapter__share_means': False,
        'model__backbone__adapter_start_layer': 1,
    },
    'prompts with a place, without GELU, low-rank updates, no residual': {
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


def train(cfg):
    return RUNNERS.build(cfg).train()


@pytest.fixture(scope='module')
def whole(uneven_data, tmp_path_factory):
    """The sequential run that others must equal."""
    from stack_toy import CONFIG

    folder = tmp_path_factory.mktemp('whole')
    path = folder / 'stack_config.py'
    path.write_text(CONFIG.replace('{root}', str(uneven_data)))
    cfg = Config.fromfile(path)
    cfg.work_dir = str(folder / 'run')
    cfg.loso.strategy = 'sequential'
    train(cfg)
    return folder / 'run'


def assert_same_run(one, other, step_losses, folds=FOLDS, steps=10):
    """Every loss and every prediction of two runs, whatever trained them."""
    for fold in folds:
        a, b = (step_losses(run / 'folds' / fold) for run in (one, other))
        assert sorted(a) == sorted(b) == list(range(1, steps + 1))
        torch.testing.assert_close(
            torch.tensor([a[step] for step in sorted(a)]),
            torch.tensor([b[step] for step in sorted(b)]),
            rtol=0,
            atol=1e-5,
        )
        assert_same_predictions(one / 'folds' / fold, other / 'folds' / fold)


def assert_same_predictions(one, other):
    pairs = zip(
        read_predictions(one / 'predictions.jsonl'),
        read_predictions(other / 'predictions.jsonl'),
        strict=True,
    )
    for a, b in pairs:
        for key in ('dataset', 'subject', 'clip', 'label', 'prediction'):
            assert a[key] == b[key]
        assert a['probabilities'] == pytest.approx(b['probabilities'], abs=1e-5)


@pytest.mark.parametrize('form', FORMS)
def test_a_stacked_run_is_the_sequential_run(
    form, stack_config, tmp_path, step_losses, capsys
):
    one = train(stack_config('one', loso__strategy='sequential', **FORMS[form]))
    capsys.readouterr()
    all_at_once = train(stack_config('all', **FORMS[form]))
    assert 'one by one' not in capsys.readouterr().out
    assert_same_run(tmp_path / 'one', tmp_path / 'all', step_losses)
    assert one['scores'] == all_at_once['scores']
    states = [
        json.loads((tmp_path / run / 'folds' / 's2' / 'fold.json').read_text())
        for run in ('one', 'all')
    ]
    for state in states:
        for key in ('wall_time_s', 'finished', 'strategy', 'folds_at_once', 'digests'):
            state.pop(key, None)
    assert states[0] == states[1]
    # The folds do differ, or all of this would show nothing.
    first, second = (step_losses(tmp_path / 'all' / 'folds' / f) for f in FOLDS[:2])
    assert max(abs(first[step] - second[step]) for step in first) > 1e-3


@pytest.mark.parametrize('select', ['inner', 'test'])
def test_the_same_iteration_is_chosen_by_validation(
    select, stack_config, tmp_path, step_losses, monkeypatch
):
    changes = dict(loso__select=select, train_cfg__val_interval=3)
    train(stack_config('one', loso__strategy='sequential', **changes))
    with monkeypatch.context() as patched:
        cut_at(patched, 7)  # after two validations, in which some fold was best
        with pytest.raises(Killed):
            train(stack_config('all', **changes))
    train(stack_config('all', resume=True, **changes))
    assert_same_run(tmp_path / 'one', tmp_path / 'all', step_losses)
    for fold in FOLDS:
        one, other = (
            json.loads((tmp_path / run / 'folds' / fold / 'fold.json').read_text())
            for run in ('one', 'all')
        )
        for key in ('iteration', 'chosen_by_uf1', 'chosen_on'):
            assert one[key] == other[key]


def test_a_checkpoint_of_a_stack_is_scored_as_any(stack_config, tmp_path):
    train(stack_config('run', loso__folds=['s2', 's3']))
    again = stack_config('again', load_from=str(tmp_path / 'run'))
    RUNNERS.build(again).test()
    for fold in ('s2', 's3'):
        assert_same_predictions(
            tmp_path / 'run' / 'folds' / fold, tmp_path / 'again' / 'test' / fold
        )


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def cut_at(monkeypatch, iteration):
    """Let a stack die when it comes to an iteration."""
    normal = StackedTrainer._losses

    def losses(self, number, *args):
        if number == iteration and self.iteration == iteration:
            raise Killed
        return normal(self, number, *args)

    monkeypatch.setattr(StackedTrainer, '_losses', losses)


@pytest.mark.parametrize('then', ['stacked', 'sequential'])
def test_what_was_cut_goes_on_under_either_strategy(
    then, whole, stack_config, tmp_path, step_losses, monkeypatch
):
    for number, iteration in enumerate((3, 7)):
        with monkeypatch.context() as patched:
            cut_at(patched, iteration)
            with pytest.raises(Killed):
                train(stack_config(resume=number > 0))
    train(stack_config(resume=True, loso__strategy=then))
    assert not [
        *(tmp_path / 'run').rglob('*.pth.*'),
        *(tmp_path / 'run').glob('stacks'),
    ]
    if then == 'stacked':
        assert_same_run(whole, tmp_path / 'run', step_losses)
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_folds_that_came_unequally_far_are_stacked_apart(
    whole, stack_config, tmp_path, monkeypatch, stacks
):
    with monkeypatch.context() as patched:
        cut_at(patched, 5)
        with pytest.raises(Killed):
            train(stack_config())
    stacks.clear()
    # What messages advise where something is wrong with a fold: it starts again.
    shutil.rmtree(tmp_path / 'run' / 'folds' / 's3')
    train(stack_config(resume=True))
    assert stacks == [(4, ['s1', 's2', 's4']), (0, ['s3'])]
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


@pytest.mark.parametrize('number', [2, 3, 6])
def test_a_kill_between_any_two_states_keeps_the_stack_together(
    number, whole, stack_config, tmp_path, monkeypatch, stacks
):
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
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def cut_sequential_at(monkeypatch, iteration):
    """Let a fold that trains alone die when it comes to an iteration."""
    normal = ModelStreamHook.before_train_iter

    def cut(self, runner, batch_idx, data_batch=None):
        if runner.iter == iteration:
            raise Killed
        normal(self, runner, batch_idx)

    monkeypatch.setattr(ModelStreamHook, 'before_train_iter', cut)


def test_a_sequential_fold_that_was_cut_goes_on_in_a_stack(
    whole, stack_config, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        cut_sequential_at(patched, 5)
        with pytest.raises(Killed):
            train(stack_config(loso__strategy='sequential'))
    train(stack_config(resume=True))
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_seeds_are_stacked_with_the_folds(
    whole, stack_config, tmp_path, step_losses, stacks
):
    summary = train(stack_config('both', loso__seeds=[3, 5]))
    assert summary['seeds'] == [3, 5]
    train(stack_config('five', loso__strategy='sequential', randomness__seed=5))
    for alone, seed in ((whole, 3), (tmp_path / 'five', 5)):
        assert_same_run(alone, tmp_path / 'both' / f'seed{seed}', step_losses)
    # The toy's backbone is drawn from the seed: such seeds cannot be one stack.
    assert [len(jobs) for _, jobs in stacks] == [4, 4]


def test_seeds_of_one_backbone_are_one_stack(
    stack_config, tmp_path, step_losses, stacks
):
    weights = tmp_path / 'vit.pth'
    cfg = stack_config()
    torch.save(MODELS.build(cfg.model).backbone.vit.state_dict(), weights)
    init = dict(type='Pretrained', checkpoint=str(weights))
    changes = dict(model__backbone__vit__init_cfg=init)
    train(stack_config('both', loso__seeds=[0, 5], **changes))
    assert [len(jobs) for _, jobs in stacks] == [8]
    for seed in (0, 5):
        train(
            stack_config(
                f'alone{seed}',
                loso__strategy='sequential',
                randomness__seed=seed,
                **changes,
            )
        )
        assert_same_run(
            tmp_path / f'alone{seed}', tmp_path / 'both' / f'seed{seed}', step_losses
        )


def test_memory_that_runs_out_halves_the_group(
    whole, stack_config, tmp_path, monkeypatch, capsys
):
    tried, normal = [], StackedTrainer._losses

    def small_memory(self, *args):
        tried.append(len(self.jobs))
        if len(self.jobs) > 1:
            raise torch.cuda.OutOfMemoryError('no memory')
        return normal(self, *args)

    monkeypatch.setattr(StackedTrainer, '_losses', small_memory)
    train(stack_config())
    assert tried[:3] == [4, 2, 1] and set(tried[3:]) == {1}
    assert 'memory does not hold 4 folds: trying 2' in capsys.readouterr().out
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_memory_that_runs_out_on_the_way_costs_nothing(
    whole, stack_config, tmp_path, monkeypatch
):
    normal = StackedTrainer._losses

    def full(self, iteration, *args):
        if len(self.jobs) > 2 and iteration == 5:
            raise torch.cuda.OutOfMemoryError('no memory')
        return normal(self, iteration, *args)

    monkeypatch.setattr(StackedTrainer, '_losses', full)
    train(stack_config())
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_a_cpu_that_runs_out_is_halved_too(whole, stack_config, tmp_path, monkeypatch):
    normal = StackedTrainer._losses

    def full(self, iteration, *args):
        if len(self.jobs) > 2 and iteration == 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return normal(self, iteration, *args)

    monkeypatch.setattr(StackedTrainer, '_losses', full)
    train(stack_config())
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_clips_left_out_by_number(stack_config, tmp_path, step_losses):
    changes = dict(train_dataloader__dataset__indices=6, loso__folds=['s1', 's2'])
    train(stack_config('one', loso__strategy='sequential', **changes))
    train(stack_config('all', **changes))
    assert_same_run(tmp_path / 'one', tmp_path / 'all', step_losses, ('s1', 's2'))


def test_not_even_one_fold_fits(stack_config, monkeypatch):
    def full(self, *args):
        raise torch.cuda.OutOfMemoryError('no memory')

    monkeypatch.setattr(StackedTrainer, '_losses', full)
    with pytest.raises(MERRunError, match='fold s1: memory does not hold one fold'):
        train(stack_config())


@pytest.mark.parametrize(('size', 'expected'), [(3, [3, 1]), ('auto', [2, 2])])
def test_groups_are_as_large_as_asked_or_as_memory_holds(
    size, expected, stack_config, monkeypatch, stacks
):
    monkeypatch.setattr(group, 'folds_that_fit', lambda *args: 2)
    train(stack_config(loso__folds_per_group=size))
    assert [len(jobs) for _, jobs in stacks] == expected


REASONS = {
    'dynamic_intervals is not': dict(train_cfg__dynamic_intervals=[(1, 2)]),
    'counted in epochs, which differ': dict(
        train_cfg=dict(by_epoch=True, max_epochs=2, _delete_=True),
        train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
        param_scheduler=None,
    ),
    'batches differ in size': dict(
        train_cfg__max_iters=4,
        train_dataloader__sampler=dict(type='DefaultSampler', shuffle=True),
    ),
    'ConstantLR is counted in epochs': dict(
        param_scheduler=[dict(type='ConstantLR', by_epoch=True)]
    ),
    r'custom_hooks \(EmptyCacheHook\)': dict(
        custom_hooks=[dict(type='EmptyCacheHook')]
    ),
    'Flip in the pipeline may draw': dict(
        train_dataloader__dataset__pipeline=[
            dict(type='LoadMERFrames', max_frames=4),
            dict(type='StandardizeLength', length=4),
            dict(type='Resize', scale=(36, 36), keep_ratio=False),
            dict(type='Flip'),
            dict(type='PackMERInputs'),
        ]
    ),
    'Rprop may mix': dict(
        optim_wrapper__optimizer=dict(type='Rprop', lr=0.01, _delete_=True)
    ),
    'convert_to_iter_based counts in epochs': dict(
        param_scheduler=[
            dict(type='CosineAnnealingLR', T_max=3, convert_to_iter_based=True)
        ]
    ),
    'collate_fn is a default_collate': dict(
        train_dataloader__collate_fn=dict(type='default_collate')
    ),
    'another loop than the plain': dict(test_cfg__fp16=True),
    'Adagrad may mix': dict(
        optim_wrapper__optimizer=dict(type='Adagrad', lr=0.01, _delete_=True)
    ),
    'has a loss of its own': dict(model__cls_head__label_smooth_eps=0.1),
    'compile changes the model': dict(compile=False or dict(disable=True)),
}


@pytest.mark.parametrize('reason', REASONS)
def test_what_cannot_be_stacked_is_trained_one_by_one_and_said(
    reason, stack_config, capsys
):
    cfg = stack_config(loso__folds=['s1'], train_cfg__max_iters=2)
    cfg.merge_from_dict(
        {key.replace('__', '.'): value for key, value in REASONS[reason].items()}
    )
    train(cfg)
    out = capsys.readouterr().out
    (line,) = [one for one in out.splitlines() if 'one by one' in one]
    assert re.search(reason, line), line


def test_a_model_that_keeps_statistics_falls_back(make_config, capsys, tmp_path):
    train(make_config('one'))
    train(make_config('stacked', loso__strategy='stacked'))
    assert 'trained one by one: EngineToy is no recognizer' in capsys.readouterr().out
    for fold in FOLDS:
        lines = [
            (tmp_path / run / 'folds' / fold / 'predictions.jsonl').read_text()
            for run in ('one', 'stacked')
        ]
        assert lines[0] == lines[1]


def test_a_batch_norm_in_training_mode_falls_back(stack_config, capsys, monkeypatch):
    normal = GroupAdapter.__init__

    def with_norm(self, *args, **kwargs):
        normal(self, *args, **kwargs)
        self.norm = torch.nn.BatchNorm1d(3)

    monkeypatch.setattr(GroupAdapter, '__init__', with_norm)
    train(stack_config(loso__folds=['s1'], train_cfg__max_iters=2))
    assert 'BatchNorm1d in training mode' in capsys.readouterr().out


def test_a_loss_that_differs_from_the_lone_folds_falls_back(
    stack_config, capsys, monkeypatch
):
    normal = FoldStack.losses
    monkeypatch.setattr(
        FoldStack, 'losses', lambda self, *args: normal(self, *args) * 1.01
    )
    train(stack_config(loso__folds=['s1'], train_cfg__max_iters=2))
    assert 'in a stack, but' in capsys.readouterr().out


def test_a_random_operation_that_is_not_dropout_falls_back(
    stack_config, capsys, monkeypatch
):
    normal = MPTViT.forward

    def noisy(self, *args):
        tokens = normal(self, *args)
        return tokens + torch.randn_like(tokens)

    monkeypatch.setattr(MPTViT, 'forward', noisy)
    train(stack_config(loso__folds=['s1'], train_cfg__max_iters=2))
    assert 'does not go through vmap' in capsys.readouterr().out


def test_a_gradient_that_differs_falls_back(stack_config, capsys, monkeypatch):
    """What begins at zero does not show in the first loss."""
    normal = FoldStack.losses

    def other_gradient(self, *args):
        losses = normal(self, *args)
        for one in self.parameters.values():
            one.register_hook(lambda gradient: gradient * 1.1)
        return losses

    monkeypatch.setattr(FoldStack, 'losses', other_gradient)
    train(stack_config(loso__folds=['s1'], train_cfg__max_iters=2))
    assert 'is not that of a fold alone' in capsys.readouterr().out


@pytest.mark.parametrize('strategy', ['sequential', 'stacked'])
def test_a_kill_between_accumulated_batches(
    strategy, stack_config, tmp_path, monkeypatch
):
    changes = dict(optim_wrapper__accumulative_counts=3, loso__folds=['s1', 's3'])
    train(stack_config('whole', **changes))
    with monkeypatch.context() as patched:
        if strategy == 'stacked':
            cut_at(patched, 5)
        else:
            cut_sequential_at(patched, 5)
        with pytest.raises(Killed):
            train(stack_config(loso__strategy=strategy, **changes))
    train(stack_config(resume=True, **changes))
    for fold in ('s1', 's3'):
        assert_same_predictions(
            tmp_path / 'whole' / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_a_full_disk_costs_what_was_not_yet_saved(
    whole, stack_config, tmp_path, monkeypatch, stacks
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
    for fold in FOLDS:
        assert_same_predictions(
            whole / 'folds' / fold, tmp_path / 'run' / 'folds' / fold
        )


def test_a_clip_that_broke_is_named_and_a_resume_goes_on(
    uneven_data, stack_config, tmp_path, monkeypatch
):
    from mmaction_mer.utils.errors import MERDataError

    root = tmp_path / 'data'
    shutil.copytree(uneven_data, root)
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
    changes = dict(optim_wrapper__type='BFloat16OptimWrapper', train_cfg__max_iters=3)
    train(stack_config('one', loso__strategy='sequential', **changes))
    kinds, normal = set(), GroupAdapter.forward

    def spy(self, tokens):
        if self.training:
            kinds.add(self.class_branch.down(tokens).dtype)
        return normal(self, tokens)

    monkeypatch.setattr(GroupAdapter, 'forward', spy)
    train(stack_config('all', **changes))
    assert kinds == {torch.bfloat16}
    for fold in FOLDS:
        a, b = (step_losses(tmp_path / run / 'folds' / fold) for run in ('one', 'all'))
        assert a[1] == pytest.approx(b[1], abs=2e-3)
        assert list(a.values()) == pytest.approx(list(b.values()), abs=2e-2)


def test_two_ranks_share_the_folds(tool, whole, stack_file, tmp_path, step_losses):
    tools = ROOT / 'tools'
    done = tool(
        tools / 'dist_train.sh', stack_file, 2, '--work-dir', tmp_path / 'two',
        PORT='29641',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_run(whole, tmp_path / 'two', step_losses)
