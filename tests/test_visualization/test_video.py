"""Videos are written atomically, in a format that browsers play."""

import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.visualization.video import LINE, side_by_side, write_video


def steps(height=64, width=48):
    """Frames of different gray levels, with a darker left half."""
    frames = np.zeros((6, height, width, 3), np.uint8)
    frames += np.arange(40, 220, 30, dtype=np.uint8)[:, None, None, None]
    frames[:, :, : width // 2] //= 2
    return frames


def read(path):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format='rgb24') for frame in file.decode(stream)]
        return np.stack(frames), stream.codec_context, stream.average_rate


def test_the_frames_come_back_in_a_form_that_browsers_play(tmp_path):
    path = write_video(tmp_path / 'deep' / 'a.mp4', steps(), 12.5)
    frames, codec, rate = read(path)
    assert (codec.name, codec.pix_fmt) == ('h264', 'yuv420p')
    assert rate == Fraction(25, 2)
    assert frames.shape == (6, 64, 48, 3)
    difference = np.abs(frames.astype(int) - steps())
    assert difference.mean() < 3
    # The index is before the frames.
    content = path.read_bytes()
    assert 0 < content.index(b'moov') < content.index(b'mdat')
    assert [file.name for file in path.parent.iterdir()] == ['a.mp4']


def test_odd_sides_are_made_even(tmp_path):
    frames, _, _ = read(write_video(tmp_path / 'a.mp4', steps(63, 47), 25))
    assert frames.shape == (6, 64, 48, 3)
    assert np.abs(frames[:, -1].astype(int) - frames[:, -3]).mean() < 3


def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.mp4', steps(), 25)
    before = path.read_bytes()

    def fails(_):
        raise RuntimeError('no picture')

    monkeypatch.setattr(av.VideoFrame, 'from_ndarray', fails, raising=False)
    with pytest.raises(RuntimeError, match='no picture'):
        write_video(path, steps(), 25)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ('frames', 'fps', 'message'),
    [
        (steps().astype(float), 25, 'got .* of float64'),
        (steps()[0], 25, r'got \(64, 48, 3\)'),
        (steps()[:0], 25, r'got \(0, 64'),
        (steps(), 0, 'above 0, got 0'),
        (steps(), float('nan'), 'above 0, got nan'),
    ],
)
def test_invalid_videos_are_rejected(frames, fps, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / 'a.mp4', frames, fps)
    assert not list(tmp_path.iterdir())


def test_without_pyav_the_hint_is_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(MERRunError) as error:
        write_video(tmp_path / 'a.mp4', steps(), 25)
    assert error.value.hint == 'pip install av'


def test_two_videos_are_side_by_side_below_their_labels():
    left = steps()
    right = 255 - left
    both = side_by_side(left, right, ('original', 'x 20'), side=128)
    assert both.shape == (6, LINE + 128, 96 + 4 + 96, 3)
    np.testing.assert_array_equal(both[:, LINE + 64, 8], left[:, 32, 4])
    np.testing.assert_array_equal(both[:, LINE + 64, -8], right[:, 32, -4])
    # Each label is drawn, the longer with more ink; none over the frames.
    ink = [(both[0, :LINE, part] > 128).sum() for part in (slice(96), slice(100, None))]
    assert ink[0] > ink[1] > 20
    assert (both[:, :, 96:100] == 255).all()


def test_large_videos_stay_as_they_are_and_labels_fit():
    frames = steps(300, 40)
    both = side_by_side(frames, frames, ('a label of very many letters', 'µ'))
    np.testing.assert_array_equal(both[:, LINE:, :40], frames)
    assert (both[:, :LINE, 36:40] == 32).all(), 'scaled down, not cropped'


def test_videos_of_different_shapes_are_rejected():
    with pytest.raises(ValueError, match='of one shape'):
        side_by_side(steps(), steps()[:3])
