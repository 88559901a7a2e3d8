"""The configs of single folds."""

import pytest
from mmaction.registry import DATASETS, RUNNERS

from mmaction_mer.datasets.protocols import Fold
from mmaction_mer.engine.runners import fold_config as module
from mmaction_mer.engine.runners.fold_config import fold_config, mer_dataset
from mmaction_mer.engine.runners.sample_names import check_sample_names
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.utils.errors import MERRunError

FOLD = Fold('s1', ('s1',), ('s2', 's3', 's4'))


@pytest.fixture
def build(make_config, tmp_path):
    """Build the config of fold s1 from the toy's config with changes."""

    def make(select='last', seed=0, **changes):
        cfg = make_config(**changes)
        before = cfg.to_dict()
        part = fold_config(cfg, FOLD, FoldFolder(tmp_path / 's1'), select, seed)
        assert cfg.to_dict() == before
        return part

    return make


@pytest.mark.parametrize('select', ['last', 'inner', 'test'])
def test_the_data_sets_of_each_selection(select, build):
    cfg = build(select)
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert (train.side, test.side) == ('train', 'test')
    assert train.held_out == test.held_out == ['s1'] and test.test_mode
    assert ('val_dataloader' in cfg) == (select != 'last')
    if select == 'last':
        assert train.inner == []
        return
    val = cfg.val_dataloader.dataset
    assert val.side == {'inner': 'val', 'test': 'test'}[select]
    assert val.inner == train.inner and bool(val.inner) == (select == 'inner')
    assert set(val.inner) < {'s2', 's3', 's4'}
    # Validation loads clips as testing does, without augmentation.
    assert val.pipeline == test.pipeline
    label = {'prefix': 'selected_on_the_test_subject'} if select == 'test' else {}
    assert cfg.val_evaluator == dict(type='MERMetric', **label)
    assert cfg.train_cfg.val_interval == 1  # a tenth of 8 iterations, but 1 or more


@pytest.mark.parametrize(
    ('changes', 'path', 'value'),
    [
        ({}, 'default_hooks.checkpoint.filename', 'last.pth'),
        ({}, 'default_hooks.checkpoint.interval', 2),
        (dict(default_hooks__checkpoint=dict(type='CheckpointHook')),
         'default_hooks.checkpoint.type', 'SlimCheckpointHook'),
        (dict(default_hooks__timer=dict(type='IterTimerHook')),
         'default_hooks.timer.type', 'IterTimerHook'),
        (dict(visualizer=dict(type='V', vis_backends=[dict(type='MLflow')])),
         'visualizer', dict(type='V', vis_backends=[dict(type='LocalVisBackend')])),
        (dict(randomness=dict(seed=7, deterministic=True, diff_rank_seed=True)),
         'randomness', dict(seed=0, deterministic=True)),
        (dict(launcher='slurm', resume=True), 'launcher', 'none'),
        (dict(launcher='slurm', resume=True), 'resume', False),
        (dict(load_from='a.pth'), 'load_from', 'a.pth'),
        (dict(train_cfg__val_interval=3), 'train_cfg.val_interval', 3),
        ({}, 'test_dataloader.dataset.serialize_data', False),
        ({}, 'runner_type', None),
        ({}, 'loso', None),
        (dict(val_dataloader=dict(a=1), val_cfg=dict(), val_evaluator=dict()),
         'val_dataloader', None),
    ],
)  # fmt: skip
def test_settings_of_a_fold(changes, path, value, build):
    found = build(**changes).to_dict()
    for key in path.split('.'):
        found = (found or {}).get(key)
    assert found == value


@pytest.mark.parametrize(
    'given', [None, dict(type='AccMetric'), [dict(type='MERMetric')]]
)
def test_every_fold_writes_its_predictions(given, build, tmp_path):
    dump = dict(type='DumpResults', out_file_path='all.pkl')
    listed = [given] if isinstance(given, dict) else given or []
    cfg = build(test_evaluator=[*listed, dump])
    (metric,) = [one for one in cfg.test_evaluator if one.type == 'MERMetric']
    assert metric.predictions_file == str(tmp_path / 's1' / 'predictions.jsonl')
    (part,) = [one for one in cfg.test_evaluator if one.type == 'DumpResults']
    assert part.out_file_path == str(tmp_path / 's1' / 'dump.pkl')


def test_a_config_for_testing_trains_nothing(build):
    cfg = module.testing_config(build('inner'))
    left = [key for key in cfg if key.startswith(('train_', 'val_', 'optim', 'param'))]
    left.remove('train_pipeline')  # a variable of the file
    assert not left and 'load_from' not in cfg and cfg.test_dataloader


def test_the_data_set_is_found_in_wrappers():
    inner = dict(type='MERDataset', ann_file='a.json')
    outer = dict(type='RepeatDataset', dataset=dict(type='Other', dataset=inner))
    assert mer_dataset(dict(dataset=outer), 'train_dataloader') is inner
    for loader in ({}, dict(dataset=dict(type='Other'))):
        with pytest.raises(MERRunError) as error:
            mer_dataset(loader, 'train_dataloader')
        assert error.value.field == 'train_dataloader.dataset'


def test_subjects_that_a_config_holds_out_are_replaced_by_the_plan(make_config):
    """Both in the plan and in the check of names, which are over all subjects."""
    cfg = make_config()
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(held_out=['s2'], inner=['s3'])
    plan = RUNNERS.build(cfg).plan
    assert [fold.name for fold in plan.folds] == ['s1', 's2', 's3', 's4']
    assert len(plan.subjects) == 16
    check_sample_names(cfg)


def test_each_subject_is_in_one_part(build):
    cfg = build('inner')
    parts = [
        set(DATASETS.build(cfg[f'{part}_dataloader'].dataset).subjects)
        for part in ('train', 'val', 'test')
    ]
    assert set.union(*parts) == {'s1', 's2', 's3', 's4'}
    assert sum(map(len, parts)) == 4
