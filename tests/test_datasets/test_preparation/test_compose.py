"""Prepared data sets as one: what is in it, what is refused, cut and gone on with."""

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
from mmaction_mer.datasets.preparation.composite_report import as_markdown, report_on
from mmaction_mer.utils.errors import MERDataError

CLASSES = ['negative', 'positive', 'surprise']
# What the organisers of MEGC 2019 published: clips by class, subjects.
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
            'emotion': CLASSES[label], 'aus': ['4'],
        })  # fmt: skip
    return rows


def write_folder(folder, rows, labels='3class', classes=CLASSES, name='annotations'):
    """A prepared folder; the brightness of a frame is that of its clip and number."""
    for row in rows:
        for number in (9, 10, 11):
            path = folder / 'frames' / row['frame_dir'] / f'img{number}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            level = (len(row['dataset']) + 10 * row['label'] + number) % 256
            path.write_bytes(
                cv2.imencode('.png', np.full((4, 4), level, np.uint8))[1].tobytes()
            )
    metainfo = {'dataset': rows[0]['dataset'], 'labels': labels, 'classes': classes}
    text = json.dumps({'metainfo': metainfo, 'data_list': rows})
    (folder / f'{name}.json').write_text(text)
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
    """Contents by name, without the notes of those who make the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and '.prepare' not in path.parts
    }


def test_megc_2019_comes_out_of_complete_data_sets(tmp_path, main, capsys):
    folders = []
    for name, (subject, counts, people) in MEGC.items():
        rows = prepared_rows(name, subject, counts, people)
        folder = write_folder(
            tmp_path / name, rows, name='annotations_3class' if name != 'smic' else
            'annotations',
        )  # fmt: skip
        if name != 'smic':  # another file with the usual labels
            write_folder(folder, rows, '5class', ['a', 'b', 'c'])
        folders.append(str(folder))
    out = tmp_path / 'megc2019'
    assert main([*folders, '--out', str(out), '--strict']) == 0
    printed = capsys.readouterr().out
    assert 'As in MEGC 2019.' in printed
    assert '| all | 250 | 109 | 83 | 442 | 68 |' in printed
    content = read_annotation(out / 'annotations.json')
    rows = content['data_list']
    assert content['metainfo']['classes'] == CLASSES
    assert content['metainfo']['labels'] == '3class'
    assert len(rows) == 442 and len({row['subject'] for row in rows}) == 68
    assert {row['subject'] for row in rows} >= {'casme2_sub01', 'samm_006', 'smic_s01'}
    assert [row['dataset'] for row in rows] == (
        ['casme2'] * 145 + ['samm'] * 133 + ['smic'] * 164
    )
    report = json.loads((out / 'report.json').read_text())
    assert report['differences'] == [] and report['all']['total'] == 442
    assert [part['subjects'] for part in report['parts']] == [24, 28, 16]
    assert report['parts'][0]['clips'] == dict(negative=88, positive=32, surprise=25)
    assert (out / 'report.md').read_text() == as_markdown(report)


def test_the_new_folder_stands_on_its_own(folders, tmp_path):
    out = tmp_path / 'out'
    make_composite(folders, out)
    rows = read_annotation(out / 'annotations.json')['data_list']
    first = rows[0]
    assert first['frame_dir'] == 'casme2/sub01/c000'
    assert {**first, 'subject': 'sub01', 'frame_dir': 'sub01/c000'} == (
        read_annotation(folders[0] / 'annotations.json')['data_list'][0]
    )
    original = folders[1] / 'frames' / '001' / 'c000' / 'img9.png'
    linked = out / 'frames' / 'samm' / '001' / 'c000' / 'img9.png'
    assert os.path.samefile(original, linked)
    usable = usable_clips(rows, str(out / 'frames'))
    clips = {(row['dataset'], row['label']): load_clip(row) for row in usable.rows}
    for (dataset, label), clip in clips.items():
        assert clip['imgs'][0].max() == len(dataset) + 10 * label + 9
    # Frames around the clip come along.
    assert len(files_in(out / 'frames')) == 3 * len(rows)


def test_where_there_are_no_hard_links_frames_are_copied(
    folders, tmp_path, monkeypatch
):
    def refuse(*paths):
        raise OSError(errno.EXDEV, 'Invalid cross-device link')

    make_composite(folders, tmp_path / 'linked')
    monkeypatch.setattr(os, 'link', refuse)
    make_composite(folders, tmp_path / 'copied')
    assert files_in(tmp_path / 'copied') == files_in(tmp_path / 'linked')
    frame = 'frames/smic/s01/c000/img9.png'
    assert (tmp_path / 'copied' / frame).stat().st_nlink == 1
    assert (tmp_path / 'copied' / frame).read_bytes() == (
        tmp_path / 'linked' / frame
    ).read_bytes()
    # Cut while copying: what is left of that file is swept up.
    left = tmp_path / 'copied' / 'frames/smic/s01/c000/.img9.png.x8s7a'
    left.write_bytes(b'half')
    make_composite(folders, tmp_path / 'copied')
    assert not left.exists()


@pytest.mark.parametrize('after', [0, 1, 20])
def test_a_kill_leaves_no_annotation_and_a_rerun_completes(
    folders, tmp_path, monkeypatch, after
):
    calls = iter(range(1000))
    link = compose.link_or_copy

    def cut(source, target):
        if next(calls) == after:
            raise KeyboardInterrupt
        link(source, target)

    out = tmp_path / 'out'
    with monkeypatch.context() as patch:
        patch.setattr(compose, 'link_or_copy', cut)
        with pytest.raises(KeyboardInterrupt):
            make_composite(folders, out)
    assert not list(out.glob('*.json'))
    assert len(files_in(out)) == after
    report = make_composite(folders, out)
    assert make_composite(folders, out) == report
    whole = tmp_path / 'whole'
    make_composite(folders, whole)
    assert files_in(out) == files_in(whole)
    assert (out / 'annotations.json').read_bytes() == (
        whole / 'annotations.json'
    ).read_bytes()


def test_differences_are_named_and_strict_fails_after_the_report(
    folders, tmp_path, main, capsys
):
    out = tmp_path / 'out'
    arguments = [*map(str, folders), '--out', str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert '| casme2 | 2 (not 88) | 1 (not 32) | 1 (not 25) |' in printed
    (out / 'report.json').unlink()
    assert main([*arguments, '--strict']) == 1
    err = capsys.readouterr().err
    assert 'differs from MEGC 2019' in err
    assert 'smic: surprise: 1 clips, expected 43' in err
    assert 'all: subjects: 6, expected 68' in err
    report = json.loads((out / 'report.json').read_text())
    assert report['parts'][1]['expected'] == {
        'clips': dict(negative=92, positive=26, surprise=15),
        'total': 133,
        'subjects': 28,
    }
    assert 'Differs from MEGC 2019' in (out / 'report.md').read_text()
    assert (out / 'annotations.json').is_file()


def test_one_missing_clip_is_a_difference_of_its_part():
    rows = [row for name, given in MEGC.items() for row in prepared_rows(name, *given)]
    metainfo = {'classes': CLASSES, 'labels': '3class'}
    whole = report_on({'metainfo': metainfo, 'data_list': rows})
    assert whole['compared_with'] == 'MEGC 2019' and whole['differences'] == []
    report = report_on({'metainfo': metainfo, 'data_list': rows[1:]})
    assert report['differences'] == [
        'casme2: negative: 87 clips, expected 88',
        'all: negative: 249 clips, expected 250',
    ]
    text = as_markdown(report)
    assert '| casme2 | 87 (not 88) | 32 | 25 | 144 (not 145) | 24 |' in text
    other = report_on({'metainfo': {**metainfo, 'labels': '2class'}, 'data_list': rows})
    assert other['compared_with'] is None and other['parts'][0]['expected'] is None


def test_other_data_sets_are_composed_without_a_comparison(
    folders, tmp_path, main, capsys
):
    arguments = [*map(str, folders[:2]), '--out', str(tmp_path / 'out')]
    assert main(arguments) == 0
    assert 'No counts are published' in capsys.readouterr().out
    assert main([*arguments, '--strict']) == 1
    assert 'nothing is published' in capsys.readouterr().err


def refused(folders, tmp_path, message, **options):
    out = options.pop('out', tmp_path / 'out')
    with pytest.raises(MERDataError, match=message):
        make_composite(folders, out, **options)
    assert not (out / 'annotations.json').exists() or out in folders


def test_labels_that_are_not_there_are_listed(folders, tmp_path):
    write_folder(folders[0], prepared_rows('casme2', 'sub{}', (2, 1), 2), '5class',
                 ['a', 'b'], 'annotations_5class')  # fmt: skip
    refused(
        folders, tmp_path, labels='7class',
        message=r"no annotation files with the labels '7class'; there is '3class' "
        r"\(annotations.json\), '5class' \(annotations_5class.json\)",
    )  # fmt: skip
    (tmp_path / 'empty').mkdir()
    refused([*folders, tmp_path / 'empty'], tmp_path, r'no annotations\*.json')
    refused([*folders, tmp_path / 'none'], tmp_path, 'no such folder')
    again = folders[0] / 'annotations_again.json'
    again.write_bytes((folders[0] / 'annotations.json').read_bytes())
    refused(folders, tmp_path, '2 annotation files')


@pytest.mark.parametrize(
    'classes', [['negative', 'surprise', 'positive'], [*CLASSES, 'others']]
)
def test_classes_must_be_the_same_in_the_same_order(folders, tmp_path, classes):
    rows = read_annotation(folders[1] / 'annotations.json')['data_list']
    write_folder(folders[1], rows, classes=classes)
    refused(folders, tmp_path, 'samm.*classes are .* but those of .*casme2')


def test_a_data_set_comes_once(folders, tmp_path):
    refused([*folders, folders[0]], tmp_path, 'holds casme2, and so does')
    refused(folders[:1], tmp_path, 'two or more')
    make_composite(folders[:2], tmp_path / 'two')
    refused([tmp_path / 'two', folders[2]], tmp_path, 'a composite already, of casme2')


def test_cameras_of_the_same_people_are_composed(tmp_path, main, capsys):
    """HS, VIS and NIR of SMIC: all clips, and each person is one subject.

    Nothing counts twice: the clips are others, under the names of others. The same
    release again would.
    """
    cameras = {'smic': 8, 'smic-vis': 4, 'smic-nir': 4}
    folders = []
    for release, subjects in cameras.items():
        rows = prepared_rows('smic', 's{:02d}', (4, 2, 2), subjects)
        for row in rows:
            row['label'] += 3 * (release != 'smic')  # another brightness on disk
        folder = write_folder(tmp_path / release, rows)
        path = folder / 'annotations.json'
        content = json.loads(path.read_text())
        content['metainfo']['dataset'] = release
        for row in content['data_list']:
            row['label'] %= 3
        path.write_text(json.dumps(content))
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
    refused([*folders, folders[1]], tmp_path, 'holds smic-vis, and so does',
            out=tmp_path / 'again')  # fmt: skip
    refused([out, folders[0]], tmp_path, 'a composite already, of smic, smic-vis',
            out=tmp_path / 'again')  # fmt: skip


def test_another_camera_is_not_compared_with_megc(tmp_path, folders):
    """MEGC 2019 counts the clips of HS."""
    path = folders[2] / 'annotations.json'
    content = json.loads(path.read_text())
    content['metainfo']['dataset'] = 'smic-nir'
    path.write_text(json.dumps(content))
    assert make_composite(folders, tmp_path / 'out')['compared_with'] is None


def test_one_path_for_two_people_is_refused(folders, tmp_path):
    rows = read_annotation(folders[1] / 'annotations.json')['data_list']
    rows[1]['frame_dir'] = rows[0]['frame_dir']
    write_folder(folders[1], rows)
    refused(folders, tmp_path, 'the same frames')


def test_missing_frames_are_listed_before_anything_is_written(folders, tmp_path):
    for frame in (folders[2] / 'frames' / 's01' / 'c000').iterdir():
        frame.unlink()
    refused(folders, tmp_path, 'clip smic/s01/c000')
    assert not (tmp_path / 'out').exists()


def test_a_folder_of_something_else_is_refused(folders, tmp_path):
    refused(folders, tmp_path, 'a part', out=folders[0])
    refused(folders, tmp_path, 'a part', out=folders[0] / 'frames' / 'x')
    frames = tmp_path / 'out' / 'frames' / 'samm' / '001' / 'c000'
    frames.mkdir(parents=True)
    (frames / 'img8.png').write_bytes(b'mine')
    refused(folders, tmp_path, 'was not made here')
    assert (frames / 'img8.png').read_bytes() == b'mine'


def test_a_part_that_was_prepared_anew_is_linked_anew(folders, tmp_path):
    """As many frames of other pixels, and frames under other names."""
    out = tmp_path / 'out'
    make_composite(folders, out)
    for clip, name in (('001/c000', None), ('002/c001', 'img12.png')):
        frame = folders[1] / 'frames' / clip / 'img11.png'
        data = cv2.imencode('.png', np.full((8, 8, 3), 77, np.uint8))[1].tobytes()
        frame.unlink()
        (frame if name is None else frame.with_name(name)).write_bytes(data)
    make_composite(folders, out)
    whole = tmp_path / 'whole'
    make_composite(folders, whole)
    assert files_in(out) == files_in(whole)


def test_a_prepared_folder_is_not_composed_over(folders, tmp_path):
    write_folder(tmp_path / 'other', prepared_rows('other', 'sub{}', (2, 1, 1), 2))
    before = files_in(tmp_path / 'other')
    refused_out = tmp_path / 'other'
    with pytest.raises(MERDataError, match='was not made here'):
        make_composite(folders, refused_out)
    assert files_in(tmp_path / 'other') == before
    make_composite(folders[:2], tmp_path / 'two')
    with pytest.raises(MERDataError, match='holds the composite casme2.samm, 3class'):
        make_composite(folders, tmp_path / 'two')


def test_clips_may_share_a_folder_and_be_videos(tmp_path, fake):
    rows = prepared_rows('a', 's{}', (2, 2), 1)
    for row in rows[:3]:
        row['frame_dir'] = 's1/all'
    write_folder(tmp_path / 'a', rows)
    video = fake.row('s1', 'v', dataset='b', frame_dir=..., filename_tmpl=...,
                     video='s1/v.avi', onset=0, apex=None, offset=5)  # fmt: skip
    fake.write_video(tmp_path / 'b' / 'frames' / 's1' / 'v.avi', 6)
    metainfo = {'labels': '3class', 'classes': CLASSES}
    text = json.dumps({'metainfo': metainfo, 'data_list': [video]})
    (tmp_path / 'b' / 'annotations.json').write_text(text)
    out = tmp_path / 'out'
    make_composite([tmp_path / 'a', tmp_path / 'b'], out)
    rows = read_annotation(out / 'annotations.json')['data_list']
    assert rows[-1]['video'] == 'b/s1/v.avi' and 'frame_dir' not in rows[-1]
    assert len(usable_clips(rows, str(out / 'frames')).rows) == 5
    assert len(files_in(out / 'frames')) == 2 * 3 + 1


def test_a_store_of_the_composite_gives_the_same_clips(folders, tmp_path):
    from mmaction_mer.datasets import MERDataset
    from mmaction_mer.datasets.clip_cache import STANDARD

    out = tmp_path / 'out'
    make_composite(folders, out, store=True)
    options = dict(
        ann_file='annotations.json', data_root=str(out),
        data_prefix=dict(img='frames'), pipeline=[dict(part) for part in STANDARD],
    )  # fmt: skip
    stored, read = MERDataset(**options), MERDataset(**options, store=False)
    assert stored.store is not None and read.store is None
    assert len(stored) == len(read) == 11
    for one, other in zip(stored, read, strict=True):
        np.testing.assert_array_equal(np.stack(one['imgs']), np.stack(other['imgs']))


def test_links_and_files_of_others_stay(folders, tmp_path):
    out = tmp_path / 'out'
    make_composite(folders, out)
    clip = out / 'frames' / 'samm' / '001' / 'c000'
    (clip / 'notes.txt').write_text('mine')
    with pytest.raises(MERDataError, match='notes.txt: was not made here'):
        make_composite(folders, out)
    assert (clip / 'notes.txt').read_text() == 'mine'
    elsewhere = tmp_path / 'elsewhere'
    clip.parent.rename(elsewhere)
    clip.parent.symlink_to(elsewhere)
    before = files_in(elsewhere)
    with pytest.raises(MERDataError, match='is a link'):
        make_composite(folders, out)
    assert files_in(elsewhere) == before


def test_no_number_of_workers_below_one(folders, tmp_path):
    refused(folders, tmp_path, '--workers 0', workers=0)
