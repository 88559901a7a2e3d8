"""A store gives what reading the files gives, or it is refused by name."""

import contextlib
import errno
import json
import logging
import multiprocessing
import os
import pickle
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmaction.datasets.transforms import CenterCrop, Resize
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from paths import ROOT
from torch.utils.data import DataLoader

from mmaction_mer.datasets import clip_cache
from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.clip_store import making, reading, workplace
from mmaction_mer.datasets.clip_store.layout import decode, encode
from mmaction_mer.datasets.clip_store.reading import find_store
from mmaction_mer.datasets.clip_store.writing import STANDARD, write_store
from mmaction_mer.datasets.mer_dataset import MERDataset
from mmaction_mer.engine.work_dir.fingerprint import canonical_config
from mmaction_mer.utils.errors import MERDataError

BEGINNING = [
    dict(type='LoadMERFrames', max_frames=6),
    dict(type='StandardizeLength', length=6),
    dict(type='Resize', scale=(12, 10), keep_ratio=False),
]
TRAIN = [*BEGINNING, dict(type='Flip', flip_ratio=0.5)]
ADVICE = r'remake it with --store of tools/data/prepare\.py'


@pytest.fixture(autouse=True)
def fresh_process():
    """What a process remembers of stores is forgotten."""
    for remembered in (reading._index, reading._pixels):
        remembered.cache_clear()
    reading._COMPARED.clear()
    clip_cache.forget_clips()


@pytest.fixture
def rows(tmp_path, fake):
    """Noise as frames: longer than six frames, shorter, with holes, and a video."""
    made = [
        fake.row('sub01', 'long', fps=100.0),
        fake.row('sub01', 'short', offset=6, apex=None, label=1),
        fake.row('sub02', 'holes', label=2, emotion='joy', aus=[]),
        fake.row('sub02', 'film', video='films/film.avi', onset=2, offset=9, label=1),
    ]
    rng = np.random.default_rng(0)
    for row in made[:3]:
        folder = fake.write_frames(tmp_path / 'frames' / row['frame_dir'], range(1, 15))
        for path in folder.iterdir():
            cv2.imwrite(str(path), rng.integers(256, size=(20, 16, 3), dtype=np.uint8))
    for number in (5, 6, 7):
        (tmp_path / f'frames/sub02/holes/img{number}.jpg').unlink()
    fake.write_video(tmp_path / 'frames/films/film.avi', 12)
    del made[3]['frame_dir'], made[3]['filename_tmpl']
    write_annotation(tmp_path / 'ann.json', fake.content(*made))
    return made


@pytest.fixture
def root(tmp_path, rows):
    """A prepared folder with a store."""
    store(tmp_path, rows)
    return tmp_path


@pytest.fixture
def log():
    """What mmengine's current logger says of stores."""
    messages = []
    handler = logging.Handler(logging.INFO)
    handler.filter = lambda record: 'store' in record.getMessage()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


@pytest.fixture
def made(monkeypatch):
    """Names of the clips that this process makes for a store."""
    names = []
    make_clip = making.make_clip

    def counted(transforms, row):
        names.append(row['clip'])
        return make_clip(transforms, row)

    monkeypatch.setattr(making, 'make_clip', counted)
    return names


def store(folder, rows, config=BEGINNING, workers=1, **settings):
    frames = folder / 'frames'
    return write_store(
        folder / 'store', rows, frames, config, workers, progress=False, **settings
    )


def dataset(root, pipeline=TRAIN, ann='ann.json', **settings):
    return MERDataset(ann, pipeline, str(root), dict(img='frames'), **settings)


def same(first, second):
    """Two results dicts are the same, to the types and the order of their keys."""
    assert list(first) == list(second)
    for key, value in first.items():
        other = second[key]
        assert type(value) is type(other), key
        if key == 'imgs':
            assert all(a.flags.writeable and a.dtype == np.uint8 for a in value)
        assert np.asarray(value).dtype == np.asarray(other).dtype, key
        np.testing.assert_array_equal(value, other)


def draws(data, passes=3):
    np.random.seed(7)
    return [data[number] for _ in range(passes) for number in range(len(data))]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_standard_is_the_beginning_of_the_config():
    path = ROOT / 'configs/_base_/datasets/mer_224.py'
    config = Config.fromfile(path)
    for loader in (config.train_dataloader, config.test_dataloader):
        pipeline = loader.dataset.pipeline
        count = len(clip_cache.beginning(Compose(pipeline).transforms))
        assert [dict(part) for part in pipeline[:count]] == list(STANDARD)


