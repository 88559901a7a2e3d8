"""mmengine's own Runner with a MERDataset: what is rejected before it starts."""

import copy
import itertools
import logging

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmaction_mer.evaluation.functional import SCORES
from mmaction_mer.utils.errors import ConfigError

NUMBER = itertools.count()  # mmengine keeps loggers by name
PACK = dict(type='PackActionInputs', meta_keys=('dataset', 'subject', 'clip'))


@pytest.fixture
def make(toy_data, tmp_path):
    """Build a Runner of a stock config, with changes by key; nothing is started."""

    def make(train=None, val=None, test=None, head=None, evaluator=None, pack=PACK):
        def loader(settings, shuffle):
            return dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=shuffle),
                dataset=dict(
                    type='MERDataset',
                    ann_file='annotations.json',
                    data_root=str(toy_data),
                    data_prefix=dict(img='frames'),
                    pipeline=[
                        dict(type='LoadMERFrames', max_frames=4),
                        dict(type='RankPooling'),
                        dict(type='FormatShape', input_format='NCHW'),
                        dict(PACK if shuffle else pack),
                    ],
                )
                | settings,
            )

        config = dict(
            default_scope='mmaction',
            work_dir=str(tmp_path / 'run'),
            experiment_name=f'run{next(NUMBER)}',
            model=dict(
                type='Recognizer2D',
                backbone=dict(
                    type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8
                ),
                cls_head=dict(
                    type='TSNHead', num_classes=3, in_channels=64, topk=(1,),
                    average_clips='prob',
                )
                | (head or {}),
                data_preprocessor=dict(type='ActionDataPreprocessor'),
            ),
            train_dataloader=loader(
                dict(held_out='s4', side='train') if train is None else train, True
            ),
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            val_dataloader=loader(
                dict(held_out='s4', side='test') if val is None else val, False
            ),
            val_cfg=dict(),
            val_evaluator=[evaluator or dict(type='MERMetric')],
            default_hooks=dict(checkpoint=None),
            randomness=dict(seed=0),
            visualizer=dict(type='ActionVisualizer', vis_backends=[]),
        )  # fmt: skip
        if test is not None:
            config.update(
                test_dataloader=loader(test, False),
                test_cfg=dict(),
                test_evaluator=[dict(type='MERMetric')],
            )
        return Runner.from_cfg(Config(config))

    return make


@pytest.fixture
def log():
    """Collect the warnings of the current logger."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    yield lambda: MMLogger.get_current_instance().addHandler(handler) or messages
    MMLogger.get_current_instance().removeHandler(handler)


def test_a_correct_run_trains_and_is_scored(make, log):
    runner = make(val=dict(held_out='s4', side='test', test_mode=True))
    warnings = log()
    runner.train()
    values = runner.val_loop.evaluator.dataset_meta['classes']
    assert values == ['negative', 'positive', 'surprise']
    scored = runner.message_hub.log_scalars
    assert {f'val/mer/{name}' for name in SCORES} <= set(scored)
    assert not [line for line in warnings if 'trained on' in line]


HELD_OUT = dict(held_out='s4', side='test')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        # All subjects beside one held out: by default, by name, in a wrapper.
        (dict(train={}), r"trains on s4 \(side='all'\), .*val_.*side='test'"),
        (dict(train=dict(side='train')), r"trains on s4 \(side='train'\)"),
        (dict(train=dict(held_out='s3', side='train')), 'trains on s4'),
        (
            dict(
                train=dict(held_out='s4', side='train'),
                val=dict(held_out='s4', inner=['s1', 's2'], side='val'),
            ),
            r"trains on s1, s2 .*side='val'.*same inner=",
        ),
        (
            dict(train={}, val=dict(side='all'), test=HELD_OUT),
            'which test_dataloader holds',
        ),
    ],
)
def test_held_out_subjects_are_not_trained_on(make, changes, message):
    """Neither those of the validation nor those of the test."""
    runner = make(**changes)
    with pytest.raises(ConfigError, match=message):
        runner.train()


def test_wrapped_data_sets_are_checked(make):
    """In ConcatDataset and RepeatDataset, nested."""
    runner = make(train={})
    loader = copy.deepcopy(runner._train_dataloader)
    inner = dict(type='ConcatDataset', datasets=[loader['dataset']] * 2)
    loader['dataset'] = dict(type='RepeatDataset', dataset=inner, times=2)
    runner._train_loop['dataloader'] = runner._train_dataloader = loader
    with pytest.raises(ConfigError, match=r"trains on s4 \(side='all'\)"):
        runner.train()


def test_an_evaluation_on_trained_subjects_is_a_warning(make, log):
    runner = make(train={}, val={})
    warnings = log()
    runner.train()
    (line,) = [line for line in warnings if 'trained on' in line]
    assert "val_dataloader (side='all') evaluates on 4 subject(s)" in line


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(), r'is 2, .*3 classes \(negative, .*label 2: .*classes=3'),
        (dict(evaluator=dict(type='AccMetric')), r'is 2, .*label 2'),
        (dict(head=dict(type='I3DHead', num_classes=1)), 'is 1, '),
    ],
)
def test_a_head_of_too_few_classes_is_named_before_training(make, changes, message):
    """For any head and metric; torch would raise 'Target 2 is out of bounds'."""
    runner = make(**{'head': dict(num_classes=2), **changes})
    with pytest.raises(ConfigError, match=message) as error:
        runner.train()
    assert error.value.field == 'model.cls_head.num_classes'


def test_a_head_of_other_classes_than_are_scored(make):
    """Too many for MERMetric are an error; other metrics accept them."""
    with pytest.raises(ConfigError, match='is 400, but MERMetric scores 3'):
        make(head=dict(num_classes=400)).train()
    make(head=dict(num_classes=400), evaluator=dict(type='AccMetric')).train()
    # This split has two of three classes only.
    few = dict(filter_cfg=dict(label=[0, 1]))
    metric = dict(type='MERMetric', num_classes=2)
    make(
        train=dict(held_out='s4', side='train', **few),
        val=dict(held_out='s4', side='test', **few),
        head=dict(num_classes=2),
        evaluator=dict(type='AccMetric'),
    ).train()
    with pytest.raises(ConfigError, match='label 2'):
        make(head=dict(num_classes=2), evaluator=metric).train()


@pytest.mark.parametrize('keys', [None, ('clip',), ('img_shape', 'subject')])
def test_a_packer_that_drops_names_is_named_before_training(make, keys):
    pack = dict(
        type='PackActionInputs', **({} if keys is None else {'meta_keys': keys})
    )
    runner = make(pack=pack, test=HELD_OUT)
    for start in (runner.train, runner.test):
        with pytest.raises(ConfigError, match='PackActionInputs .*drops') as error:
            start()
        assert error.value.field.endswith('_dataloader') and error.value.hint
    # A metric without subjects does not need them.
    if keys is None:
        make(pack=pack, evaluator=dict(type='AccMetric')).train()
