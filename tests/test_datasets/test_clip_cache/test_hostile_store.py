"""A store that is damaged, or that somebody else made, is refused by file."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from store_toy import change_json, dataset, store_files

from mmaction_mer.datasets.clip_cache.record import HINT
from mmaction_mer.utils.errors import MERDataError


def refused(root, path):
    """A dataset refuses the store by the name of a file when it opens or reads it."""
    with pytest.raises(MERDataError) as caught:
        _ = dataset(root)[0]
    assert HINT in str(caught.value) and str(path) in str(caught.value)
    assert not (root / 'opened').exists()


def pickled(path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (path.parents[1] / 'opened',)

    np.save(path, np.array([Trap()] * 500, dtype=object))


def zipped(path):
    with open(path, 'wb') as file:
        np.savez(file, a=np.zeros(250))


def giant(path):
    header = str(dict(descr='|u1', fortran_order=False, shape=(10**15,)))
    start = b'\x93NUMPY\x01\x00v\x00' + header.ljust(117).encode() + b'\n'
    path.write_bytes(start + bytes(2160))


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def changed(**values):
    return lambda path: change_json(path, lambda one: one.update(values))


DAMAGED = [
    ('npy', lambda path: os.truncate(path, 1000)),
    ('npy', lambda path: path.write_bytes(path.read_bytes() + bytes(5000))),
    ('npy', lambda path: np.save(path, np.zeros(540, np.float32))),
    ('npy', lambda path: np.save(path, np.zeros((6, 12, 10, 3), np.uint8))),
    ('npy', lambda path: path.unlink()),
    ('npy', pickled),
    ('npy', zipped),
    ('npy', giant),
    ('npy', pipe),
    ('json', lambda path: os.truncate(path, 100)),
    ('json', lambda path: path.write_text('[1]')),
    ('json', changed(label=1)),
    ('json', changed(facts=None)),
    ('json', changed(fields=[])),
    ('json', changed(fields={})),
    ('json', pipe),
    ('index', lambda path: os.truncate(path, 300)),
    ('index', lambda path: path.write_text('[1]')),
    ('index', lambda path: path.write_text('{"format": 2}')),
    ('index', changed(format=1)),
    ('index', changed(clips={'a': '../x'})),
    ('index', changed(clips=['a'])),
    ('index', changed(pipeline=[5])),
    ('index', changed(pipeline='x')),
]


@pytest.mark.parametrize(('file', 'damage'), DAMAGED)
def test_damaged_files_are_refused(root, file, damage):
    record, frames = store_files(root, 'long')
    path = dict(npy=frames, json=record, index=root / 'store/index.json')[file]
    damage(path)
    refused(root, path)


def test_frames_that_are_cut_short_while_in_use(root):
    """Through a memory map this would end the process."""
    data = dataset(root)
    assert len(data[0]['imgs'])
    path = store_files(root, 'long')[1]
    os.truncate(path, 200)
    with pytest.raises(MERDataError) as caught:
        _ = data[0]
    assert caught.value.path == str(path)


def test_a_disk_that_fails_is_named(root, monkeypatch):
    def fails(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    data = dataset(root)
    monkeypatch.setattr(np, 'fromfile', fails)
    with pytest.raises(MERDataError, match='Input/output error') as caught:
        _ = data[0]
    assert caught.value.path == str(store_files(root, 'long')[1])


def test_an_index_that_swaps_clips(root):
    def swap(index):
        keys = index['clips']
        keys['fake/sub01/long'] = keys['fake/sub01/short']

    change_json(root / 'store/index.json', swap)
    with pytest.raises(MERDataError, match="fake/sub01/long: field 'clip'"):
        dataset(root)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('label', 0),
        ('subject', 'sub09'),
        ('imgs', []),
        ('sample_idx', 7),
        ('keypoint', [1]),
        ('gt_label', 2),
        ('lazy', {}),
        ('fps', float('nan')),
        ('fps', '100'),
        ('clip_len', 99),
        ('img_shape', [1, 1]),
        ('img_shape', [10, 12, 3]),
        ('scale_factor', 'x'),
        ('scale_factor', [1.0, float('inf')]),
        ('crop_bbox', [0.5, 0, 1, 1]),
        ('keep_ratio', [1]),
        ('keep_ratio', 1),
        ('num_clips', 10**9),
        ('total_frames', True),
        ('frame_inds', [[[1]]]),
        ('frame_inds', [10**30]),
    ],
)
def test_a_store_has_no_say_in_labels_or_types(root, field, value):
    """Whoever made it, or changed it, trains nobody on other classes."""
    path = store_files(root, 'long')[0]
    change_json(path, lambda record: record['fields'].update({field: value}))
    refused(root, path.stem)


def test_a_long_pipeline_is_logged_in_short(root, log):
    path = root / 'store/index.json'
    change_json(path, lambda one: one.update(pipeline=['x' * 5_000_000]))
    assert dataset(root).store is None
    assert sum(map(len, log)) < 5000
