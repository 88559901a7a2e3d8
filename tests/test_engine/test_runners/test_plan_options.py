"""Mistakes in a config are found before anything is trained, and named by field."""

import pytest
from load_tool import load_tool
from mmaction.registry import RUNNERS

from mmaction_mer.utils.errors import MERRunError


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('loso.seeds', []),
        ('loso.seeds', 3),
        ('loso.seeds', [1, -1]),
        ('loso.seeds', [1, True]),
        ('loso.seeds', [1, 1]),
        ('loso.seeds', [2**32]),
        ('loso.workers', 0),
        ('loso.folds_per_group', 0),
        ('loso.folds_per_group', 'all'),
        ('loso.share', [1]),
        ('loso.share', [3, 3]),
        ('loso.strategy', 'at once'),
        ('loso.select', 'best'),
        ('loso.fold', 's1'),
        ('train_cfg.max_iters', 0),
        ('train_cfg.max_iters', 'x'),
        ('train_cfg', 5),
        ('optim_wrapper', None),
        ('test_dataloader.batch_size', 0),
        ('model.cls_head.num_classes', 5),
        ('default_hooks.checkpoint.save_best', 'mer/uf1'),
    ],
)
def test_a_wrong_setting_is_named(field, value, make_config):
    cfg = make_config()
    if '.' in field:
        cfg.merge_from_dict({field: value})
    else:
        cfg[field] = value
    with pytest.raises(MERRunError) as error:
        RUNNERS.build(cfg)
    assert error.value.field == field


def test_unknown_folds_list_the_known_ones(make_config):
    for folds, text in ((['s1', 's9'], 'no such fold: s9'), ([], 'no fold is given')):
        with pytest.raises(MERRunError, match=rf'{text}; .*s1, s2, s3, s4'):
            RUNNERS.build(make_config(loso__folds=folds))


def test_the_head_may_have_as_many_classes_as_the_data(make_config):
    RUNNERS.build(make_config(model__cls_head=dict(num_classes=3)))


@pytest.mark.parametrize(
    ('option', 'part'),
    [
        ('model.scal=1', 'model'),
        ('optim_wrapper.optimizer.lr=abc', 'optim_wrapper'),
        ('train_cfg.type=Nope', 'train_cfg'),
        ('test_evaluator.type=Nope', 'evaluator'),
    ],
)
def test_a_part_that_cannot_be_built_is_one_message(
    option, part, config_file, tmp_path, capsys
):
    command = [str(config_file), '--work-dir', str(tmp_path / 'run')]
    assert load_tool('train.py').main([*command, '--cfg-options', option]) == 1
    shown = capsys.readouterr().err
    assert f"the config's {part} cannot be built: " in shown
    assert 'Traceback' not in shown
