"""Compose prepared data sets: the content, what is rejected, and interrupted runs."""

import errno
import json
import os

import cv2
import numpy as np
import pytest
from load_tool import load_tool

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate, usable_clips
from mmaction_mer.datasets.preparation import compose
from mmaction_mer.datasets.preparation.compose import make_composite
from mmaction_mer.datasets.preparation.composite_report import (
    as_markdown,
    make_composite_report,
)
from mmaction_mer.utils.errors import MERDataError

CLASSES = ['negative', 'positive', 'surprise']
# The published counts of MEGC 2019: clips by class, subjects.
MEGC = {
    'casme2': ('sub{:02d}', (88, 32, 25), 24),
    'samm': ('{:03d}', (92, 26, 15), 28),
    'smic': ('s{:02d}', (70, 51, 43), 16),
}


@pytest.fixture(scope='module')
def main():
    return load_tool('data/compose.py').main


def prepared_rows(dataset, subject, counts, subjects):
    labels = np.repeat(np.arange(len(counts)), counts).tolist()
    rows = []
    for number, label in enumerate(labels):
        name = subject.format(1 + number % subjects)
        rows.append({
            'dataset': dataset, 'subject': name, 'clip': f'c{number:03d}',
            'frame_dir': f'{name}/c{number:03d}', 'filename_tmpl': 'img{}.png',
            'onset': 9, 'apex': None, 'offset': 10, 'fps': 200.0, 'label': label,
            'emotion': CLASSES[label % 3], 'aus': ['4'],
        })  # fmt: skip
    return rows


def write_annotation(folder, rows, labels='3class', name='annotations', **metainfo):
    held = {'dataset': rows[0]['dataset'], 'labels': labels, 'classes': CLASSES}
    text = json.dumps({'metainfo': held | metainfo, 'data_list': rows})
    (folder / f'{name}.json').write_text(text)


def write_folder(folder, rows, level=0):
    """A prepared folder; the level of a frame is that of its clip and number."""
    for row in rows:
        held = folder / 'frames' / row['frame_dir']
        held.mkdir(parents=True, exist_ok=True)
        for number in (9, 10, 11):
            value = (level + len(row['dataset']) + 10 * row['label'] + number) % 256
            image = np.full((4, 4), value, np.uint8)
            assert cv2.imwrite(str(held / f'img{number}.png'), image)
    write_annotation(folder, rows)
    return folder


@pytest.fixture
def folders(tmp_path):
    """Three data sets of few clips."""
    small = {'casme2': (2, 1, 1), 'samm': (1, 1, 1), 'smic': (1, 2, 1)}
    return [
        write_folder(tmp_path / name, prepared_rows(name, MEGC[name][0], counts, 2))
        for name, counts in small.items()
    ]


