"""Clips of a release in videos: the frames that are written, and their rate."""

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from load_tool import load_tool
from numbered_videos import level, numbers_of, write_numbered
from preparing import issues, run

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.faces.finder import Face
from mmaction_mer.utils.errors import MERDataError

# Two emotions, since two classes are needed.
CLIPS = ('one', 'two')


def write_set(root, video, onset, apex, offset, fps=None):
    """Write a set of two clips in two videos, with a table."""
    fps_too = '' if fps is None else f',{fps}'
    lines = [f'subject,clip,emotion,onset,apex,offset{fps_too and ",fps"}']
    for clip, emotion in zip(CLIPS, ('joy', 'fear'), strict=True):
        path = root / 'p1' / f'{clip}{video.suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video.read_bytes())
        lines.append(f'p1,{clip},{emotion},{onset},{apex},{offset}{fps_too}')
    (root / 'clips.csv').write_text('\n'.join(lines))
    return root


@pytest.fixture
def faces_everywhere(monkeypatch):
    """A square in the middle of any image is a face; gray levels are kept."""
    points = np.array([[20, 24], [44, 24], [32, 36], [24, 46], [40, 46]], float)
    face = Face(points, np.array([8.0, 8, 48, 48]), 0.9, 'plain')
    for module in ('prepare', 'frame_writer'):
        monkeypatch.setattr(
            f'mmaction_mer.datasets.preparation.{module}.face_finder',
            lambda model: lambda frame: face,
        )


def written(out, row):
    """Numbers that the written images of a clip show, by their own numbers."""
    folder = out / 'frames' / row['frame_dir']
    numbers = range(row['onset'], row['offset'] + 1)
    pictures = [cv2.imread(str(folder / f'img{n}.png'))[24:40, 24:40] for n in numbers]
    assert len(list(folder.iterdir())) == len(pictures)
    return numbers_of(pictures)


def notes(prepared, field):
    return [one for one in issues(prepared, 'noted') if one['field'] == field]


def test_the_frames_that_are_written_are_those_of_the_table(tmp_path, faces_everywhere):
    """HEVC with open groups: 31..52 are written and read, not 34..55."""
    video = tmp_path / 'film.mp4'
    levels = [255 * (0.45 + 0.008 * n) for n in range(60)]
    write_numbered(video, 'hevc', open_groups=True, levels=levels)
    root = write_set(tmp_path / 'set', video, 31, 40, 52, fps=25)
    out = tmp_path / 'out'
    done = run('generic', root, out, crop=True, size=64)
    assert done.report['issues'] == []
    for row in done.rows:
        folder = out / 'frames' / row['frame_dir']
        for number in range(31, 53):
            picture = cv2.imread(str(folder / f'img{number}.png'))[24:40, 24:40]
            shown = (picture.mean() / 255 - 0.45) / 0.008
            # One grey level of rounding is half a frame.
            assert shown == pytest.approx(number, abs=0.9)
    linked = tmp_path / 'linked'
    done = run('generic', root, linked)
    clip = load_clip(locate(done.rows[0], str(linked / 'frames')), 16)
    shown = [(image.mean() / 255 - 0.45) / 0.008 for image in clip['imgs']]
    assert np.allclose(shown, clip['frame_inds'], atol=0.9)
    assert clip['frame_inds'][0] == 31 and clip['frame_inds'][-1] == 52


def test_a_variable_rate_is_written_at_a_constant_one(tmp_path, faces_everywhere):
    """Written picture k is the frame nearest to onset + k / fps, and the apex too."""
    kept = [n for n in range(40) if n not in (5, 6, 7, 13, 22, 23, 31)]
    video = write_numbered(
        tmp_path / 'screen.mkv',
        stamps=[round(1000 * n / 30) for n in kept],
        tick=Fraction(1, 1000),
        levels=[level(n) for n in kept],
    )
    # By their numbers in the file: scene frames 4, 15 and 34.
    onset, apex, offset = (kept.index(n) for n in (4, 15, 34))
    root = write_set(tmp_path / 'set', video, onset, apex, offset)
    out = tmp_path / 'out'
    done = run('generic', root, out, crop=True, size=64)
    row = done.rows[0]
    assert row['fps'] == 30
    assert (row['onset'], row['apex'], row['offset']) == (4, 15, 34)
    shown = written(out, row)
    assert shown[0] == 4 and shown[11] == 15 and shown[-1] == 34
    assert shown == sorted(shown) and set(shown) <= set(kept)
    assert np.abs(np.array(shown) - np.arange(4, 35)).max() <= 2
    reasons = [one['reason'] for one in notes(done, 'fps') if one['clip'] == 'p1/one']
    assert any('30 Hz by the timestamps' in reason for reason in reasons)
    assert any('resampled to 30 Hz' in reason for reason in reasons)
    # Read from the video itself it is the same clip.
    linked = tmp_path / 'linked'
    other = run('generic', root, linked)
    clip = load_clip(locate(other.rows[0], str(linked / 'frames')))
    assert numbers_of(clip['imgs']) == shown and clip['fps'] == 30


def test_a_rate_that_differs_from_the_timestamps_is_noted(tmp_path):
    video = write_numbered(tmp_path / 'slow.mp4')
    root = write_set(tmp_path / 'set', video, 3, 9, 20, fps=200)
    done = run('generic', root, tmp_path / 'out')
    assert {row['fps'] for row in done.rows} == {200.0}
    (reason,) = {one['reason'] for one in notes(done, 'fps')}
    assert '200 Hz is given' in reason and '25 Hz' in reason


def test_no_rate_at_all_leaves_the_clip_out(tmp_path):
    video = write_numbered(
        tmp_path / 'alike.mkv', stamps=range(40), tick=Fraction(1, 90000)
    )
    root = write_set(tmp_path / 'set', video, 3, 9, 20)
    with pytest.raises(MERDataError, match='give fps'):
        run('generic', root, tmp_path / 'out')


@pytest.mark.parametrize('name', ['av1.mp4', 'vp9.webm', 'mpeg2.mpg', 'h264.ts'])
def test_prepare_and_check_read_what_predict_reads(tmp_path, capsys, name):
    """Codecs and containers that decord cannot read are read by PyAV."""
    video = write_numbered(tmp_path / name, name.partition('.')[0])
    root = write_set(tmp_path / 'set', video, 3, 9, 20)
    out = tmp_path / 'out'
    run('generic', root, out)
    result = tmp_path / 'check.json'
    arguments = [str(out / 'annotations.json'), '--json', str(result)]
    assert load_tool('data/check.py').main(arguments) == 0
    found = json.loads(result.read_text())
    assert found['usable'] and found['verified'] == 2 and found['notes'] == []
    assert '2 clips, frames as decoded in order' in capsys.readouterr().out
    row = read_annotation(out / 'annotations.json')['data_list'][0]
    assert row['fps'] == 25
    clip = load_clip(locate(row, str(out / 'frames')))
    assert numbers_of(clip['imgs']) == list(range(3, 21))