@pytest.mark.parametrize('cache', [False, True])
def test_every_clip_comes_out_the_same(root, monkeypatch, cache):
    wanted = draws(dataset(root, store=False))
    data = dataset(root, cache=cache)
    for name in ('read_images', 'read_video'):
        monkeypatch.setattr(f'mmaction_mer.datasets.clips.{name}', None)
    found = draws(data)
    assert len(found) == 12 and {one['flip'] for one in found} == {True, False}
    for one, other in zip(found, wanted, strict=True):
        same(one, other)


def test_packed_inputs_are_the_same(root):
    pipeline = [*TRAIN, dict(type='PackMERInputs')]
    plain, stored = (draws(dataset(root, pipeline, store=s)) for s in (False, True))
    for one, other in zip(plain, stored, strict=True):
        assert one['inputs']['clip'].equal(other['inputs']['clip'])
        same(
            one['data_samples'].metainfo | {'label': one['data_samples'].gt_label},
            other['data_samples'].metainfo | {'label': other['data_samples'].gt_label},
        )


def test_what_comes_after_the_store_goes_on(root):
    crop = [*BEGINNING, dict(type='CenterCrop', crop_size=8), TRAIN[-1]]
    wanted = draws(dataset(root, crop, store=False))
    for settings in (dict(), dict(cache=True), dict(cache=True, store=False)):
        clip_cache.forget_clips()
        data = dataset(root, crop, **settings)
        assert (data.stored is None) == ('store' in settings)
        for one, other in zip(draws(data), wanted, strict=True):
            same(one, other)
        assert len(clip_cache._CLIPS) == (4 if settings else 0)
    # A copy of the memory map would be of no use.
    assert dataset(root, cache=True).cache is None


def test_what_is_kept_is_not_written_into(root):
    before = content(root / 'store')
    data = dataset(root, [*BEGINNING, dict(type='Flip', flip_ratio=1.0)])
    first, second = data[0], data[0]
    first['frame_inds'] += 1000
    same(second, data[0])
    assert content(root / 'store') == before


def test_settings_count_not_how_they_are_written(root, log):
    other = [
        dict(type='mmaction.LoadMERFrames', max_frames=6),
        dict(type='mmaction.StandardizeLength', length=6, average=False),
        dict(BEGINNING[2], interpolation='bilinear'),
    ]
    assert dataset(root, other).stored is not None and not log


@pytest.mark.parametrize(
    'pipeline',
    [
        [dict(BEGINNING[0], max_frames=5), *TRAIN[1:]],
        [*BEGINNING[:2], dict(type='Resize', scale=(12, 12), keep_ratio=False)],
        [*BEGINNING[:2], dict(type='Flip'), BEGINNING[2]],
        BEGINNING[:2],
    ],
)
def test_another_pipeline_reads_files_and_says_so_once(root, log, pipeline):
    data = [dataset(root, pipeline), dataset(root, pipeline)]
    assert [one.stored for one in data] == [None, None]
    assert len(log) == 1 and 'store: not used' in log[0]
    same(draws(data[0])[0], draws(dataset(root, pipeline, store=False))[0])


def test_label_files_share_a_store(root, rows, fake):
    others = [dict(row, label=0, emotion='other', apex=None) for row in rows[1:]]
    write_annotation(root / 'three.json', fake.content(*others))
    data = dataset(root, ann='three.json')
    assert data.stored is not None
    for one, other in zip(
        draws(data), draws(dataset(root, ann='three.json', store=False)), strict=True
    ):
        same(one, other)
    before = content(root / 'store')
    store(root, [*others, *rows])
    assert content(root / 'store') == before


def test_loader_workers_and_other_processes(root):
    data = dataset(root, BEGINNING)
    loader = DataLoader(data, batch_size=2, num_workers=2, collate_fn=list)
    found = [clip for batch in loader for clip in batch]
    sent = pickle.dumps(data)
    assert len(sent) < 10_000
    reading._index.cache_clear(), reading._pixels.cache_clear()
    elsewhere = pickle.loads(sent)
    for number, clip in enumerate(draws(dataset(root, BEGINNING, store=False), 1)):
        same(found[number], clip)
        same(elsewhere[number], clip)


