"""A small clip store, and comparisons of what datasets return with and without it."""

import json

import numpy as np

from mmaction_mer.datasets.clip_cache import write_store
from mmaction_mer.datasets.mer_dataset import MERDataset

PREFIX = [
    dict(type='LoadMERFrames', max_frames=6),
    dict(type='StandardizeLength', length=6),
    dict(type='Resize', scale=(12, 10), keep_ratio=False),
]
TRAIN = [*PREFIX, dict(type='Flip', flip_ratio=0.5)]


def build_store(root, rows, config=PREFIX, workers=1):
    folder = root / 'store'
    return write_store(folder, rows, root / 'frames', config, workers, progress=False)


def dataset(root, pipeline=TRAIN, ann='ann.json', **settings):
    return MERDataset(ann, pipeline, str(root), dict(img='frames'), **settings)


def draws(data, passes=3):
    """The samples of some epochs, by the same random numbers each time."""
    np.random.seed(7)
    return [data[index] for _ in range(passes) for index in range(len(data))]


def assert_same(first, second):
    """Two results dicts are the same, to the types and the order of their keys."""
    assert list(first) == list(second)
    for key, value in first.items():
        other = second[key]
        assert type(value) is type(other), key
        if key == 'imgs':
            assert all(a.flags.writeable and a.dtype == np.uint8 for a in value)
        assert np.asarray(value).dtype == np.asarray(other).dtype, key
        np.testing.assert_array_equal(value, other)


def assert_all_same(first, second):
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def store_files(root, clip):
    """The JSON file and the frames of a clip in a store."""
    keys = json.loads((root / 'store/index.json').read_text())['clips']
    name = next(name for name in keys if name.endswith(f'/{clip}'))
    return [root / 'store' / f'{keys[name]}.{suffix}' for suffix in ('json', 'npy')]


def change_json(path, change):
    """Rewrite a JSON file after ``change`` was applied to its content."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def change_annotation(root, **fields):
    change_json(root / 'ann.json', lambda one: one['data_list'][0].update(fields))


def change_frame(root):
    """Change a frame of the clip ``long``, but not the size of its file."""
    path = root / 'frames/sub01/long/img4.jpg'
    payload = bytearray(path.read_bytes())
    payload[-9] ^= 1
    path.write_bytes(payload)
