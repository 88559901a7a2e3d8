"""An annotation against the disk, and tools/data/check.py around it."""

import json
import os
from fractions import Fraction

import cv2
import numpy as np
import pytest
from load_tool import load_tool
from numbered_videos import write_numbered

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.checking import (
    check_clips,
    check_limits,
    frames_root,
    summarize,
)
from mmaction_mer.datasets.clips import locate
from mmaction_mer.motion.limits import ClipLimits
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture(scope='module')
def check():
    return load_tool('data/check.py').main


@pytest.fixture
def data(tmp_path, fake):
    """30 clips of 3 subjects in frames/, and how to write their annotation."""
    rows = [
        fake.row(f's{number % 3}', f'c{number}', label=number % 2)
        for number in range(30)
    ]
    for row in rows:
        fake.write_frames(tmp_path / 'frames' / row['frame_dir'], range(3, 13))
    path = tmp_path / 'annotations.json'

    def write():
        return write_annotation(path, fake.content(*rows))

    return rows, tmp_path, write


def test_what_is_read_as_white_is_said(data, check, capsys):
    """Pictures of a camera of 12 bits in files of 16."""
    rows, root, write = data
    folder = root / 'frames' / rows[4]['frame_dir']
    for path in folder.iterdir():
        level = cv2.imread(str(path))[0, 0, 0]
        path.unlink()
        image = np.full((8, 8), 16 * int(level), np.uint16)
        cv2.imwrite(str(path.with_suffix('.png')), image)
    assert check([str(write()), '--json', str(root / 'found.json')]) == 0
    assert 'Pictures of more than 8 bits: 1\n  clip fake/s1/c4: ' in (
        capsys.readouterr().out
    )
    (depth,) = json.loads((root / 'found.json').read_text())['depths']
    assert '4095 (12 bits) is white' in depth


def test_a_sound_data_set(data, check, capsys):
    rows, root, write = data
    assert check([str(write()), '--json', str(root / 'out' / 'found.json')]) == 0
    printed = capsys.readouterr().out
    assert '30 clips · 3 subjects · 3 classes' in printed
    assert 'every clip can be used' in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ['negative', '15', '3'] in lines and ['surprise', '0', '0'] in lines
    assert '10 to 10, median 10 frames' in printed
    assert '200 Hz (30 clips)' in printed and '8x8 (30 clips)' in printed
    found = json.loads((root / 'out' / 'found.json').read_text())
    assert found['usable'] is True and found['problems'] == {}
    assert found['frames'] == str(root / 'frames')
    assert found['length']['ms'] == {'min': 45.0, 'median': 45.0, 'max': 45.0}


def test_every_problem_is_listed_by_clip(data, check, capsys, fake):
    rows, root, write = data
    frames = root / 'frames'
    for row in rows[:25]:
        (frames / row['frame_dir'] / 'img3.jpg').write_bytes(b'no image')
    broken = {row['clip'] for row in rows[:25]}
    # Only opening them shows these two.
    (frames / rows[25]['frame_dir'] / 'img12.jpg').write_bytes(b'')
    fake.write_frames(frames / rows[26]['frame_dir'], [12], size=10)
    (frames / rows[27]['frame_dir'] / 'img7.jpg').unlink()
    rows[28]['onset'] = rows[28]['apex'] = 12
    rows[28]['offset'] = 20
    broken |= {'c25', 'c26', 'c28'}
    assert check([str(write()), '--json', str(root / 'found.json')]) == 1
    out, err = capsys.readouterr()
    assert '28 of 30 clips cannot be used' in err
    for clip in broken:
        assert f'/{clip}: ' in out, clip
    assert 'c26: frame is 10x10 but' in out
    assert 'Notes: 1' in out
    assert 'c27: 1 of 10 frames are missing (first: 7)' in out
    found = json.loads((root / 'found.json').read_text())
    assert {name.split('/')[-1] for name in found['problems']} == broken
    assert found['usable'] is False and found['sizes'] == {'8x8': 2}


def test_nothing_on_disk_is_a_list_too(data, check, capsys):
    rows, root, write = data
    assert check([str(write()), '--frames', str(root)]) == 1
    out, err = capsys.readouterr()
    assert out.count('frame folder cannot be read') == 30
    assert '30 of 30' in err
    assert check([str(write()), '--frames', str(root / 'none')]) == 1
    assert 'not a folder on this machine' in capsys.readouterr().err


