import json
import logging
from collections import OrderedDict

import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import classes, content, row, write_frames
from mmaction.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope, init_default_scope
from torch.utils.data import DataLoader

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.mer_dataset import MERDataset


@pytest.fixture
def release(tmp_path):
    """Write four subjects with 1, 2, 3 and 4 clips, and their annotation."""
    rows = []
    for subject in range(1, 5):
        for clip in range(subject):
            one = row(f'sub0{subject}', f'c{clip}', label=(subject + clip) % 3)
            write_frames(tmp_path / one['frame_dir'], range(1, 15))
            rows.append(one)
    write_annotation(tmp_path / 'ann.json', content(*rows))
    return tmp_path


@pytest.fixture
def log():
    """Collect the messages of mmengine's current logger."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def build(root, **settings):
    return MERDataset('ann.json', settings.pop('pipeline', []), str(root), **settings)


def test_all_clips(release):
    dataset = build(release)
    assert len(dataset) == 10
    assert dataset.metainfo['classes'] == classes
    assert dataset.metainfo['dataset'] == 'fake'
    expected = row('sub01', 'c0', label=1, frame_dir=str(release / 'sub01' / 'c0'))
    expected |= {'sample_idx': 0, 'start_index': 0, 'modality': 'RGB'}
    assert dataset.get_data_info(0) == expected


def test_it_is_built_from_a_config(release):
    init_default_scope('mmaction')
    config = dict(
        type='MERDataset',
        ann_file='ann.json',
        data_root=str(release),
        data_prefix=dict(img=''),
        pipeline=[dict(type='LoadMERFrames', max_frames=4)],
        held_out='sub02',
        side='test',
        test_mode=True,
    )
    dataset = DATASETS.build(config)
    assert [item['frame_inds'].tolist() for item in dataset] == [[3, 6, 9, 12]] * 2


def test_the_sides_are_disjoint_and_complete(release):
    sides = {
        side: build(release, held_out=['sub04'], inner=('sub01', 'sub02'), side=side)
        for side in ('train', 'val', 'test')
    }
    assert set(sides['test'].subjects) == {'sub04'}
    assert set(sides['val'].subjects) == {'sub01', 'sub02'}
    assert set(sides['train'].subjects) == {'sub03'}
    clips = [name for side in sides.values() for name in side.clips]
    assert len(clips) == len(set(clips)) == 10
    # Without held-out subjects, all but the inner ones are for training.
    assert len(build(release, side='train')) == 10
    subjects = build(release, side='train', inner='sub04').subjects
    assert set(subjects) == {'sub01', 'sub02', 'sub03'}


ALL = ['sub01', 'sub02', 'sub03', 'sub04']


@pytest.mark.parametrize(
    ('settings', 'field', 'words'),
    [
        (dict(held_out='sub09', side='test'), 'held_out', 'sub01, sub02, sub03'),
        (dict(held_out='sub01', inner='sub09', side='train'), 'inner', "'sub09'"),
        (dict(held_out='sub01', inner='sub01', side='train'), None, 'on both sides'),
        (dict(held_out=[1], side='test'), 'held_out', 'quotes'),
        (dict(side='test'), 'side', 'needs held_out'),
        (dict(held_out='sub01', side='val'), 'side', 'needs inner'),
        (dict(held_out='sub01'), 'side', "side='test' to evaluate"),
        (dict(held_out=ALL[:2], inner='sub03'), 'side', 'sub01, sub02'),
        (dict(inner=['sub03']), 'side', "side='val' to evaluate"),
        (dict(side='training'), 'side', 'all, train'),
        (dict(held_out=ALL[:2], inner=ALL[2:], side='train'), None, 'to train on'),
        (dict(held_out=ALL, side='test'), None, 'no subject'),
        (dict(data_prefix=dict(video='')), 'data_prefix', 'img'),
        (dict(metainfo=dict(classes=['b', 'a'])), 'metainfo.classes', 'labels'),
        (dict(filter_cfg=dict(dataset=['fake', 'casme2'])), 'filter_cfg', 'casme2'),
        (dict(filter_cfg=dict(camera=['left'])), 'filter_cfg', "'camera'"),
        # A value of another side of the fold is valid, but an empty side is not.
        (
            dict(filter_cfg=dict(subject='sub04'), held_out='sub01', side='test'),
            'filter_cfg',
            'no clip is left',
        ),
    ],
)
def test_settings_that_do_not_fit(release, settings, field, words):
    with raises_data_error(words, field=field):
        build(release, **settings)


def test_clips_without_frames_are_listed_or_skipped(release, log):
    for image in (release / 'sub03' / 'c1').iterdir():
        image.unlink()
    (release / 'sub04' / 'c2').rename(release / 'sub04' / 'moved')
    (release / 'sub01' / 'c0' / 'img6.jpg').unlink()
    for settings in (
        {},
        dict(max_missing=1),
        # Every fold checks all clips.
        dict(held_out='sub01', side='train'),
        dict(held_out='sub01', side='test'),
    ):
        with raises_data_error(
            '2 problem(s)',
            'fake/sub03/c1',
            'fake/sub04/c2',
            path=release / 'ann.json',
        ):
            build(release, **settings)
    dataset = build(release, max_missing=2)
    assert len(dataset) == 8 and len(log) == 3
    assert 'skipped' in log[0] and 'fake/sub03/c1' in log[0]
    assert 'skipped' in log[1] and 'fake/sub04/c2' in log[1]
    assert 'fake/sub01/c0: 1 of 10 frames are missing (first: 6)' in log[2]


def test_a_subject_without_a_usable_clip_does_not_exist(release):
    (release / 'sub01' / 'c0').rename(release / 'sub01' / 'moved')
    with raises_data_error("'sub01'", 'has sub02', field='held_out'):
        build(release, held_out='sub01', side='test', max_missing=1)


def test_errors_of_the_annotation_are_passed_on(release):
    path = release / 'ann.json'
    text = path.read_text()
    for frame_dir in ('../sub01/c0', '/etc', 'sub01/../../x'):
        changed = json.loads(text)
        changed['data_list'][0]['frame_dir'] = frame_dir
        path.write_text(json.dumps(changed))
        with raises_data_error('sub01/c0', "'frame_dir'", path=path):
            build(release, max_missing=9)
    path.write_text(text[:200])
    with raises_data_error(path=path):
        build(release)
    path.unlink()
    with raises_data_error('not found', path=path):
        build(release)


def test_the_frames_may_be_elsewhere(release, tmp_path_factory):
    away = tmp_path_factory.mktemp('away')
    (release / 'ann.json').rename(away / 'ann.json')
    dataset = MERDataset(str(away / 'ann.json'), [], data_prefix=dict(img=str(release)))
    assert dataset.get_data_info(0)['frame_dir'] == str(release / 'sub01' / 'c0')
    with raises_data_error('data root', path=away / 'ann.json', hint=True):
        MERDataset(str(away / 'ann.json'), [], data_prefix=dict(img='/no/such/root'))


@pytest.mark.parametrize('serialize', [True, False])
def test_mmengine_features(release, serialize):
    dataset = build(release, serialize_data=serialize, indices=4)
    first = ['sub01/c0', 'sub02/c0', 'sub02/c1', 'sub03/c0']
    assert dataset.clips == [f'fake/{name}' for name in first]
    assert dataset.get_data_info(-1)['sample_idx'] == 3
    assert dataset.get_subset([2, 0]).clips == ['fake/sub02/c1', 'fake/sub01/c0']
    assert len(dataset) == 4
    dataset.get_subset_(1)
    assert dataset.clips == ['fake/sub01/c0']
    assert len(ConcatDataset([build(release), build(release)])) == 20
    balanced = ClassBalancedDataset(build(release), oversample_thr=0.5)
    assert len(balanced) >= 10 and dataset.get_cat_ids(0) == [1]


SCOPES = [None, 'mmengine', 'mmcv', 'mmaction', 'mmpretrain', 'unknown']


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('lazy', [False, True])
def test_transforms_are_found_in_any_scope(release, monkeypatch, scope, lazy):
    """By plain names: ours, mmaction's, mmcv's, and those within a transform."""
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    if scope is not None:
        DefaultScope.get_instance('another runner', scope_name=scope)
    resize = dict(type='Resize', scale=(4, 4), keep_ratio=False)
    pipeline = [
        dict(type='LoadMERFrames', max_frames=4),
        dict(type='StandardizeLength', length=3),
        dict(type='RandomApply', prob=1.0, transforms=[resize]),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs', meta_keys=('clip', 'fps')),
    ]
    item = build(release, pipeline=pipeline, lazy_init=lazy)[0]
    # Frames 3 to 12 are 10 gray levels apart; the middle ones of four are averaged.
    assert item['inputs'].shape == (3, 3, 4, 4)
    assert item['inputs'].float().mean((1, 2, 3)).tolist() == [30, 75, 120]
    assert item['data_samples'].fps == pytest.approx(200 * 2 / 9)
    found = DefaultScope.get_current_instance()
    assert (found and found.scope_name) == scope


def test_names_with_a_prefix_are_of_other_libraries(release):
    pipeline = [
        dict(type='LoadMERFrames'),
        dict(type='mmcv.RandomFlip', prob=0.0),
        dict(type='mmpretrain.RandomCrop', crop_size=4),
    ]
    transforms = build(release, pipeline=pipeline).pipeline.transforms
    modules = [type(one).__module__.partition('.')[0] for one in transforms]
    assert modules == ['mmaction_mer', 'mmcv', 'mmpretrain']


@pytest.mark.parametrize('lazy', [False, True])
def test_readers_of_mmaction_are_rejected(release, lazy):
    """They count from the start of a file, not from the onset."""
    samplers = ('SampleFrames', 'DenseSampleFrames', 'UniformSample')
    readers = [dict(type=name, clip_len=4) for name in samplers]
    readers += [dict(type='UntrimmedSampleFrames', clip_len=4)]
    names = ('RawFrameDecode', 'DecordInit', 'PyAVInit', 'OpenCVInit')
    for reader in (*readers, *(dict(type=name) for name in names)):
        with raises_data_error(
            reader['type'], "type='LoadMERFrames'", path='ann.json', field='pipeline'
        ):
            build(release, pipeline=[reader], lazy_init=lazy)


def test_lazy_init(release):
    text = (release / 'ann.json').read_text()
    (release / 'ann.json').unlink()
    dataset = build(release, lazy_init=True, held_out='sub02', side='test')
    (release / 'ann.json').write_text(text)
    dataset.full_init()
    assert len(dataset) == 2 and dataset.metainfo['classes'][0] == 'negative'


def test_filter_cfg_keeps_values(release):
    dataset = build(release, filter_cfg=dict(label=[0, 1], subject='sub04'))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert {info['label'] for info in infos} == {0, 1} and len(infos) == 3
    assert set(dataset.subjects) == {'sub04'}


def test_loader_workers(release):
    """They return the frames, and their errors keep the fields."""
    pipeline = [dict(type='LoadMERFrames', max_frames=4)]
    loader = DataLoader(
        build(release, pipeline=pipeline), 5, num_workers=1, collate_fn=list
    )
    batches = list(loader)
    assert [len(batch) for batch in batches] == [5, 5]
    assert all(np.array_equal(item['frame_inds'], [3, 6, 9, 12]) for item in batches[0])
    (release / 'sub01' / 'c0' / 'img3.jpg').write_bytes(b'\xff\xd8broken')
    with raises_data_error('img3.jpg', 'fake/sub01/c0'):
        list(loader)
