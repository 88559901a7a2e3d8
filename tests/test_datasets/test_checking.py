"""Check an annotation against the disk, and tools/data/check.py around it."""

import json
import os
from fractions import Fraction

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import classes, content, row, video_row, write_frames, write_video
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


@pytest.fixture(scope='module')
def check():
    return load_tool('data/check.py').main


@pytest.fixture
def data(tmp_path):
    """Write 15 clips of 3 subjects; return rows, root and an annotation writer."""
    rows = [row(f's{n % 3}', f'c{n}', label=n % 2) for n in range(15)]
    for one in rows:
        write_frames(tmp_path / 'frames' / one['frame_dir'], range(3, 13))

    def write(**metainfo):
        path = tmp_path / 'annotations.json'
        return str(write_annotation(path, content(*rows, **metainfo)))

    return rows, tmp_path, write


def test_a_valid_dataset(data, check, capsys):
    _, root, write = data
    assert check([write(), '--json', str(root / 'out' / 'found.json')]) == 0
    printed = capsys.readouterr().out
    assert '15 clips · 3 subjects · 3 classes' in printed
    assert 'every clip can be used' in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ['negative', '8', '3'] in lines and ['surprise', '0', '0'] in lines
    assert '10 to 10, median 10 frames' in printed
    assert '200 Hz (15 clips)' in printed and '8x8 (15 clips)' in printed
    found = json.loads((root / 'out' / 'found.json').read_text())
    assert found['usable'] is True and found['problems'] == {}
    assert found['frames'] == str(root / 'frames')
    assert found['length']['ms'] == {'min': 45.0, 'median': 45.0, 'max': 45.0}


def test_every_problem_and_note_is_listed_by_clip(data, check, capsys):
    rows, root, write = data
    folders = [root / 'frames' / one['frame_dir'] for one in rows]
    for folder in folders[:5]:
        (folder / 'img3.jpg').write_bytes(b'not an image')
    write_frames(folders[5], [12], size=10)
    rows[6].update(onset=12, apex=12, offset=20)
    (folders[7] / 'img3.jpg').unlink()
    os.mkfifo(folders[7] / 'img3.jpg')
    (folders[8] / 'img12.jpg').unlink()
    (folders[8] / 'img12.jpg').symlink_to('/dev/zero')
    # Frames in the middle: one is a pipe, the other one is damaged.
    (folders[9] / 'img7.jpg').unlink()
    os.mkfifo(folders[9] / 'img7.jpg')
    whole = (folders[10] / 'img7.jpg').read_bytes()
    (folders[10] / 'img7.jpg').write_bytes(whole[:-40] + bytes(38) + whole[-2:])
    # A valid path, but too long below such a root.
    rows[11]['frame_dir'] = '/'.join(['x' * 200] * 5)
    (folders[12] / 'img7.jpg').unlink()
    # A camera with 12 bits in files of 16.
    for path in folders[13].iterdir():
        level = cv2.imread(str(path))[0, 0, 0]
        path.unlink()
        image = np.full((8, 8), 16 * int(level), np.uint16)
        cv2.imwrite(str(path.with_suffix('.png')), image)
    path = write()
    assert check([path, '--json', str(root / 'found.json')]) == 1
    out, err = capsys.readouterr()
    assert '12 of 15 clips cannot be used' in err
    assert 'c5: frame is 10x10, but' in out
    assert 'Notes: 1' in out and 'c12: 1 of 10 frames are missing (first: 7)' in out
    found = json.loads((root / 'found.json').read_text())
    broken = {f'fake/{one["subject"]}/{one["clip"]}' for one in rows[:12]}
    assert set(found['problems']) == broken
    assert all(name in text for name, text in found['problems'].items())
    assert found['usable'] is False and found['sizes'] == {'8x8': 3}
    (depth,) = found['depths']
    assert depth.startswith('clip fake/s1/c13: ') and '4095 (12 bits) is white' in depth
    deep = root / '/'.join(['y' * 250] * 12)
    deep.mkdir(parents=True)
    assert check([path, '--frames', str(deep)]) == 1


def test_a_missing_root_and_an_invalid_file(data, check, capsys):
    _, root, write = data
    path = write()
    assert check([path, '--frames', str(root)]) == 1
    out, err = capsys.readouterr()
    assert out.count('frame folder not found') == 15 and '15 of 15' in err
    assert check([path, '--frames', str(root / 'none')]) == 1
    assert 'not a folder on this machine' in capsys.readouterr().err
    (root / 'annotations.json').write_text(
        json.dumps(content(row(onset=9, fps=float('nan'))))
    )
    assert check([path, '--json', str(root / 'found.json')]) == 1
    err = capsys.readouterr().err
    assert "field 'apex'" in err and "field 'fps'" in err
    found = json.loads((root / 'found.json').read_text())
    assert found['usable'] is False and "field 'fps'" in found['error']


def test_a_link_out_of_the_root_is_a_problem(data, tmp_path_factory):
    rows, root, _ = data
    outside = write_frames(tmp_path_factory.mktemp('outside'), range(3, 13))
    (root / 'frames' / 's9').symlink_to(outside)
    found = check_clips(
        [{**rows[0], 'subject': 's9', 'frame_dir': 's9'}, rows[1]], root / 'frames'
    )
    assert list(found.problems) == ['fake/s9/c0']
    assert 'leads out of' in found.problems['fake/s9/c0']