def test_lazy_and_partial_data_sets(root):
    lazy = dataset(root, BEGINNING, lazy_init=True)
    lazy.full_init()
    wanted = dataset(root, BEGINNING, store=False)
    same(lazy[2], wanted[2])
    part = lazy.get_subset([3, 1])
    assert part.stored is not None
    assert part[0]['clip'] == 'film'
    np.testing.assert_array_equal(part[0]['imgs'], wanted[3]['imgs'])


def change_annotation(root, **changes):
    whole = json.loads((root / 'ann.json').read_text())
    whole['data_list'][0].update(changes)
    (root / 'ann.json').write_text(json.dumps(whole))


def change_content(root):
    path = root / 'frames/sub01/long/img4.jpg'
    payload = bytearray(path.read_bytes())
    payload[-9] ^= 1
    path.write_bytes(payload)


STALE = {
    'fps': lambda root: change_annotation(root, fps=50),
    'onset': lambda root: change_annotation(root, onset=4),
    'not in the store': lambda root: change_annotation(root, clip='sub01_long'),
    "'keypoint': goes with": lambda root: change_annotation(root, keypoint=[1]),
    'removed or changed': lambda root: (root / 'frames/sub01/long/img8.jpg').unlink(),
    'added,': lambda root: shutil.copy(
        root / 'frames/sub01/long/img7.jpg', root / 'frames/sub01/long/img0010.jpg'
    ),
    'files were changed since': change_content,
}


@pytest.mark.parametrize('reason', STALE)
def test_a_stale_store_is_refused_by_clip(root, rows, reason):
    if reason == 'added,':  # the number is free
        (root / 'frames/sub01/long/img10.jpg').unlink()
        store(root, rows)
    STALE[reason](root)
    with pytest.raises(MERDataError) as caught:
        dataset(root)
    message = str(caught.value)
    assert 'fake/sub01/' in message and 'long: ' in message and reason in message
    assert f'{root}/store: this store is stale' in message
    assert 'remake it with --store' in message
    assert dataset(root, store=False).stored is None
    # It is made anew, and only then is it good.
    store(root, json.loads((root / 'ann.json').read_text())['data_list'])
    if 'keypoint' not in reason:
        assert dataset(root).stored is not None