def files_in(folder):
    """Contents by name, without the bookkeeping of the prepared folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and '.prepare' not in path.parts
    }


def test_the_new_folder_is_self_contained(folders, tmp_path):
    # The usual labels are others, these are in a file of their own.
    rows = read_annotation(folders[0] / 'annotations.json')['data_list']
    write_annotation(folders[0], rows, name='annotations_3class')
    write_annotation(folders[0], rows, '5class', classes=['a', 'b', 'c'])
    out = tmp_path / 'out'
    make_composite(folders, out)
    made = read_annotation(out / 'annotations.json')['data_list']
    assert made[0]['frame_dir'] == 'casme2/sub01/c000'
    assert {**made[0], 'subject': 'sub01', 'frame_dir': 'sub01/c000'} == rows[0]
    name = '001/c000/img9.png'
    original = folders[1] / 'frames' / name
    assert os.path.samefile(original, out / 'frames' / 'samm' / name)
    usable = usable_clips(made, str(out / 'frames'))
    clips = {(row['dataset'], row['label']): load_clip(row) for row in usable.rows}
    for (dataset, label), clip in clips.items():
        assert clip['imgs'][0].max() == len(dataset) + 10 * label + 9
    # Frames outside of the clip are linked, too.
    assert len(files_in(out / 'frames')) == 3 * len(made)


def test_without_hard_links_frames_are_copied(folders, tmp_path, monkeypatch):
    def fail(*paths):
        raise OSError(errno.EXDEV, 'Invalid cross-device link')

    make_composite(folders, tmp_path / 'linked')
    monkeypatch.setattr(os, 'link', fail)
    make_composite(folders, tmp_path / 'copied')
    assert files_in(tmp_path / 'copied') == files_in(tmp_path / 'linked')
    folder = tmp_path / 'copied' / 'frames/smic/s01/c000'
    assert (folder / 'img9.png').stat().st_nlink == 1
    # The partial file of an interrupted copy is removed.
    left = folder / '.img9.png.x8s7a'
    left.write_bytes(b'half')
    make_composite(folders, tmp_path / 'copied')
    assert not left.exists()


@pytest.mark.parametrize('after', [0, 20])
def test_an_interrupted_run_has_no_annotation_and_is_completed(
    folders, tmp_path, monkeypatch, after
):
    calls = iter(range(1000))
    link = compose.link_or_copy

    def interrupt(source, target):
        if next(calls) == after:
            raise KeyboardInterrupt
        link(source, target)

    out = tmp_path / 'out'
    with monkeypatch.context() as patch:
        patch.setattr(compose, 'link_or_copy', interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_composite(folders, out)
    assert not list(out.glob('*.json'))
    assert len(files_in(out)) == after
    report = make_composite(folders, out)
    assert make_composite(folders, out) == report
    make_composite(folders, tmp_path / 'whole')
    assert files_in(out) == files_in(tmp_path / 'whole')


def test_strict_fails_after_the_report_is_written(folders, tmp_path, main, capsys):
    out = tmp_path / 'out'
    arguments = [*map(str, folders), '--out', str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert '| casme2 | 2 (not 88) | 1 (not 32) | 1 (not 25) |' in printed
    (out / 'report.json').unlink()
    assert main([*arguments, '--strict']) == 1
    err = capsys.readouterr().err
    assert 'smic: surprise: 1 clips, expected 43' in err
    assert 'all: subjects: 6, expected 68' in err
    report = json.loads((out / 'report.json').read_text())
    assert report['parts'][1]['expected'] == {
        'clips': dict(negative=92, positive=26, surprise=15),
        'total': 133,
        'subjects': 28,
    }
    assert (out / 'report.md').read_text() == as_markdown(report)
    assert (out / 'annotations.json').is_file()
    # Other data sets are not compared.
    arguments = [*map(str, folders[:2]), '--out', str(tmp_path / 'two')]
    assert main(arguments) == 0
    assert 'No counts are published' in capsys.readouterr().out
    assert main([*arguments, '--strict']) == 1


def test_counts_are_compared_with_megc():
    rows = [row for name, given in MEGC.items() for row in prepared_rows(name, *given)]
    metainfo = {'classes': CLASSES, 'labels': '3class'}
    whole = make_composite_report({'metainfo': metainfo, 'data_list': rows})
    assert whole['compared_with'] == 'MEGC 2019' and whole['differences'] == []
    assert 'As in MEGC 2019.' in as_markdown(whole)
    assert '| all | 250 | 109 | 83 | 442 | 68 |' in as_markdown(whole)
    report = make_composite_report({'metainfo': metainfo, 'data_list': rows[1:]})
    assert report['differences'] == [
        'casme2: negative: 87 clips, expected 88',
        'all: negative: 249 clips, expected 250',
    ]
    text = as_markdown(report)
    assert '| casme2 | 87 (not 88) | 32 | 25 | 144 (not 145) | 24 |' in text
    # Neither other labels nor another camera of SMIC are compared.
    labels = {'metainfo': {**metainfo, 'labels': '2class'}, 'data_list': rows}
    nir = [row | {'release': 'smic-nir'} if row['dataset'] == 'smic' else row
           for row in rows]  # fmt: skip
    for content in (labels, {'metainfo': metainfo, 'data_list': nir}):
        other = make_composite_report(content)
        assert other['compared_with'] is None and not other['parts'][0]['expected']


def assert_rejected(folders, out, match=None, path=None, **options):
    with pytest.raises(MERDataError, match=match) as error:
        make_composite(folders, out, **options)
    assert path is None or error.value.path == str(path)
    return error.value


def test_labels_that_do_not_exist_are_listed(folders, tmp_path):
    rows = prepared_rows('casme2', 'sub{}', (2, 1), 2)
    write_annotation(folders[0], rows, '5class', 'annotations_5class')
    out = tmp_path / 'out'
    listed = r"'3class' \(annotations.json\), '5class' \(annotations_5class.json\)"
    assert_rejected(folders, out, listed, folders[0], labels='7class')
    (tmp_path / 'empty').mkdir()
    assert_rejected([*folders, tmp_path / 'empty'], out, path=tmp_path / 'empty')
    assert_rejected([*folders, tmp_path / 'none'], out, path=tmp_path / 'none')
    again = folders[0] / 'annotations_again.json'
    again.write_bytes((folders[0] / 'annotations.json').read_bytes())
    assert_rejected(folders, out, '2 annotation files', folders[0])
    assert not out.exists()


@pytest.mark.parametrize(
    'classes', [['negative', 'surprise', 'positive'], [*CLASSES, 'others']]
)
def test_classes_must_be_the_same_in_the_same_order(folders, tmp_path, classes):
    rows = read_annotation(folders[1] / 'annotations.json')['data_list']
    write_annotation(folders[1], rows, classes=classes)
    path = folders[1] / 'annotations.json'
    assert_rejected(folders, tmp_path / 'out', 'classes', path)


def test_a_release_occurs_once(folders, tmp_path):
    out = tmp_path / 'out'
    assert_rejected([*folders, folders[0]], out, 'contains casme2, as')
    assert_rejected(folders[:1], out, 'two or more')
    assert assert_rejected(folders, out, workers=0).field == '--workers'
    make_composite(folders[:2], tmp_path / 'two')
    assert_rejected([tmp_path / 'two', folders[2]], out, 'already, of casme2')
    # Nor is one composite written over another.
    assert_rejected(folders, tmp_path / 'two', r'composite casme2.samm, 3class')


def test_cameras_of_the_same_people_are_composed(tmp_path, main, capsys):
    """HS, VIS and NIR of SMIC: all clips, and each person is one subject."""
    cameras = {'smic': 8, 'smic-vis': 4, 'smic-nir': 4}
    folders = []
    for release, subjects in cameras.items():
        rows = prepared_rows('smic', 's{:02d}', (4, 2, 2), subjects)
        folder = write_folder(tmp_path / release, rows, 30 * (release != 'smic'))
        write_annotation(folder, rows, dataset=release)
        folders.append(folder)
    out = tmp_path / 'out'
    assert main([*map(str, folders), '--out', str(out)]) == 0
    content = read_annotation(out / 'annotations.json')
    rows = content['data_list']
    assert content['metainfo']['dataset'] == 'smic+smic-vis+smic-nir'
    assert len(rows) == 24 and {row['dataset'] for row in rows} == {'smic'}
    assert {row['subject'] for row in rows} == {f'smic_s{n:02d}' for n in range(1, 9)}
    assert len({(row['subject'], row['clip']) for row in rows}) == 24
    found = [load_clip(locate(row, str(out / 'frames'))) for row in rows]
    levels = [int(clip['imgs'][0].flat[0]) for clip in found]
    wanted = [4 + 10 * row['label'] + 9 for row in rows[:8]]
    assert levels == [*wanted, *(level + 30 for level in 2 * wanted)]
    report = json.loads((out / 'report.json').read_text())
    counted = [(p['dataset'], p['total'], p['subjects']) for p in report['parts']]
    assert counted == [('smic', 8, 8), ('smic-vis', 8, 4), ('smic-nir', 8, 4)]
    assert (report['all']['total'], report['all']['subjects']) == (24, 8)
    assert '4 subjects are in more than one' in capsys.readouterr().out
    again = tmp_path / 'again'
    assert_rejected([*folders, folders[1]], again, 'contains smic-vis, as')
    assert_rejected([out, folders[0]], again, 'already, of smic, smic-vis')


def test_wrong_frames_are_reported_before_anything_is_written(folders, tmp_path):
    out = tmp_path / 'out'
    rows = read_annotation(folders[1] / 'annotations.json')['data_list']
    shared = [rows[0], rows[1] | {'frame_dir': rows[0]['frame_dir']}]
    write_annotation(folders[1], shared)
    assert_rejected(folders, out, 'the same frames')
    write_annotation(folders[1], rows)
    for frame in (folders[2] / 'frames' / 's01' / 'c000').iterdir():
        frame.unlink()
    assert_rejected(folders, out, 'clip smic/s01/c000')
    assert not out.exists()


def test_files_and_links_of_the_user_are_kept(folders, tmp_path):
    for out in (folders[0], folders[0] / 'frames' / 'x'):
        assert_rejected(folders, out, 'a part', out)
    other = write_folder(tmp_path / 'other', prepared_rows('b', 's{}', (2, 1, 1), 2))
    before = files_in(other)
    assert_rejected(folders, other, 'was not made here')
    assert files_in(other) == before
    out = tmp_path / 'out'
    make_composite(folders, out)
    clip = out / 'frames' / 'samm' / '001' / 'c000'
    (clip / 'notes.txt').write_text('mine')
    assert_rejected(folders, out, 'was not made here', clip / 'notes.txt')
    assert (clip / 'notes.txt').read_text() == 'mine'
    elsewhere = tmp_path / 'elsewhere'
    clip.parent.rename(elsewhere)
    clip.parent.symlink_to(elsewhere)
    before = files_in(elsewhere)
    assert_rejected(folders, out, 'is a link', clip.parent)
    assert files_in(elsewhere) == before


def test_a_part_that_was_prepared_again_is_linked_again(folders, tmp_path):
    """Frames of other pixels, and frames under other names."""
    out = tmp_path / 'out'
    make_composite(folders, out)
    for clip, name in (('001/c000', 'img11.png'), ('002/c001', 'img12.png')):
        folder = folders[1] / 'frames' / clip
        (folder / 'img11.png').unlink()
        assert cv2.imwrite(str(folder / name), np.full((8, 8, 3), 77, np.uint8))
    make_composite(folders, out)
    make_composite(folders, tmp_path / 'whole')
    assert files_in(out) == files_in(tmp_path / 'whole')


def test_clips_may_share_a_folder_and_be_videos(tmp_path, fake):
    rows = prepared_rows('a', 's{}', (2, 2), 1)
    for row in rows[:3]:
        row['frame_dir'] = 's1/all'
    write_folder(tmp_path / 'a', rows)
    video = fake.row('s1', 'v', dataset='b', frame_dir=..., filename_tmpl=...,
                     video='s1/v.avi', onset=0, apex=None, offset=5)  # fmt: skip
    fake.write_video(tmp_path / 'b' / 'frames' / 's1' / 'v.avi', 6)
    write_annotation(tmp_path / 'b', [video])
    out = tmp_path / 'out'
    make_composite([tmp_path / 'a', tmp_path / 'b'], out)
    rows = read_annotation(out / 'annotations.json')['data_list']
    assert rows[-1]['video'] == 'b/s1/v.avi' and 'frame_dir' not in rows[-1]
    assert len(usable_clips(rows, str(out / 'frames')).rows) == 5
    assert len(files_in(out / 'frames')) == 2 * 3 + 1


def test_a_store_of_the_composite_has_the_same_clips(folders, tmp_path):
    from mmaction_mer.datasets import MERDataset
    from mmaction_mer.datasets.clip_cache import STANDARD

    out = tmp_path / 'out'
    make_composite(folders[:2], out, store=True, workers=1)
    options = dict(
        ann_file='annotations.json', data_root=str(out),
        data_prefix=dict(img='frames'), pipeline=[dict(part) for part in STANDARD],
    )  # fmt: skip
    stored, read = MERDataset(**options), MERDataset(**options, store=False)
    assert stored.store is not None and read.store is None
    assert len(stored) == len(read) == 7
    for one, other in zip(stored, read, strict=True):
        np.testing.assert_array_equal(np.stack(one['imgs']), np.stack(other['imgs']))
