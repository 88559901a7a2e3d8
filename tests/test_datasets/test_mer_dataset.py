import json
import logging
from collections import OrderedDict

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope, init_default_scope

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.mer_dataset import MERDataset
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture
def release(tmp_path, fake):
    """Four subjects with 1, 2, 3 and 4 clips, and the annotation beside them."""
    rows = []
    for subject in range(1, 5):
        for clip in range(subject):
            row = fake.row(f'sub0{subject}', f'c{clip}', label=(subject + clip) % 3)
            fake.write_frames(tmp_path / row['frame_dir'], range(1, 15))
            rows.append(row)
    write_annotation(tmp_path / 'ann.json', fake.content(*rows))
    return tmp_path


@pytest.fixture
def log():
    """Messages of mmengine's current logger."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def build(root, **settings):
    return MERDataset('ann.json', settings.pop('pipeline', []), str(root), **settings)


def rewrite(root, change):
    content = json.loads((root / 'ann.json').read_text())
    change(content)
    (root / 'ann.json').write_text(json.dumps(content))


def test_everything(release, fake):
    dataset = build(release)
    assert len(dataset) == 10
    assert dataset.metainfo['classes'] == fake.classes
    assert dataset.metainfo['dataset'] == 'fake'
    info = dataset.get_data_info(0)
    wanted = fake.row('sub01', 'c0', label=1)
    wanted['frame_dir'] = str(release / 'sub01' / 'c0')
    assert info == wanted | {'sample_idx': 0, 'start_index': 0, 'modality': 'RGB'}


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


def test_the_sides_share_nobody_and_lose_nobody(release):
    sides = {
        side: build(release, held_out=['sub04'], inner=('sub01', 'sub02'), side=side)
        for side in ('train', 'val', 'test')
    }
    assert set(sides['test'].subjects) == {'sub04'}
    assert set(sides['val'].subjects) == {'sub01', 'sub02'}
    assert set(sides['train'].subjects) == {'sub03'}
    clips = [name for side in sides.values() for name in side.clips]
    assert len(clips) == len(set(clips)) == 10


def test_without_subjects_train_is_all_but_inner(release):
    assert len(build(release, side='train')) == 10
    assert set(build(release, side='train', inner='sub04').subjects) == {
        'sub01',
        'sub02',
        'sub03',
    }


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(held_out='sub09', side='test'), "'sub09' not in.*sub01, sub02, sub03"),
        (dict(held_out='sub01', inner='sub09', side='train'), "inner.*'sub09' not in"),
        (dict(held_out='sub01', inner='sub01', side='train'), 'both sides.*sub01'),
        (dict(held_out=[1], side='test'), 'held_out.*1 is not'),
        (dict(side='test'), 'needs held_out'),
        (dict(held_out='sub01', side='val'), 'needs inner'),
        (dict(held_out='sub01'), "side='all', the default.*sub01.*side='train'"),
        (dict(held_out='sub01', side='all'), "side='test' to evaluate"),
        (dict(held_out=['sub01', 'sub02'], inner='sub03'), 'sub01, sub02'),
        (dict(inner=['sub03']), "inner .sub03. too.*side='val' to evaluate"),
        (dict(side='training'), 'not one of all, train'),
        (
            dict(held_out=['sub01', 'sub02'], inner=['sub03', 'sub04'], side='train'),
            'no subject to train on',
        ),
        (
            dict(held_out=['sub01', 'sub02', 'sub03', 'sub04'], side='test'),
            'no subject',
        ),
        (dict(data_prefix=dict(video='')), 'data_prefix must be'),
        (dict(metainfo=dict(classes=['b', 'a'])), 'labels would change'),
    ],
)
def test_settings_that_do_not_fit(release, settings, message):
    with pytest.raises(MERDataError, match=message):
        build(release, **settings)


def test_clips_without_frames_are_collected_then_skipped(release, log):
    for image in (release / 'sub03' / 'c1').iterdir():
        image.unlink()
    (release / 'sub04' / 'c2').rename(release / 'sub04' / 'moved')
    with pytest.raises(MERDataError) as caught:
        build(release)
    message = str(caught.value)
    assert 'ann.json' in message and '2 problem(s)' in message
    assert 'fake/sub03/c1' in message and 'fake/sub04/c2' in message
    with pytest.raises(MERDataError, match='max_missing is 1'):
        build(release, max_missing=1)
    dataset = build(release, max_missing=2)
    assert len(dataset) == 8
    assert ['fake/sub03/c1' in log[0], 'fake/sub04/c2' in log[1]] == [True, True]
    assert len(log) == 2 and all(line.startswith('skipped: ') for line in log)


def test_frames_missing_in_the_middle_are_logged(release, log):
    (release / 'sub01' / 'c0' / 'img6.jpg').unlink()
    dataset = build(release)
    assert len(dataset) == 10
    assert 'fake/sub01/c0: 1 of 10 frames are missing (first: 6)' in log[0]


def test_every_fold_meets_the_same_problems(release):
    (release / 'sub04' / 'c2').rename(release / 'sub04' / 'moved')
    for side in ('train', 'test'):
        with pytest.raises(MERDataError, match='fake/sub04/c2'):
            build(release, held_out='sub01', side=side)


def test_a_subject_without_a_usable_clip_is_unknown(release):
    (release / 'sub01' / 'c0').rename(release / 'sub01' / 'moved')
    with pytest.raises(MERDataError, match="'sub01' not in the data; it holds sub02"):
        build(release, held_out='sub01', side='test', max_missing=1)


@pytest.mark.parametrize('path', ['../sub01/c0', '/etc', 'sub01/../../x'])
def test_paths_stay_below_the_root(release, path):
    rewrite(release, lambda content: content['data_list'][0].update(frame_dir=path))
    with pytest.raises(MERDataError, match=r"ann\.json(.|\n)*sub01/c0.*'frame_dir'"):
        build(release, max_missing=9)


def test_broken_annotations_are_named(release):
    rewrite(release, lambda content: content['data_list'][3].update(fps=float('nan')))
    with pytest.raises(MERDataError, match=r"sub03/c0.*field 'fps'.*nan"):
        build(release)
    text = (release / 'ann.json').read_text()
    (release / 'ann.json').write_text(text[:200])
    with pytest.raises(MERDataError, match=r'ann\.json: not a JSON file'):
        build(release)
    (release / 'ann.json').unlink()
    with pytest.raises(MERDataError, match=r'ann\.json: annotation file not found'):
        build(release)


def test_the_frames_may_lie_elsewhere(release, tmp_path_factory):
    away = tmp_path_factory.mktemp('away')
    (release / 'ann.json').rename(away / 'ann.json')
    dataset = MERDataset(str(away / 'ann.json'), [], data_prefix=dict(img=str(release)))
    assert dataset.get_data_info(0)['frame_dir'] == str(release / 'sub01' / 'c0')
    with pytest.raises(MERDataError, match='data root .* is not a folder'):
        MERDataset(str(away / 'ann.json'), [], data_prefix=dict(img='/no/such/root'))


@pytest.mark.parametrize('serialize', [True, False])
def test_mmengine_features(release, serialize):
    dataset = build(release, serialize_data=serialize, indices=4)
    assert dataset.clips == [
        'fake/sub01/c0',
        'fake/sub02/c0',
        'fake/sub02/c1',
        'fake/sub03/c0',
    ]
    assert dataset.get_data_info(-1)['sample_idx'] == 3
    assert dataset.get_subset([2, 0]).clips == ['fake/sub02/c1', 'fake/sub01/c0']
    assert len(dataset) == 4
    dataset.get_subset_(1)
    assert dataset.clips == ['fake/sub01/c0']


SCOPES = [None, 'mmengine', 'mmcv', 'mmaction', 'mmpretrain', 'nobody']


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('lazy', [False, True])
def test_transforms_are_found_in_any_scope(release, monkeypatch, scope, lazy):
    """By plain names: ours, mmaction's, mmcv's, and those within a transform.

    So without a default scope, in that of another library, of nobody, and after
    another runner has set its own.
    """
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
    # Frames 3 to 12 are 10 grey levels apart; of four the middle ones are averaged.
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


@pytest.mark.parametrize(
    'reader',
    [
        dict(type='SampleFrames', clip_len=4),
        dict(type='DenseSampleFrames', clip_len=4),
        dict(type='UniformSample', clip_len=4),
        dict(type='UntrimmedSampleFrames', clip_len=4),
        dict(type='RawFrameDecode'),
        dict(type='DecordInit'),
        dict(type='PyAVInit'),
        dict(type='OpenCVInit'),
    ],
    ids=lambda reader: reader['type'],
)
def test_stock_readers_are_refused_by_name(release, reader):
    """Samplers and decoders that count from the start of a file, not from onset.

    Also where the data set is not read yet.
    """
    wanted = f"ann.json: the pipeline holds {reader['type']} .*type='LoadMERFrames'"
    for lazy in (False, True):
        with pytest.raises(MERDataError, match=wanted):
            build(release, pipeline=[reader], lazy_init=lazy)


def test_lazy_init_waits(release):
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
    with pytest.raises(MERDataError, match="dataset 'casme2', which no clip has"):
        build(release, filter_cfg=dict(dataset=['fake', 'casme2']))
    # What another side of the fold has is no mistake, but an empty side is.
    with pytest.raises(MERDataError, match='no clip is left'):
        build(release, filter_cfg=dict(subject='sub04'), held_out='sub01', side='test')
    with pytest.raises(MERDataError, match="'camera'"):
        build(release, filter_cfg=dict(camera=['left']))


def test_wrappers_of_mmengine(release):
    dataset = build(release)
    balanced = ClassBalancedDataset(dataset, oversample_thr=0.5)
    assert len(balanced) >= 10
    assert dataset.get_cat_ids(0) == [1]
    assert len(ConcatDataset([build(release), build(release)])) == 20


def test_loader_workers_get_the_frames(release):
    from torch.utils.data import DataLoader

    dataset = build(release, pipeline=[dict(type='LoadMERFrames', max_frames=4)])
    loader = DataLoader(dataset, batch_size=5, num_workers=1, collate_fn=list)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [5, 5]
    assert all(np.array_equal(item['frame_inds'], [3, 6, 9, 12]) for item in batches[0])


def test_an_unreadable_image_keeps_its_name_across_workers(release):
    from torch.utils.data import DataLoader

    (release / 'sub01' / 'c0' / 'img3.jpg').write_bytes(b'\xff\xd8broken')
    dataset = build(release, pipeline=[dict(type='LoadMERFrames')])
    loader = DataLoader(dataset, num_workers=1, collate_fn=list)
    with pytest.raises(MERDataError, match=r'img3\.jpg: clip fake/sub01/c0'):
        list(loader)