def pickled(path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (path.parent / 'opened',)

    np.save(path, np.array([Trap()], dtype=object))


def as_zip(path):
    with open(path, 'wb') as file:
        np.savez(file, a=np.zeros(3))


BROKEN = {
    'in 5000 bytes': lambda pixels, _: os.truncate(pixels, 5000),
    'bytes, not': lambda pixels, _: pixels.write_bytes(pixels.read_bytes() + b'x'),
    'holds float32': lambda pixels, _: np.save(pixels, np.zeros(4, np.float32)),
    'it holds (4, 6, 10, 11, 3)': lambda pixels, _: np.save(
        pixels, np.zeros((4, 6, 10, 11, 3), np.uint8)
    ),
    'holds object': lambda pixels, _: pickled(pixels),
    'magic string': lambda pixels, _: as_zip(pixels),
    'No such file': lambda pixels, _: pixels.unlink(),
    'JSONDecodeError': lambda _, index: os.truncate(index, 300),
    'KeyError': lambda _, index: index.write_text('{"format": 1}'),
    'has format 2': lambda _, index: index.write_text('{"format": 2}'),
    'not as it was written': lambda _, index: index.write_text(
        index.read_text().replace('"place": 1', '"place": 7')
    ),
}


@pytest.mark.parametrize('reason', BROKEN)
def test_broken_files_are_refused(root, reason):
    folder = root / 'store'
    BROKEN[reason](folder / 'clips.npy', folder / 'index.json')
    with pytest.raises(MERDataError, match=ADVICE) as caught:
        dataset(root)
    assert reason in str(caught.value) and str(folder) in str(caught.value)
    assert not (folder / 'opened').exists()


def test_a_copy_with_other_times_is_accepted(root, rows, made, log, tmp_path_factory):
    wanted = draws(dataset(root))
    away = tmp_path_factory.mktemp('away') / 'copy'
    shutil.copytree(root, away, copy_function=shutil.copyfile)
    for number, path in enumerate(sorted(away.rglob('*.jpg'))):
        os.utime(path, (number, number))
    found = draws(dataset(away))
    assert len(log) == 1 and 'the files of 4 clip(s) have other times' in log[0]
    for one, other in zip(found, wanted, strict=True):
        one.pop('frame_dir', None), other.pop('frame_dir', None)
        one.pop('video', None), other.pop('video', None)
        same(one, other)
    # Times once noted, nothing is read any more.
    store(away, rows)
    assert not made
    reading._COMPARED.clear()
    dataset(away)
    assert len(log) == 1


def test_folds_look_at_the_files_once(root, monkeypatch):
    asked = []
    state = reading.source_state
    monkeypatch.setattr(
        reading, 'source_state', lambda files: asked.append(1) or state(files)
    )
    for side in ('train', 'test'):
        dataset(root, held_out='sub01', side=side)
    assert len(asked) == 4
    change_annotation(root, fps=50)  # what the rows say is compared each time
    with pytest.raises(MERDataError, match='fps'):
        dataset(root)


def test_made_anew_while_in_use(root, rows):
    data = pickle.dumps(dataset(root, BEGINNING))
    shutil.rmtree(root / 'store')
    store(root, rows)
    reading._index.cache_clear(), reading._pixels.cache_clear()
    with pytest.raises(MERDataError, match='made anew while it was in use'):
        _ = pickle.loads(data)[0]


def test_links_lead_nowhere_else(root, rows, tmp_path_factory):
    away = tmp_path_factory.mktemp('away')
    link = away / 'root'
    link.symlink_to(root)
    assert dataset(link).stored is not None  # the root itself may be a link
    shutil.move(root / 'store', away / 'store')
    (root / 'store').symlink_to(away / 'store')
    with pytest.raises(MERDataError, match='store: a link leads out of'):
        dataset(root)
    with pytest.raises(MERDataError, match='store: a link leads out of'):
        store(root, rows)
    (root / 'store').unlink()
    shutil.copytree(away / 'store', root / 'store')
    (root / 'store/clips.npy').unlink()
    (root / 'store/clips.npy').symlink_to(away / 'store/clips.npy')
    with pytest.raises(MERDataError, match=r'clips\.npy: a link leads out of'):
        find_store(root)


def test_a_store_that_stands_is_left_and_a_stale_one_replaced(root, rows, made):
    before = (root / 'store').stat().st_ino
    store(root, rows[::-1])
    assert not made and (root / 'store').stat().st_ino == before
    data = dataset(root)
    change_content(root)
    store(root, rows)
    assert sorted(made) == ['film', 'holes', 'long', 'short']
    assert {path.name for path in root.iterdir()} == {'ann.json', 'frames', 'store'}
    _ = data[0]  # who reads the old one goes on
    made.clear()
    store(root, rows[:2])
    assert sorted(made) == ['long', 'short']


def write_slowly(folder, rows):
    make_clip = making.make_clip

    def slow(transforms, row):
        time.sleep(0.05)
        return make_clip(transforms, row)

    making.make_clip = slow
    store(folder, rows)


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


def journal_lines(folder):
    path = folder / '.store.partial' / workplace.JOURNAL
    return path.read_text().count('\n') if path.exists() else 0


def kill_after(process, folder, lines):
    process.start()
    until = time.monotonic() + 60
    while journal_lines(folder) < lines and time.monotonic() < until:
        assert process.is_alive()
        time.sleep(0.005)
    children = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return children


def test_a_killed_run_goes_on(tmp_path, many, made):
    store(tmp_path, many)
    wanted = content(tmp_path / 'store')
    shutil.rmtree(tmp_path / 'store')
    made.clear()
    fork = multiprocessing.get_context('fork')
    kill_after(fork.Process(target=write_slowly, args=(tmp_path, many)), tmp_path, 6)
    assert not (tmp_path / 'store').exists()
    journal = tmp_path / '.store.partial' / workplace.JOURNAL
    done = [json.loads(line)['facts']['clip'] for line in list(journal.open())[1:]]
    assert 5 <= len(done) < 20
    with journal.open('a') as file:
        file.write('{"place": 19, "facts"')  # a line that the kill cut short
    # One of them changes meanwhile.
    os.utime(tmp_path / 'frames/sub01/c02/img4.jpg', (1, 1))
    store(tmp_path, many[::-1])
    assert sorted(made) == sorted({row['clip'] for row in many} - {*done} | {'c02'})
    found = content(tmp_path / 'store')
    assert found.keys() == wanted.keys() == {'clips.npy', 'index.json'}
    assert found['clips.npy'] == wanted['clips.npy']
    shutil.rmtree(tmp_path / 'store')
    store(tmp_path, many)
    assert content(tmp_path / 'store') == found
    assert not (tmp_path / '.store.partial').exists()


def test_killed_between_the_old_store_and_the_new(root, rows, made, monkeypatch):
    change_content(root)
    rename = Path.rename

    def killed(self, target):
        if Path(target).name == 'store':
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, 'rename', killed)
        store(root, rows)
    assert not (root / 'store').exists() and len(made) == 4
    made.clear()
    store(root, rows)
    assert not made and dataset(root).stored is not None
    left = {path.name for path in root.iterdir()}
    assert left == {'ann.json', 'frames', 'store'}