def test_videos(tmp_path):
    write_video(tmp_path / 'v.avi', 13)
    one = video_row('v.avi')
    assert check_clips([one], tmp_path).sizes == {'64x48': 1}
    (tmp_path / 'v.avi').write_bytes(b'not a video')
    with raises_data_error('not a folder', hint=True):
        check_clips([one], tmp_path / 'v.avi')
    assert 'cannot be read' in check_clips([one], tmp_path).problems['fake/sub01/c1']


def test_a_pause_in_a_video_makes_a_clip_too_long(tmp_path):
    """60 frames every 33 ms and a pause of 25 s: 16 frames of 26.9 s have 0.56 Hz."""
    stamps = [33 * n + (25_000 if n > 29 else 0) for n in range(60)]
    levels = [20 + 3 * n for n in range(60)]
    write_numbered(
        tmp_path / 'pause.mkv', stamps=stamps, tick=Fraction(1, 1000), levels=levels
    )
    long = video_row('pause.mkv', onset=0, offset=59, fps=30.0)
    for one, root in ((long, tmp_path), (locate(long, str(tmp_path)), '')):
        (problem,) = check_limits([one], ClipLimits(), None, root).problems.values()
        assert 'the clip lasts 26.9' in problem and 'have 0.55' in problem
    short = {**long, 'offset': 29}
    assert not check_limits([short], ClipLimits(), None, tmp_path).problems


def test_frames_are_beside_the_file_or_below_it(tmp_path):
    path, one, gone = tmp_path / 'annotations.json', row(), row('s9')
    assert frames_root(path, [one]) == tmp_path
    write_frames(tmp_path / 'frames' / one['frame_dir'], [3])
    assert frames_root(path, [gone, one]) == tmp_path / 'frames'
    # As in SynthME, whose paths begin with frames/.
    below = row(frame_dir=f'frames/{one["frame_dir"]}')
    assert frames_root(path, [gone, below]) == tmp_path
    assert frames_root(path, [gone]) == tmp_path / 'frames'


def test_summary_by_class_and_dataset():
    found = summarize(
        [
            row('a', 'c1', dataset='x', fps=100, apex=None),
            row('b', 'c2', dataset='x', label=2, offset=52, fps=100.0),
            # The same name in another dataset is another person.
            row('a', 'c3', dataset='y', label=2, offset=22),
        ],
        classes,
    )
    assert (found['clips'], found['subjects'], found['without_apex']) == (3, 3, 1)
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


CONFIG = """
data = dict(type='MERDataset', ann_file='a.json', pipeline=[
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16)])
test_dataloader = dict(dataset=data)
model = dict(type='MPTRecognizer', data_preprocessor=dict(
    type='MERDataPreprocessor', low=0.1, high=3.0))
"""


def test_clips_that_the_motion_filter_cannot_use(data, check, capsys):
    """Clips of 10 frames that are readable, but too long for the filter.

    9 steps at 0.3 Hz last 30 s, which as 16 frames are 0.5 Hz; at 4.5 Hz they last
    2 s, at 15 Hz 0.6 s.
    """
    rows, root, write = data
    for one, rate in zip(rows, (0.3, 4.5, 15.0), strict=False):
        one['fps'] = rate
    path, config = write(), root / 'config.py'
    assert check([path, '--json', str(root / 'found.json')]) == 1
    out, err = capsys.readouterr()
    assert '1 of 15 clips cannot be used' in err
    assert "clip fake/s0/c0: field 'offset': the clip lasts 30.00 s" in out
    assert 'none of the pass band, 0.4 to 4 Hz' in out
    assert 'Length and frame rate: 3' in out
    found = json.loads((root / 'found.json').read_text())
    assert list(found['problems']) == ['fake/s0/c0']
    for clip, words in (
        ('s1/c1', 'lasts 2.00 s'),
        ('s1/c1', 'frames have 7.5 Hz'),
        ('s1/c1', 'is lowered from 4 to 3.71 Hz'),
        ('s2/c2', 'lasts 0.60 s (frames 3 to 12 at 15 Hz), longer than a micro-'),
    ):
        assert any(clip in one and words in one for one in found['limits']), words
    # The limits of a config.
    config.write_text(CONFIG)
    assert check([path, '--config', str(config)]) == 0
    out = capsys.readouterr().out
    assert 'is lowered from 3 to 0.24' in out and '3.71 Hz' not in out
    assert check([path, '--config', 'none.py']) == 1


@pytest.mark.parametrize(
    ('task', 'problems', 'notes'),
    [
        ('macro-expression recognition', 0, 0),
        ('facial expression recognition', 1, 0),
        ('micro-expression recognition', 1, 1),
    ],
)
def test_macro_expressions_may_last_longer(data, check, capsys, task, problems, notes):
    """They are for pre-training on pairs of frames; anything else is filtered."""
    rows, root, write = data
    rows[0]['fps'], rows[1]['fps'] = 0.3, 15.0
    path = write(task_name=task)
    assert check([path, '--json', str(root / 'found.json')]) == problems
    found = json.loads((root / 'found.json').read_text())
    assert (len(found['problems']), len(found['limits'])) == (problems, notes)
