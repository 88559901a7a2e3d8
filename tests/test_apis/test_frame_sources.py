"""What is read of a file, a folder, an array; and what is said of a bad one."""

import os

import cv2
import numpy as np
import pytest
from inference_toy import encode

from mmaction_mer.apis import SourceLimits, open_frame_source
from mmaction_mer.utils.errors import MERDataError


def steps(count=12, height=48, width=64):
    """Frames of rising grey, the left half darker."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames += np.linspace(40, 200, count).astype(np.uint8)[:, None, None, None]
    frames[:, :, : width // 2] //= 2
    return frames


def refusal(given, fps=None, limits=None):
    with pytest.raises(MERDataError) as caught:
        list(open_frame_source(given, fps, limits).frames())
    message = str(caught.value)
    assert 'Traceback' not in message and len(message) < 400
    return message


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mov', 'a.mkv'])
def test_videos_of_every_usual_kind(tmp_path, name):
    source = open_frame_source(encode(tmp_path / name, steps(), 50))
    read = np.stack(list(source.frames()))
    assert source.fps == pytest.approx(50, rel=1e-3)
    assert read.shape == steps().shape and read.dtype == np.uint8
    assert np.abs(read.astype(int) - steps()).mean() < 4


def test_the_true_rate_of_a_slowed_recording_can_be_given(tmp_path):
    path = encode(tmp_path / 'a.mp4', steps(), 25)
    assert open_frame_source(path).fps == 25
    assert open_frame_source(str(path), fps=200).fps == 200


def test_a_folder_is_sorted_by_number_not_by_text(tmp_path):
    for number in (98, 99, 100):
        cv2.imwrite(str(tmp_path / f'img{number}.png'), np.full((20, 20), number))
    (tmp_path / 'notes.txt').write_text('no picture')
    source = open_frame_source(tmp_path, fps=200)
    assert source.count == 3
    assert [int(frame[0, 0, 0]) for frame in source.frames()] == [98, 99, 100]


def test_red_stays_red(tmp_path):
    red = np.zeros((2, 32, 32, 3), np.uint8)
    red[..., 0] = 200
    cv2.imwrite(str(tmp_path / 'a1.png'), red[0][..., ::-1])
    cv2.imwrite(str(tmp_path / 'a2.png'), red[0][..., ::-1])
    for source in (
        open_frame_source(tmp_path, 25),
        open_frame_source(encode(tmp_path / 'v.mp4', red)),
        open_frame_source(red, 25),
    ):
        r, g, b = next(source.frames()).mean(axis=(0, 1))
        assert r > 180 and g < 30 and b < 30


def test_a_grey_array_has_three_colours():
    frames = list(open_frame_source(steps()[..., 0], fps=100).frames())
    assert frames[0].shape == (48, 64, 3)


@pytest.mark.parametrize('given', [steps()[..., :2], steps() / 255, steps()[0, 0]])
def test_other_arrays_are_refused(given):
    assert 'uint8' in refusal(given, fps=25)


def test_what_says_nothing_of_its_rate_needs_one(tmp_path):
    cv2.imwrite(str(tmp_path / 'a1.png'), np.zeros((20, 20), np.uint8))
    assert 'give fps' in refusal(tmp_path)
    assert 'give fps' in refusal(steps())


@pytest.mark.parametrize('fps', [0, -5, 1e9, float('nan')])
def test_impossible_rates(fps):
    assert 'fps is' in refusal(steps(), fps=fps)


def test_what_is_not_there(tmp_path):
    assert 'no such video' in refusal(tmp_path / 'gone.mp4')
    (tmp_path / 'empty').mkdir()
    assert 'no picture there' in refusal(tmp_path / 'empty', 25)
    assert 'not a int' in refusal(3)


def test_a_text_file_that_calls_itself_a_video(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_text('This is a letter.\n' * 40)
    assert refusal(path).startswith('a.mp4: is not a video that can be opened')
    path.write_bytes(b'')
    assert refusal(path).startswith('a.mp4: is not a video that can be opened')


def test_a_file_with_sound_alone(tmp_path):
    import av

    path = tmp_path / 'a.avi'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('pcm_s16le', rate=8000, layout='mono')
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout='mono')
        sound.sample_rate = 8000
        file.mux(stream.encode(sound))
    assert 'holds no pictures' in refusal(path)


def test_a_header_that_promises_four_gigabytes(tmp_path):
    whole = encode(tmp_path / 'a.mp4', steps()).read_bytes()
    path = tmp_path / 'b.mp4'
    path.write_bytes(b'\0\0\0\1ftyp' + (4 << 30).to_bytes(8, 'big') + whole[16:])
    assert refusal(path).startswith('b.mp4: ')
    index = whole.index(b'moov')
    path.write_bytes(whole[: index - 4] + b'\xff\xff\xff\xf0' + whole[index:])
    try:
        read = list(open_frame_source(path).frames())
    except MERDataError as error:
        assert str(error).startswith('b.mp4: ')
    else:  # the index runs to the end of the file: nothing is lost
        assert len(read) == len(steps())


def test_a_file_cut_short_and_one_damaged_within(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 96, 96, 3), np.uint8)
    whole = encode(tmp_path / 'a.mp4', noise).read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    assert refusal(tmp_path / 'cut.mp4').startswith('cut.mp4: ')
    middle = len(whole) // 2
    damaged = whole[:middle] + b'\x55' * 800 + whole[middle + 800 :]
    (tmp_path / 'bad.mp4').write_bytes(damaged)
    # Never pictures guessed from their neighbours: those would seem to move.
    assert 'cannot be decoded after' in refusal(tmp_path / 'bad.mp4')


def test_a_playlist_does_not_reach_out(tmp_path):
    path = tmp_path / 'list.m3u8'
    path.write_text(
        '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n'
    )
    assert 'list.m3u8' in refusal(path)


def test_limits_are_kept(tmp_path):
    path = encode(tmp_path / 'a.mp4', steps(), 10)
    assert 'MB' in refusal(path, limits=SourceLimits(size=100))
    assert '64x48' in refusal(path, limits=SourceLimits(side=50))
    assert 'more than 5 frames' in refusal(path, limits=SourceLimits(frames=5))
    assert 'longer than 1 seconds' in refusal(path, limits=SourceLimits(seconds=1))
    assert 'longer than 1 seconds' in refusal(steps(), 10, SourceLimits(seconds=1))
    # At its true rate it is short.
    assert (
        len(list(open_frame_source(path, 200, SourceLimits(seconds=1)).frames())) == 12
    )


def test_frames_of_two_sizes(tmp_path):
    cv2.imwrite(str(tmp_path / 'a1.png'), np.zeros((20, 20), np.uint8))
    cv2.imwrite(str(tmp_path / 'a2.png'), np.zeros((20, 30), np.uint8))
    assert 'frame 1 is 30x20 but the first is 20x20' in refusal(tmp_path, 25)


def test_a_broken_picture_in_a_folder(tmp_path):
    (tmp_path / 'a1.png').write_bytes(b'no picture')
    assert 'a1.png: not a whole image' in refusal(tmp_path, 25)
    (tmp_path / 'a1.png').write_bytes(b'')
    assert 'a1.png: not a whole image' in refusal(tmp_path, 25)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.mp4')
    assert 'a.mp4' in refusal(tmp_path / 'a.mp4')
    frames = tmp_path / 'frames'
    frames.mkdir()
    os.mkfifo(frames / 'a1.png')
    assert 'a1.png' in refusal(frames, 25)
    (frames / 'a1.png').unlink()
    (frames / 'a1.png').symlink_to('/dev/zero')
    assert 'a1.png' in refusal(frames, 25)


def test_a_damaged_picture_is_not_taken_for_another(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = cv2.imencode('.jpg', noise)[1].tobytes()
    (tmp_path / 'a1.jpg').write_bytes(data)
    (tmp_path / 'a2.jpg').write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    assert 'a2.jpg: not a whole image' in refusal(tmp_path, 25)


def test_names_of_files_may_be_anything(tmp_path):
    assert 'no name of a file' in refusal('a\0b')
    refusal('x' * 5000)
    for name in ('a²', 'a٣', 'a1'):
        cv2.imencode('.png', steps()[0])[1].tofile(tmp_path / f'{name}.png')
    source = open_frame_source(tmp_path, 25)
    assert len(list(source.frames())) == 1
    assert source.notes == [
        "2 other picture(s) are no frames and are left alone: 'a².png, a٣.png'"
    ]