def test_a_broken_file_is_said_in_json_too(data, check, capsys, fake):
    _, root, _ = data
    path = root / 'annotations.json'
    path.write_text(json.dumps(fake.content(fake.row(onset=9, fps=float('nan')))))
    assert check([str(path), '--json', str(root / 'found.json')]) == 1
    err = capsys.readouterr().err
    assert "field 'apex'" in err and "field 'fps'" in err
    found = json.loads((root / 'found.json').read_text())
    assert found['usable'] is False and "field 'fps'" in found['error']


def test_a_link_out_of_the_folder_is_a_problem(data, tmp_path_factory, fake):
    rows, root, _ = data
    outside = fake.write_frames(tmp_path_factory.mktemp('o'), range(3, 13))
    (root / 'frames' / 's9').symlink_to(outside)
    row = {**rows[0], 'subject': 's9', 'frame_dir': 's9'}
    found = check_clips([row, rows[1]], root / 'frames')
    assert list(found.problems) == ['fake/s9/c0']
    assert 'leads out of' in found.problems['fake/s9/c0']


def test_videos_are_opened(tmp_path, fake):
    fake.write_video(tmp_path / 'v.avi', 13)
    row = fake.row(frame_dir=..., filename_tmpl=..., video='v.avi')
    assert check_clips([row], tmp_path).sizes == {'64x48': 1}
    (tmp_path / 'v.avi').write_bytes(b'no video')
    with pytest.raises(MERDataError, match='not a folder'):
        check_clips([row], tmp_path / 'v.avi')
    assert 'cannot be opened' in check_clips([row], tmp_path).problems['fake/sub01/c1']


def test_a_pause_in_a_video_makes_a_clip_long(tmp_path):
    """The kind: as many frames as a short clip has, over a long time.

    60 frames every 33 ms and a pause of 25 s: 16 frames of 26.9 s are 0.56 a second.
    """
    stamps = [33 * n + (25_000 if n > 29 else 0) for n in range(60)]
    levels = [20 + 3 * n for n in range(60)]
    write_numbered(
        tmp_path / 'pause.mkv', stamps=stamps, tick=Fraction(1, 1000), levels=levels
    )
    row = dict(
        dataset='d', subject='s', clip='c', video='pause.mkv', onset=0, apex=None,
        offset=59, fps=30.0, label=0,
    )  # fmt: skip
    for one, root in ((row, tmp_path), (locate(row, str(tmp_path)), '')):
        (problem,) = check_limits([one], ClipLimits(), None, root).problems.values()
        assert 'the clip lasts 26.9' in problem and 'are 0.55' in problem
    assert not check_limits(
        [{**row, 'offset': 29}], ClipLimits(), None, tmp_path
    ).problems


def test_frames_are_beside_the_file_or_below_it(tmp_path, fake):
    path, row = tmp_path / 'annotations.json', fake.row()
    assert frames_root(path, [row]) == tmp_path
    fake.write_frames(tmp_path / 'frames' / row['frame_dir'], [3])
    assert frames_root(path, [fake.row('s9'), row]) == tmp_path / 'frames'
    # As in SynthME, whose paths begin with frames/.
    below = fake.row(frame_dir=f'frames/{row["frame_dir"]}')
    assert frames_root(path, [fake.row('s9'), below]) == tmp_path
    assert frames_root(path, [fake.row('s9')]) == tmp_path / 'frames'


def test_counts_are_per_class_and_data_set(fake):
    rows = [
        fake.row('a', 'c1', dataset='x', fps=100, apex=None),
        fake.row('b', 'c2', dataset='x', label=2, offset=52, fps=100.0),
        # The same name in another data set is another person.
        fake.row('a', 'c3', dataset='y', label=2, offset=22),
    ]
    found = summarize(rows, fake.classes)
    assert found['clips'] == 3 and found['subjects'] == 3
    assert found['without_apex'] == 1
    assert found['classes'] == [
        {'class': 'negative', 'clips': 1, 'subjects': 1},
        {'class': 'positive', 'clips': 0, 'subjects': 0},
        {'class': 'surprise', 'clips': 2, 'subjects': 2},
    ]
    assert found['datasets'] == [
        {'dataset': 'x', 'clips': 2, 'subjects': 2},
        {'dataset': 'y', 'clips': 1, 'subjects': 1},
    ]
    assert found['frame_rates'] == {'100': 2, '200': 1}
    assert found['length']['frames'] == {'min': 10, 'median': 20, 'max': 50}
    assert found['length']['ms'] == {'min': 90.0, 'median': 95.0, 'max': 490.0}


