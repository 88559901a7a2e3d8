"""A store gives what reading the files gives, or it is refused."""

import json
import os
import pickle
import shutil

import pytest
from store_toy import (
    PREFIX,
    TRAIN,
    assert_all_same,
    assert_same,
    build_store,
    change_annotation,
    change_frame,
    content,
    dataset,
    draws,
    store_files,
)
from torch.utils.data import DataLoader

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.clip_cache import memory, store
from mmaction_mer.engine.work_dir.fingerprint import canonical_config
from mmaction_mer.utils.errors import MERDataError


@pytest.mark.parametrize('cache', [False, True])
def test_every_clip_comes_out_the_same(root, monkeypatch, cache):
    wanted = draws(dataset(root, store=False))
    data = dataset(root, cache=cache)
    assert data.cache is None  # a copy of what the system caches would be of no use
    for name in ('read_images', 'read_video'):
        monkeypatch.setattr(f'mmaction_mer.datasets.clips.{name}', None)
    found = draws(data)
    assert len(found) == 12 and {one['flip'] for one in found} == {True, False}
    assert_all_same(found, wanted)


def test_packed_inputs_are_the_same(root):
    pipeline = [*TRAIN, dict(type='PackMERInputs')]
    plain, stored = (draws(dataset(root, pipeline, store=s)) for s in (False, True))
    for one, other in zip(plain, stored, strict=True):
        assert one['inputs']['clip'].equal(other['inputs']['clip'])
        assert_same(
            one['data_samples'].metainfo | {'label': one['data_samples'].gt_label},
            other['data_samples'].metainfo | {'label': other['data_samples'].gt_label},
        )


@pytest.mark.parametrize(
    'settings', [dict(), dict(cache=True), dict(cache=True, store=False)]
)
def test_the_pipeline_goes_on_after_the_store(root, settings):
    crop = [*PREFIX, dict(type='CenterCrop', crop_size=8), TRAIN[-1]]
    data = dataset(root, crop, **settings)
    assert (data.store is None) == ('store' in settings)
    assert_all_same(draws(data), draws(dataset(root, crop, store=False)))
    assert len(memory._CLIPS) == (4 if settings else 0)


@pytest.mark.parametrize(
    'pipeline',
    [
        [dict(PREFIX[0], max_frames=5), *TRAIN[1:]],
        [*PREFIX[:2], dict(type='Flip'), PREFIX[2]],
        PREFIX[:2],
    ],
)
def test_another_pipeline_reads_files_and_logs_it_once(root, log, pipeline):
    data = [dataset(root, pipeline), dataset(root, pipeline)]
    assert [one.store for one in data] == [None, None]
    assert len(log) == 1 and 'store: not used' in log[0]
    assert_same(draws(data[0])[0], draws(dataset(root, pipeline, store=False))[0])


def test_label_files_share_a_store(root, rows, fake):
    others = [dict(row, label=0, emotion='other', apex=None) for row in rows[1:]]
    write_annotation(root / 'three.json', fake.content(*others))
    data = dataset(root, ann='three.json')
    assert data.store is not None
    assert_all_same(draws(data), draws(dataset(root, ann='three.json', store=False)))
    before = content(root / 'store')
    build_store(root, [*others, *rows])
    assert content(root / 'store') == before


def test_workers_of_a_loader_and_other_processes(root):
    data = dataset(root, PREFIX)
    loader = DataLoader(data, batch_size=2, num_workers=2, collate_fn=list)
    wanted = draws(dataset(root, PREFIX, store=False), 1)
    assert_all_same([clip for batch in loader for clip in batch], wanted)
    sent = pickle.dumps(data)
    assert len(sent) < 10_000
    assert_all_same(draws(pickle.loads(sent), 1), wanted)


def test_lazy_and_partial_datasets(root):
    lazy = dataset(root, PREFIX, lazy_init=True)
    lazy.full_init()
    wanted = dataset(root, PREFIX, store=False)
    assert_same(lazy[2], wanted[2])
    part = lazy.get_subset([3, 1])
    assert part.store is not None and part[0]['clip'] == 'film'
    assert (part[0]['imgs'][0] == wanted[3]['imgs'][0]).all()