@pytest.mark.parametrize('change', ['pipeline', 'clips', 'pixels'])
def test_another_plan_starts_afresh(tmp_path, many, made, change):
    fork = multiprocessing.get_context('fork')
    kill_after(fork.Process(target=write_slowly, args=(tmp_path, many)), tmp_path, 3)
    pipeline, wanted = BEGINNING, many
    if change == 'pipeline':
        pipeline = [*BEGINNING[:2], dict(BEGINNING[2], scale=(8, 8))]
    elif change == 'clips':
        wanted = many[1:]
    else:
        os.truncate(tmp_path / '.store.partial/clips.npy', 1000)
    store(tmp_path, wanted, pipeline)
    assert len(made) == len(wanted)
    clips = np.load(tmp_path / 'store/clips.npy', allow_pickle=False)
    assert clips.shape == (
        (len(wanted), 6, 8, 8, 3)
        if change == 'pipeline'
        else (len(wanted), 6, 10, 12, 3)
    )


@pytest.mark.slow
def test_two_workers_are_one_and_end_with_their_parent(tmp_path, many, made):
    store(tmp_path, many)
    wanted = content(tmp_path / 'store')
    shutil.rmtree(tmp_path / 'store')
    # The last clip holds its worker up: its frames are as large as may be.
    last = tmp_path / 'frames/sub01/c19'
    last.rename(tmp_path / 'sound')
    last.mkdir()
    assert cv2.imwrite(str(tmp_path / 'large.png'), np.zeros((4500, 4500), np.uint8))
    for number in range(1, 13):
        os.link(tmp_path / 'large.png', last / f'img{number}.jpg')
    fork = multiprocessing.get_context('fork')
    process = fork.Process(target=store, args=(tmp_path, many), kwargs=dict(workers=2))
    workers = kill_after(process, tmp_path, 20)
    assert len(workers) >= 3  # the two, and the server that they come from
    until = time.monotonic() + 10
    while alive(workers) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(workers)
    shutil.rmtree(last)
    (tmp_path / 'sound').rename(last)
    (tmp_path / '.store.partial' / workplace.JOURNAL).unlink()
    made.clear()
    store(tmp_path, many, workers=2)
    assert not made  # here, that is
    assert content(tmp_path / 'store') == wanted


def alive(pids):
    """Which of the processes still run; who ended may wait to be buried."""
    found = {}
    for path in Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(')')[2].split()[:2]
            if state != 'Z':
                found[int(path.parent.name)] = int(parent)
    return {pid: parent for pid, parent in found.items() if pid in pids or not pids}


def descendants(pid):
    parents = alive(())
    found = {pid}
    for _ in range(5):
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def test_a_clip_that_cannot_be_read_is_named_and_the_rest_stays(tmp_path, rows, made):
    path = tmp_path / 'frames/sub01/short/img3.jpg'
    sound = path.read_bytes()
    path.write_bytes(b'\xff\xd8broken')
    (tmp_path / 'frames/films/film.avi').rename(tmp_path / 'film')
    with pytest.raises(MERDataError) as caught:
        store(tmp_path, rows)
    message = str(caught.value)
    assert '2 problem(s)' in message
    assert 'img3.jpg: clip fake/sub01/short: not a whole image' in message
    assert 'clip fake/sub02/film' in message
    assert not (tmp_path / 'store').exists()
    path.write_bytes(sound)
    (tmp_path / 'film').rename(tmp_path / 'frames/films/film.avi')
    made.clear()
    store(tmp_path, rows)
    assert sorted(made) == ['film', 'short']
    assert dataset(tmp_path).stored is not None


