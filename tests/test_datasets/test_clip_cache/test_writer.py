"""A store is written by one process at a time, and continued after an interruption."""

import json
import multiprocessing
import os
import shutil
import signal
import time

import cv2
import numpy as np
import pytest
from store_toy import (
    PREFIX,
    TRAIN,
    build_store,
    change_frame,
    content,
    dataset,
    store_files,
)

from mmaction_mer.datasets.clip_cache import writer
from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.utils.locks import FileLock


def test_only_what_changed_is_built_again(root, rows, built):
    (root / 'store/thesis.tex').touch()  # left alone
    before = content(root / 'store')
    build_store(root, rows[::-1])
    assert not built and content(root / 'store') == before
    change_frame(root)
    build_store(root, rows)
    assert built == ['long'] and len(content(root / 'store')) == len(before)
    build_store(root, rows[:2])
    assert built == ['long'] and len(content(root / 'store')) == 6
    build_store(root, rows[:2], PREFIX[:2])
    assert built == ['long', 'long', 'short'] and len(content(root / 'store')) == 6
    assert {path.name for path in root.iterdir()} == {'ann.json', 'frames', 'store'}


@pytest.mark.parametrize('number', [0, 1])
def test_damaged_files_are_built_again(root, rows, built, number):
    before = content(root / 'store')
    path = store_files(root, 'short')[number]
    np.save(path.with_suffix('.npy'), np.zeros((6, 10, 12, 3), np.int8))
    path.write_bytes(path.read_bytes()[:-7])
    build_store(root, rows)
    assert built == ['short'] and content(root / 'store') == before


@pytest.fixture
def many(tmp_path, fake):
    """Twenty clips of noise."""
    rng = np.random.default_rng(1)
    made = [fake.row('sub01', f'c{number:02d}', onset=1) for number in range(20)]
    for row in made:
        folder = fake.write_frames(tmp_path / 'frames' / row['frame_dir'], range(1, 13))
        for path in folder.iterdir():
            cv2.imwrite(str(path), rng.integers(256, size=(9, 9, 3), dtype=np.uint8))
    return made


def build_slowly(root, rows):
    build_clip = writer.build_clip

    def slow(transforms, row):
        time.sleep(0.05)
        return build_clip(transforms, row)

    writer.build_clip = slow
    build_store(root, rows)


def kill_after(root, rows, count):
    """Kill a process that builds a store when it has finished some clips."""
    context = multiprocessing.get_context('fork')
    process = context.Process(target=build_slowly, args=(root, rows))
    process.start()
    until = time.monotonic() + 240
    while len([*root.glob('store/*.json')]) < count and time.monotonic() < until:
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_a_killed_run_continues(tmp_path, many, built):
    build_store(tmp_path, many)
    wanted = content(tmp_path / 'store')
    shutil.rmtree(tmp_path / 'store')
    built.clear()
    kill_after(tmp_path, many, 6)
    folder = tmp_path / 'store'
    assert not (folder / 'index.json').exists()
    done = {json.loads(path.read_text())['facts']['clip'] for path in folder.glob('*n')}
    assert 6 <= len(done) < 20
    (folder / f'.{"0" * 32}.npy.1.2.half-written').touch()
    build_store(tmp_path, many[::-1])
    assert sorted(built) == sorted({row['clip'] for row in many} - done)
    assert content(folder) == wanted


@pytest.mark.parametrize('change', ['pipeline', 'clips'])
def test_a_killed_run_of_another_plan_leaves_nothing(tmp_path, many, built, change):
    kill_after(tmp_path, many, 3)
    pipeline, wanted = PREFIX, many[1:]
    if change == 'pipeline':
        pipeline, wanted = [*PREFIX[:2], dict(PREFIX[2], scale=(8, 8))], many
    build_store(tmp_path, wanted, pipeline)
    assert len([*tmp_path.glob('store/*.npy')]) == len(wanted)
    frames = np.load(store_files(tmp_path, 'c05')[1], allow_pickle=False)
    assert frames.shape == ((6, 8, 8, 3) if change == 'pipeline' else (6, 10, 12, 3))


def test_the_old_store_stays_until_the_new_one_is_whole(root, rows, monkeypatch):
    before = content(root / 'store')
    other = [*PREFIX[:2], dict(PREFIX[2], scale=(8, 8))]

    def killed(path, value):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(writer, 'write_json', killed)
        build_store(root, rows, other)
    assert before.items() <= content(root / 'store').items()
    assert dataset(root).store is not None


