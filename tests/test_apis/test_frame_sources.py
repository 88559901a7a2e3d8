"""Frames of a file, a folder, an array; and the errors of bad ones."""

import os

import av
import cv2
import numpy as np
import pytest
from inference_toy import encode

from mmaction_mer.apis import SourceLimits, open_frame_source
from mmaction_mer.utils.errors import MERDataError


def steps(count=12, height=48, width=64):
    """Frames of rising gray, the left half darker."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames += np.linspace(40, 200, count).astype(np.uint8)[:, None, None, None]
    frames[:, :, : width // 2] //= 2
    return frames


def error_of(given, fps=None, limits=None):
    with pytest.raises(MERDataError) as caught:
        list(open_frame_source(given, fps, limits).frames())
    assert len(str(caught.value)) < 400
    return caught.value


def write_image(path, image=None):
    image = np.zeros((20, 20), np.uint8) if image is None else image
    cv2.imencode(path.suffix, image)[1].tofile(path)


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mov', 'a.mkv'])
def test_videos_of_every_usual_kind(tmp_path, name):
    path = encode(tmp_path / name, steps(), 50)
    source = open_frame_source(path)
    frames = np.stack(list(source.frames()))
    assert source.fps == pytest.approx(50, rel=1e-3)
    assert frames.shape == steps().shape and frames.dtype == np.uint8
    assert np.abs(frames.astype(int) - steps()).mean() < 4
    # The true rate of a slowed recording.
    assert open_frame_source(str(path), fps=200).fps == 200


def test_a_folder_is_sorted_by_number_not_by_text(tmp_path):
    for number in (98, 99, 100):
        write_image(tmp_path / f'img{number}.png', np.full((20, 20), number))
    (tmp_path / 'notes.txt').write_text('not an image')
    source = open_frame_source(tmp_path, fps=200)
    assert source.count == 3
    assert [int(frame[0, 0, 0]) for frame in source.frames()] == [98, 99, 100]


def test_colors_are_rgb(tmp_path):
    red = np.zeros((2, 32, 32, 3), np.uint8)
    red[..., 0] = 200
    for number in (1, 2):
        write_image(tmp_path / f'a{number}.png', red[0][..., ::-1])
    video = encode(tmp_path / 'v.mp4', red)
    for given, fps in ((tmp_path, 25), (video, None), (red, 25)):
        r, g, b = next(open_frame_source(given, fps).frames()).mean(axis=(0, 1))
        assert r > 180 and g < 30 and b < 30
    (gray, *_) = open_frame_source(steps()[..., 0], fps=100).frames()
    assert gray.shape == (48, 64, 3)


def test_inputs_that_are_none(tmp_path):
    for array in (steps()[..., :2], steps() / 255, steps()[0, 0]):
        assert 'uint8' in error_of(array, fps=25).problem
    assert 'not a int' in error_of(3).problem
    for fps in (0, -5, 1e9, float('nan')):
        assert error_of(steps(), fps=fps).field == 'fps'
    write_image(tmp_path / 'a1.png')
    for given in (tmp_path, steps()):
        assert error_of(given).hint == 'give fps'
    assert error_of(tmp_path / 'gone.mp4').path == str(tmp_path / 'gone.mp4')
    (tmp_path / 'empty').mkdir()
    error_of(tmp_path / 'empty', 25)
    for name in ('a\0b', 'x' * 5000):
        error_of(name)


def bad_videos(folder):
    """Write videos that cannot be read, by name."""
    noise = np.random.default_rng(0).integers(0, 255, (20, 96, 96, 3), np.uint8)
    whole = encode(folder / 'whole.mp4', noise).read_bytes()
    middle = len(whole) // 2
    huge = b'\0\0\0\1ftyp' + (4 << 30).to_bytes(8, 'big') + whole[16:]
    sound = folder / 'sound.avi'
    with av.open(str(sound), 'w') as file:
        stream = file.add_stream('pcm_s16le', rate=8000, layout='mono')
        samples = np.zeros((1, 800), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, layout='mono')
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
    os.mkfifo(folder / 'pipe.mp4')
    for name, content in {
        'text.mp4': b'This is a letter.\n' * 40,
        'empty.mp4': b'',
        'four-gigabytes.mp4': huge,
        'half.mp4': whole[:middle],
        # Frames guessed from their neighbors would seem to move.
        'damaged.mp4': whole[:middle] + b'\x55' * 800 + whole[middle + 800 :],
        'playlist.m3u8': b'#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n',
    }.items():
        (folder / name).write_bytes(content)
    return sorted(path for path in folder.iterdir() if path.name != 'whole.mp4')


def test_bad_videos_are_named(tmp_path):
    for path in bad_videos(tmp_path):
        assert path.name in error_of(path).path


def test_bad_images_are_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    good = cv2.imencode('.jpg', noise)[1].tobytes()
    (tmp_path / 'a1.jpg').write_bytes(good)
    bad = tmp_path / 'a2.jpg'
    for content in (b'', b'text', good[: len(good) // 2] + bytes(len(good) // 2)):
        bad.write_bytes(content)
        assert error_of(tmp_path, 25).path == str(bad)
    bad.unlink()
    write_image(bad, noise[:, :30])
    assert 'frame 1 is 30x64 but the first is 64x64' in error_of(tmp_path, 25).problem


def test_a_pipe_or_a_device_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / 'a1.png')
    assert 'a1.png' in str(error_of(tmp_path, 25))
    (tmp_path / 'a1.png').unlink()
    (tmp_path / 'a1.png').symlink_to('/dev/zero')
    assert 'a1.png' in str(error_of(tmp_path, 25))


def test_limits_are_kept(tmp_path):
    path = encode(tmp_path / 'a.mp4', steps(), 10)
    for limits, text in (
        (dict(size=100), 'MB'),
        (dict(side=50), '64x48'),
        (dict(frames=5), 'more than 5 frames'),
        (dict(seconds=1), 'longer than 1 seconds'),
        (dict(patience=0), 'longer than 0 seconds'),
    ):
        assert text in error_of(path, limits=SourceLimits(**limits)).problem
    assert 'longer than 1' in error_of(steps(), 10, SourceLimits(seconds=1)).problem
    # At its true rate it is short.
    short = open_frame_source(path, 200, SourceLimits(seconds=1))
    assert len(list(short.frames())) == 12


def test_only_ascii_digits_number_a_frame(tmp_path):
    for name in ('a²', 'a٣', 'a1'):
        write_image(tmp_path / f'{name}.png', steps()[0])
    source = open_frame_source(tmp_path, 25)
    assert len(list(source.frames())) == 1
    (note,) = source.notes
    assert '2 other image(s) are not frames' in note and "'a².png, a٣.png'" in note