def test_clips_of_two_shapes_need_a_resize(tmp_path, rows):
    with pytest.raises(
        MERDataError, match=r'fake/sub02/film: comes out as \(6, 48, 64'
    ):
        store(tmp_path, rows[::-1], BEGINNING[:2])


@pytest.mark.parametrize('pipeline', [[], TRAIN, [dict(type='Flip')]])
def test_what_is_drawn_cannot_be_stored(tmp_path, rows, pipeline):
    with pytest.raises(MERDataError, match='does not change from draw to draw'):
        store(tmp_path, rows, pipeline)


def test_rows_that_contradict_each_other(tmp_path, rows):
    with pytest.raises(MERDataError, match="sub01/long, field 'onset': one row says 3"):
        store(tmp_path, [*rows, dict(rows[0], onset=4)])
    with pytest.raises(MERDataError, match='there is no clip'):
        store(tmp_path, [])


def test_a_disk_that_is_too_small(tmp_path, rows, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=640)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)
    big = [*BEGINNING[:2], dict(BEGINNING[2], scale=(400, 500))]
    with pytest.raises(MERDataError, match='takes 14 MB, and 14 MB are missing'):
        store(tmp_path, rows, big)
    assert not (tmp_path / '.store.partial').exists()


def test_a_full_disk_is_one_message(tmp_path, rows, made, monkeypatch):
    calls = []

    def full(file):
        calls.append(file)
        if len(calls) == 4:  # the journal and two clips went well
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(MERDataError, match='No space left on device; what was done'):
        store(tmp_path, rows)
    assert journal_lines(tmp_path) == 3
    made.clear()
    store(tmp_path, rows)
    assert len(made) == 2


def test_other_folders_are_left_alone(tmp_path, rows):
    (tmp_path / 'store').mkdir()
    (tmp_path / 'store' / 'thesis.tex').touch()
    with pytest.raises(MERDataError, match=r"'thesis\.tex', which is not part of a"):
        store(tmp_path, rows)


def test_one_process_at_a_time(tmp_path, rows):
    with workplace.workplace(tmp_path / 'store'):
        with pytest.raises(MERDataError, match='another process is writing this store'):
            store(tmp_path, rows)
    store(tmp_path, rows)


def test_children_of_mmactions_transforms_may_draw():
    class Jitter(Resize):
        pass

    class Sure(CenterCrop):
        deterministic = True

    parts = [Resize((8, 8)), Sure(4), Jitter((8, 8)), CenterCrop(4)]
    assert clip_cache.beginning(parts) == [
        "mmaction.Resize(scale=(8, 8), keep_ratio=True, interpolation='bilinear', "
        'lazy=False)',
        f'{Sure.__module__.partition(".")[0]}.{Sure.__qualname__}(crop_size=(4, 4), '
        'lazy=False)',
    ]
    assert clip_cache.CachedPipeline(parts, parts).count == 2


def test_values_come_back_as_they_were():
    values = {
        'a': (1, 2.5, None, True, 'x'),
        'b': [np.arange(6, dtype=np.int16).reshape(2, 3), np.zeros((0, 2), np.float32)],
        'c': {'dict': {'tuple': [1]}, 'array': (np.float32(0.1), np.int64(3))},
    }
    back = decode(json.loads(json.dumps(encode(values))))
    assert repr(back) == repr(values)
    with pytest.raises(MERDataError, match='cannot keep a set'):
        encode({'a': {1}})
    for wrong in ({'array': [1], 'dtype': '|O', 'shape': [1]}, {'code': 1}):
        with pytest.raises(ValueError):
            decode(wrong)


def test_the_store_is_not_part_of_a_runs_fingerprint():
    plain = dict(train_dataloader=dict(dataset=dict(type='MERDataset')))
    stored = dict(train_dataloader=dict(dataset=dict(type='MERDataset', store=False)))
    assert canonical_config(plain) == canonical_config(stored)