@pytest.mark.slow
def test_two_workers_write_what_one_does(tmp_path, many, built):
    build_store(tmp_path, many)
    wanted = content(tmp_path / 'store')
    shutil.rmtree(tmp_path / 'store')
    built.clear()
    build_store(tmp_path, many, workers=2)
    assert not built  # in this process
    assert content(tmp_path / 'store') == wanted


def test_clips_that_cannot_be_read_are_named_and_the_others_kept(tmp_path, rows, built):
    path = tmp_path / 'frames/sub01/short/img3.jpg'
    intact = path.read_bytes()
    path.write_bytes(b'\xff\xd8broken')
    (tmp_path / 'frames/films/film.avi').rename(tmp_path / 'film')
    with pytest.raises(MERDataError, match=r'2 problem\(s\)') as caught:
        build_store(tmp_path, rows)
    for text in ('img3.jpg', 'fake/sub01/short', 'clip fake/sub02/film'):
        assert text in str(caught.value)
    path.write_bytes(intact)
    (tmp_path / 'film').rename(tmp_path / 'frames/films/film.avi')
    built.clear()
    build_store(tmp_path, rows)
    assert sorted(built) == ['film', 'short']
    assert dataset(tmp_path).store is not None


def test_a_transform_may_not_add_fields_of_its_own(tmp_path, rows, monkeypatch):
    for field, value in dict(label=1, fps='x', frame_inds=np.arange(6.0)).items():
        build_clip = writer.build_clip

        def build(transforms, row, field=field, value=value, build=build_clip):
            return build([*transforms, lambda one: one | {field: value}], row)

        with monkeypatch.context() as patch:
            patch.setattr(writer, 'build_clip', build)
            with pytest.raises(MERDataError, match=f'sub02/film: .*{field}'):
                build_store(tmp_path, rows[3:])


@pytest.mark.parametrize('pipeline', [[], TRAIN, [dict(type='Flip')]])
def test_random_transforms_cannot_be_stored(tmp_path, rows, pipeline):
    with pytest.raises(MERDataError, match='deterministic') as caught:
        build_store(tmp_path, rows, pipeline)
    assert caught.value.path == str(tmp_path / 'store')


def test_rows_that_contradict_each_other(tmp_path, rows):
    with pytest.raises(MERDataError) as caught:
        build_store(tmp_path, [*rows, dict(rows[0], onset=4)])
    assert (caught.value.clip, caught.value.field) == ('fake/sub01/long', 'onset')
    with pytest.raises(MERDataError, match='no clips'):
        build_store(tmp_path, [])


def test_a_full_disk_is_one_message(tmp_path, rows, built, monkeypatch):
    calls = []

    def full(file):
        calls.append(file)
        if len(calls) == 5:  # two clips of two files went well
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(MERDataError, match='No space left on device') as caught:
        build_store(tmp_path, rows)
    assert caught.value.path == str(tmp_path / 'store')
    built.clear()
    build_store(tmp_path, rows)
    assert len(built) == 2


def test_one_process_at_a_time(root, rows):
    with FileLock(root / 'store', folder=True) as lock:
        assert lock.acquire()
        with pytest.raises(MERDataError, match='another process is writing'):
            build_store(root, rows)
    build_store(root, rows)


@pytest.mark.parametrize('file', ['index', 'record', 'frames'])
def test_no_link_leads_writing_out_of_the_data(root, rows, tmp_path_factory, file):
    outside = tmp_path_factory.mktemp('outside') / 'mine'
    outside.write_text('mine')
    record, frames = store_files(root, 'long')
    path = {'record': record, 'frames': frames}.get(file, root / 'store/index.json')
    path.unlink()
    path.symlink_to(outside)
    build_store(root, rows)
    assert outside.read_text() == 'mine' and not path.is_symlink()
    assert dataset(root).store is not None


def test_a_source_file_with_holes_is_not_read_to_its_end(tmp_path, rows):
    with open(tmp_path / 'frames/sub01/long/img3.jpg', 'r+b') as file:
        file.truncate(1 << 36)
    with pytest.raises(MERDataError, match=r'img3\.jpg'):
        build_store(tmp_path, rows)
