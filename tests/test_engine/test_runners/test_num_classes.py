"""The number of classes of a head comes from the annotation file."""

import pytest
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmengine.runner import Runner

from mmaction_mer.engine.runners.num_classes import set_num_classes, with_num_classes
from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.utils.errors import ConfigError


def config(root, wrapper=None, **head):
    """A config with a head and a data set, inside others."""
    dataset = dict(type='MERDataset', ann_file='annotations.json', data_root=str(root))
    if wrapper == 'RepeatDataset':
        dataset = dict(type=wrapper, times=2, dataset=dataset)
    elif wrapper:
        dataset = dict(type=wrapper, datasets=[dataset])
    head = dict(type='TSNHead', in_channels=4, **head)
    return Config(
        dict(model=dict(cls_head=head), train_dataloader=dict(dataset=dataset))
    )


@pytest.mark.parametrize('wrapper', [None, 'RepeatDataset', 'ConcatDataset'])
def test_a_number_that_is_not_given_is_that_of_the_annotation(toy_data, wrapper):
    cfg = config(toy_data, wrapper)
    assert with_num_classes(cfg).model.cls_head.num_classes == 3
    assert 'num_classes' not in cfg.model.cls_head


def test_a_config_without_a_head_or_data_of_ours_is_left_alone(toy_data):
    given = config('nowhere', num_classes=7)
    assert with_num_classes(given) is given
    other = config('nowhere')
    other.train_dataloader.dataset.type = 'VideoDataset'
    assert with_num_classes(other) is other
    headless = config(toy_data)
    headless.model.pop('cls_head')
    assert with_num_classes(headless) is headless
    set_num_classes(headless, ['a', 'b'], toy_data)
    assert headless.model == {}


def test_without_its_annotation_a_config_needs_a_number(tmp_path):
    with pytest.raises(ConfigError, match=r'annotations\.json.*does not exist.*=3'):
        with_num_classes(config(tmp_path))


def test_another_number_than_the_annotations_is_refused(toy_data):
    cfg = config(toy_data, num_classes=5)
    with pytest.raises(ConfigError, match=r'is 5, but .*a\.json has 2 .*\(x, y\)'):
        set_num_classes(cfg, ['x', 'y'], toy_data / 'a.json')


def test_a_protocol_sets_it_and_counts_it_as_given(make_config):
    """The config that is stored has it, and the fingerprint is that of a given one."""
    left_out, given = (
        make_config(model__cls_head=dict(type='TSNHead', **more))
        for more in ({}, dict(num_classes=3))
    )
    runner = RUNNERS.build(left_out)
    assert runner.cfg.model.cls_head.num_classes == 3
    assert 'num_classes' not in left_out.model.cls_head
    assert runner.plan.fingerprint == make_plan(given).fingerprint


def test_mmengines_runner_builds_a_head_of_as_many_classes(toy_data, tmp_path):
    cfg = config(toy_data)
    cfg.model = dict(
        type='Recognizer2D',
        backbone=dict(
            type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8
        ),
        cls_head=dict(type='TSNHead', in_channels=64),
    )
    cfg.train_dataloader.update(
        batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True)
    )
    cfg.train_dataloader.dataset.pipeline = [dict(type='LoadMERFrames', max_frames=4)]
    cfg.merge_from_dict(
        dict(
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            work_dir=str(tmp_path),
            default_scope='mmaction',
            visualizer=dict(type='ActionVisualizer', vis_backends=[]),
        )
    )
    runner = Runner.from_cfg(cfg)
    assert runner.model.cls_head.num_classes == 3
    # Checkpoints hold the config of the runner.
    assert runner.cfg.model.cls_head.num_classes == 3
    assert 'num_classes' not in cfg.model.cls_head