def add_frame(root):
    frames = root / 'frames/sub01/long'
    shutil.copy(frames / 'img7.jpg', frames / 'img0010.jpg')


FILES = 'source files were added, removed or changed'
STALE = {
    'fps': (lambda root: change_annotation(root, fps=50), "field 'fps': is"),
    'onset': (lambda root: change_annotation(root, onset=4), "field 'onset': is"),
    'clip': (lambda root: change_annotation(root, clip='x_long'), 'is not in the'),
    'keypoint': (lambda root: change_annotation(root, keypoint=[1]), "'keypoint': has"),
    'removed': (lambda root: (root / 'frames/sub01/long/img8.jpg').unlink(), FILES),
    'added': (add_frame, FILES),
    'changed': (change_frame, FILES),
}


@pytest.mark.parametrize('what', STALE)
def test_a_stale_store_is_refused_until_it_is_built_again(root, rows, what):
    if what == 'added':  # the number is free
        (root / 'frames/sub01/long/img10.jpg').unlink()
        build_store(root, rows)
    change, reason = STALE[what]
    change(root)
    with pytest.raises(
        MERDataError, match=rf'clip fake/sub01/\w*long: .*{reason}'
    ) as e:
        dataset(root)
    assert e.value.path == str(root / 'store') and '1 problem(s)' in str(e.value)
    assert dataset(root, store=False).store is None
    build_store(root, json.loads((root / 'ann.json').read_text())['data_list'])
    if what != 'keypoint':
        assert dataset(root).store is not None


def test_a_copy_with_other_times_is_accepted(root, rows, built, log, tmp_path_factory):
    wanted = draws(dataset(root))
    away = tmp_path_factory.mktemp('away') / 'copy'
    shutil.copytree(root, away, copy_function=shutil.copyfile)
    for number, path in enumerate(sorted(away.rglob('*.jpg'))):
        os.utime(path, (number, number))
    found = draws(dataset(away))
    assert len(log) == 1 and 'source files of 4 clip(s) have other times' in log[0]
    for one in (*found, *wanted):
        one.pop('frame_dir', None), one.pop('video', None)
    assert_all_same(found, wanted)
    build_store(away, rows)  # saves the times and builds nothing
    assert not built
    dataset(away)
    assert len(log) == 1


def test_folds_check_the_files_once(root, monkeypatch):
    asked = []
    state = store.source_state
    monkeypatch.setattr(
        store, 'source_state', lambda files: asked.append(1) or state(files)
    )
    for side in ('train', 'test'):
        dataset(root, held_out='sub01', side=side)
    assert len(asked) == 4
    change_annotation(root, fps=50)  # the rows are compared each time
    with pytest.raises(MERDataError, match='fps'):
        dataset(root)


def test_a_store_that_was_built_again_while_in_use(root, rows):
    data = dataset(root)
    _ = data[0]
    change_frame(root)
    frames = store_files(root, 'long')[1]
    build_store(root, rows)
    _ = data[1]  # the same as before
    with pytest.raises(MERDataError, match='built again while it was in use') as caught:
        _ = data[0]
    assert caught.value.path == str(frames)


def test_links_lead_nowhere_else(root, rows, tmp_path_factory):
    away = tmp_path_factory.mktemp('away')
    link = away / 'root'
    link.symlink_to(root)
    assert dataset(link).store is not None  # the root itself may be a link
    shutil.move(root / 'store', away / 'store')
    (root / 'store').symlink_to(away / 'store')
    for call in (lambda: dataset(root), lambda: build_store(root, rows)):
        with pytest.raises(MERDataError, match='a link leads out of'):
            call()
    (root / 'store').unlink()
    shutil.copytree(away / 'store', root / 'store')
    for path in store_files(root, 'short'):
        path.unlink()
        path.symlink_to(away / 'store' / path.name)
        with pytest.raises(MERDataError, match=rf'{path.name}: a link leads out of'):
            dataset(root)
        path.unlink()
        shutil.copy(away / 'store' / path.name, path)


def test_the_store_is_not_part_of_a_runs_fingerprint():
    plain = dict(train_dataloader=dict(dataset=dict(type='MERDataset')))
    stored = dict(train_dataloader=dict(dataset=dict(type='MERDataset', store=False)))
    assert canonical_config(plain) == canonical_config(stored)