def test_a_store_has_no_say_in_labels(root):
    """Whoever made it, or changed its index, trains nobody on other classes."""
    before = dataset(root)
    labels = [before[place]['label'] for place in range(len(before))]
    assert len(set(labels)) > 1
    path = root / 'store/index.json'
    sound = json.loads(path.read_text())
    for field, value in dict(
        label=0, subject='sub09', clip='x', apex=3, emotion='joy', onset=4, imgs=[],
        sample_idx=7, fps=float('nan'), clip_len=99, img_shape={'tuple': [1, 1]},
    ).items():  # fmt: skip
        changed = json.loads(path.read_text())
        for clip in changed['clips']:
            clip['rest']['dict'][field] = value
        path.write_text(json.dumps(changed))
        reading._index.cache_clear(), reading._pixels.cache_clear()
        reading._COMPARED.clear()
        with pytest.raises(MERDataError, match=ADVICE):
            dataset(root)
        path.write_text(json.dumps(sound))


def test_pixels_that_are_cut_while_they_are_used(root):
    """Through a memory map this would end the process."""
    data = dataset(root)
    assert len(data[0]['imgs'])
    os.truncate(root / 'store/clips.npy', 200)
    with pytest.raises(MERDataError, match=ADVICE):
        _ = data[len(data) - 1]


@pytest.mark.parametrize(
    'shape', [(4, 6, 10, 12, -3), (4, 6, 10, 36), (4, 6, 10, 12, 1)]
)
def test_shapes_that_cannot_be(root, shape):
    path = root / 'store/index.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {'shape': shape}))
    with pytest.raises(MERDataError, match=ADVICE):
        dataset(root)


def test_columns_before_rows_are_other_pixels(root):
    path = root / 'store/clips.npy'
    np.save(path, np.asfortranarray(np.load(path)))
    with pytest.raises(MERDataError, match=ADVICE):
        dataset(root)


@pytest.mark.parametrize('name', ['clips.npy', 'index.json'])
def test_a_device_is_no_part_of_a_store(root, name):
    store_file = root / 'store' / name
    store_file.unlink()
    os.mkfifo(store_file)
    with contextlib.suppress(MERDataError):  # without an index there is no store
        assert dataset(root).stored is None
    if name == 'clips.npy':
        with pytest.raises(MERDataError, match='named pipe'):
            dataset(root)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('keypoint', [1]),
        ('inputs', 'x'),
        ('gt_label', 2),
        ('lazy', {'dict': {}}),
        ('scale_factor', 'x'),
        ('keep_ratio', [1]),
        ('num_clips', 10**9),
        ('total_frames', 'x'),
        ('frame_inds', {'array': [], 'dtype': '<i8', 'shape': [0, 10**15]}),
    ],
)
def test_a_store_adds_no_field_of_its_own(root, field, value):
    path = root / 'store/index.json'
    changed = json.loads(path.read_text())
    for clip in changed['clips']:
        clip['rest']['dict'][field] = value
    path.write_text(json.dumps(changed))
    with pytest.raises(MERDataError, match=ADVICE):
        dataset(root)


@pytest.mark.parametrize('name', ['index.json', 'clips.npy', '../.store.partial'])
def test_no_link_leads_writing_out_of_the_data(root, rows, tmp_path_factory, name):
    outside = tmp_path_factory.mktemp('outside')
    place = root / 'store' / name
    if place.exists():
        place = place.rename(outside / place.name) and place
        place.symlink_to(outside / place.name)
    else:
        (outside / 'mine.txt').write_text('mine')
        place.symlink_to(outside)
        (root / 'store/index.json').write_text('{}')  # so that it is made anew
    before = {path.name: path.read_bytes() for path in outside.iterdir()}
    with pytest.raises(MERDataError, match='link'):
        store(root, rows)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_a_disk_that_fails_is_named(root, monkeypatch):
    def fails(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    sound = dataset(root)
    monkeypatch.setattr(os, 'preadv', fails)
    with pytest.raises(MERDataError, match=r'clips\.npy: cannot be read: Input/output'):
        sound[0]


def test_a_source_with_holes_is_not_hashed_to_its_end(tmp_path, rows):
    with open(tmp_path / 'frames/sub01/long/img3.jpg', 'r+b') as file:
        file.truncate(1 << 36)
    with pytest.raises(MERDataError, match=r'img3\.jpg'):
        store(tmp_path, rows)


def test_what_made_another_store_is_said_in_short(root, log):
    path = root / 'store/index.json'
    content = json.loads(path.read_text()) | {'pipeline': ['x' * 5_000_000]}
    path.write_text(json.dumps(content))
    assert dataset(root).stored is None
    assert sum(map(len, log)) < 5000
