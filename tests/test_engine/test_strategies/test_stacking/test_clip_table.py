"""The table returns the clips of the loader, and the inputs of the preprocessor."""

import pytest
import torch
from mmaction.registry import DATASETS
from mmengine.dataset import pseudo_collate

from mmaction_mer.engine.strategies.stacking import clip_table
from mmaction_mer.engine.strategies.stacking.clip_table import ClipTable
from mmaction_mer.engine.strategies.stacking.compatibility import (
    StackingNotSupportedError,
)
from mmaction_mer.models import MERDataPreprocessor
from mmaction_mer.utils.errors import MERDataError

CPU = torch.device('cpu')
PIPELINE = [
    dict(type='LoadMERFrames', max_frames=4),
    dict(type='StandardizeLength', length=4),
    dict(type='PackMERInputs'),
]


def dataset(root, pipeline=PIPELINE, **kwargs):
    cfg = dict(
        type='MERDataset', ann_file='annotations.json', data_root=str(root),
        data_prefix=dict(img='frames'), pipeline=[dict(one) for one in pipeline],
    )  # fmt: skip
    return DATASETS.build({**cfg, **kwargs})


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_inputs_are_those_of_the_preprocessor(toy_data, share, monkeypatch):
    monkeypatch.setattr(clip_table, 'STREAMS_SHARE', share)
    data = dataset(toy_data)
    table = ClipTable(data, CPU)
    preprocessor = MERDataPreprocessor(augmentation=dict(crop=6, flip=0.5))
    table.prepare(preprocessor)
    assert (table._streams is not None) == bool(share)
    numbers = torch.tensor([[3, 0, 7], [15, 3, 1]])
    torch.manual_seed(0)
    geometry = preprocessor.augmentation.draw(6)
    inputs = table.inputs(preprocessor, numbers, geometry)
    torch.manual_seed(0)
    batch = pseudo_collate([data[number] for number in numbers.flatten().tolist()])
    expected = preprocessor(batch, training=True)['inputs']
    for key, one in inputs.items():
        assert one.shape[:2] == (2, 3)
        torch.testing.assert_close(one.flatten(0, 1), expected[key])
    labels = [int(sample.gt_label) for sample in batch['data_samples']]
    assert table.labels[numbers].flatten().tolist() == labels


def test_numbers_follow_a_sides_own_order_through_wrappers(toy_data):
    table = ClipTable(dataset(toy_data), CPU)
    side = dataset(toy_data, held_out=['s2'], side='train')
    names = list(table.place)
    assert [names[i].split('/')[1] for i in table.numbers(side)] == (
        ['s1'] * 4 + ['s3'] * 4 + ['s4'] * 4
    )
    twice = DATASETS.build(dict(type='RepeatDataset', dataset=side, times=2))
    assert table.numbers(twice).tolist() == 2 * table.numbers(side).tolist()


def test_batches_are_copies(toy_data):
    table = ClipTable(dataset(toy_data), CPU)
    table.batch([2])['data_samples'][0].set_pred_label(1)
    assert 'pred_label' not in table.batch([2])['data_samples'][0]


def assert_rejected(root, match, pipeline=PIPELINE):
    with pytest.raises(StackingNotSupportedError, match=match):
        ClipTable(dataset(root, pipeline), CPU)


def test_what_no_table_can_hold(toy_data, monkeypatch):
    assert_rejected(
        toy_data,
        'Flip in the pipeline',
        [*PIPELINE[:2], dict(type='Flip'), PIPELINE[2]],
    )
    assert_rejected(toy_data, 'does not end in PackMERInputs', PIPELINE[:2])
    streams = [dict(type='EulerianMagnification'), dict(type='RankPooling')]
    assert_rejected(
        toy_data, 'EulerianMagnification', [*PIPELINE[:2], *streams, PIPELINE[2]]
    )
    monkeypatch.setattr(clip_table, 'available_memory', lambda device: 1000)
    assert_rejected(toy_data, '16 clips take 0.0 GB, more than 40%')


def test_a_clip_that_cannot_be_read_is_named(toy_data, tmp_path):
    import shutil

    root = tmp_path / 'data'
    shutil.copytree(toy_data, root)
    data = dataset(root)
    for frame in (root / 'frames' / 's3_c2').iterdir():
        frame.write_bytes(b'broken')
    with pytest.raises(MERDataError, match='s3_c2'):
        ClipTable(data, CPU)