def test_pipes_and_names_too_long_are_problems_of_their_clips(data, check, capsys):
    rows, root, write = data
    pipe = root / 'frames' / rows[0]['frame_dir'] / 'img3.jpg'
    pipe.unlink()
    os.mkfifo(pipe)
    link = root / 'frames' / rows[1]['frame_dir'] / 'img12.jpg'
    link.unlink()
    link.symlink_to('/dev/zero')
    # Frames in between, too: one is a pipe, one is damaged though it ends as it should.
    pipe = root / 'frames' / rows[3]['frame_dir'] / 'img7.jpg'
    pipe.unlink()
    os.mkfifo(pipe)
    path = root / 'frames' / rows[4]['frame_dir'] / 'img7.jpg'
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + bytes(38) + whole[-2:])
    # Allowed by themselves, but not below such a root.
    rows[2]['frame_dir'] = '/'.join(['x' * 200] * 5)
    deep = root / '/'.join(['y' * 250] * 12)
    deep.mkdir(parents=True)
    path = write()
    assert check([str(path)]) == 1
    printed = capsys.readouterr().out
    for row in rows[:5]:
        assert f'fake/{row["subject"]}/{row["clip"]}' in printed
    assert check([str(path), '--frames', str(deep)]) == 1
    assert 'every clip can be used' not in capsys.readouterr().out


def test_clips_that_the_motion_filter_cannot_use(data, check, capsys, fake):
    """The kind: sound on disk, and refused or changed by the pipeline of a config.

    Of 10 frames, so that the frame rate alone makes a clip long: 9 steps at 0.3 Hz last
    30 s, which as 16 frames are 0.5 a second; at 4.5 Hz 2 s, at 15 Hz 0.6 s.
    """
    rows, root, write = data
    for row, rate in zip(rows, (0.3, 4.5, 15.0), strict=False):
        row['fps'] = rate
    assert check([str(write()), '--json', str(root / 'found.json')]) == 1
    out, err = capsys.readouterr()
    assert '1 of 30 clips cannot be used' in err
    assert 'Clips that cannot be used: 1' in out
    assert 'clip fake/s0/c0, offset: the clip lasts 30.00 s' in out
    assert 'none of the pass band, 0.4 to 4 Hz' in out
    assert 'Length and frame rate: 3' in out
    found = json.loads((root / 'found.json').read_text())
    assert list(found['problems']) == ['fake/s0/c0']
    for clip, words in (
        ('s1/c1', 'lasts 2.00 s'),
        ('s1/c1', 'are 7.5 a second, and the upper edge of the pass band, 4 Hz, is '
                  'lowered to 3.71 Hz'),
        ('s2/c2', 'lasts 0.60 s (frames 3 to 12 at 15 Hz), longer than a micro-'),
    ):  # fmt: skip
        assert any(clip in one and words in one for one in found['limits']), words
    # The config's own limits, where one is named.
    config = root / 'config.py'
    config.write_text(
        "data = dict(type='MERDataset', ann_file='a.json', pipeline=[\n"
        "    dict(type='LoadMERFrames', max_frames=16),\n"
        "    dict(type='StandardizeLength', length=16)])\n"
        'test_dataloader = dict(dataset=data)\n'
        "model = dict(type='MPTRecognizer', data_preprocessor=dict(\n"
        "    type='MERDataPreprocessor', low=0.1, high=3.0))\n"
    )
    assert check([str(root / 'annotations.json'), '--config', str(config)]) == 0
    out = capsys.readouterr().out
    assert 'the upper edge of the pass band, 3 Hz, is lowered to 0.24' in out
    assert '3.71 Hz' not in out
    assert check([str(root / 'annotations.json'), '--config', 'none.py']) == 1
    assert 'no such config file' in capsys.readouterr().err


@pytest.mark.parametrize(
    'task, problems, notes',
    [('macro-expression recognition', 0, 0), ('facial expression recognition', 1, 0),
     ('micro-expression recognition', 1, 1)],
)  # fmt: skip
def test_macro_expressions_may_last(data, check, capsys, fake, task, problems, notes):
    """They are for pre-training on pairs of frames; anything else is filtered."""
    rows, root, _ = data
    rows[0]['fps'], rows[1]['fps'] = 0.3, 15.0
    content = fake.content(*rows)
    content['metainfo']['task_name'] = task
    path = write_annotation(root / 'annotations.json', content)
    assert check([str(path), '--json', str(root / 'found.json')]) == problems
    found = json.loads((root / 'found.json').read_text())
    assert (len(found['problems']), len(found['limits'])) == (problems, notes)
    capsys.readouterr()
