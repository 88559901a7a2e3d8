"""Every reader returns the right frames of every kind of video, in any order.

The gray levels of a file encode the frame numbers. Decoding in order is the ground
truth.
"""

import functools
import struct
import types

import av
import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import video_row
from numbered_videos import CODECS, COUNT, numbers_of, trim, write_numbered

from mmaction_mer.apis import open_frame_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.video import reader as video_reader
from mmaction_mer.datasets.video.reader import iter_video_frames, open_video, read_video
from mmaction_mer.utils.errors import MERDataError

CONTAINERS = ('mp4', 'mov', 'avi', 'mkv', 'webm', 'mpg', 'ts')
KINDS = ('closed', 'open', 'trimmed at a keyframe', 'trimmed between', 'hidden')


def decoded(path):
    """Return frame numbers by plain decoding, and whether there was no damage."""
    frames, sound = [], True
    with av.open(str(path)) as file:
        if not file.streams.video or file.streams.video[0].codec_context is None:
            return frames, False
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        try:
            frames.extend(
                frame.to_ndarray(format='rgb24') for frame in file.decode(stream)
            )
        except av.error.FFmpegError:
            sound = False
    return numbers_of(frames), sound


@functools.cache
def key_packets(path):
    with av.open(str(path)) as file:
        packets = [one for one in file.demux(video=0) if one.size]
        return [i for i, one in enumerate(packets) if one.is_keyframe]


def make(folder, container, codec, kind):
    """Write a file; return None if the container does not support codec or kind."""
    path = folder / f'{codec} {kind}.{container}'
    whole = folder / f'{codec} whole.{container}'
    try:
        if kind in ('closed', 'open'):
            return write_numbered(path, codec, kind == 'open')
        write_numbered(whole, codec, open_groups=True)
        key = key_packets(whole)[1]
        if kind == 'hidden':
            if container not in ('mp4', 'mov'):
                return None  # without edit lists
            with av.open(str(whole)) as file:
                ticks = round(4 / 25 / file.streams.video[0].time_base)
            return trim(whole, path, key, ticks)
        return trim(whole, path, key + 3 * (kind == 'trimmed between'))
    except (ValueError, IndexError, av.error.FFmpegError):
        return None


def row_of(path, count, onset=0, video=None):
    return video_row(
        video or path, clip=path.stem, onset=onset, offset=onset + count - 1, fps=25.0
    )


@pytest.mark.parametrize('container', CONTAINERS)
def test_every_reader_returns_the_right_frames(tmp_path, container):
    """Containers x codecs x groups of pictures x trimming."""
    tried = set()
    for codec in CODECS:
        for kind in KINDS:
            path = make(tmp_path, container, codec, kind)
            if path is None:
                continue
            what = f'{codec}, {kind}'
            truth, sound = decoded(path) if kind != 'trimmed between' else (None, True)
            index = None
            try:
                index = open_video(str(path))
            except MERDataError as error:
                # In trimmed files without time stamps it is not known what was removed.
                assert path.name in str(error), what
                assert not (truth and sound) or container in ('avi', 'mpg'), what
                assert kind not in ('closed', 'open') or not truth, what
                continue
            numbers = numbers_of(iter_video_frames(str(path), range(len(index))))
            if kind in ('closed', 'open'):
                assert truth == list(range(COUNT)), what
            if truth is None:
                # From the first keyframe on: plain decoding has missing references.
                assert numbers == list(range(numbers[0], COUNT)), what
            else:
                assert numbers == truth, what
            # The second half first, then single and repeated frames.
            order = [*range(len(index) // 2, len(index)), *range(len(index) // 2)]
            assert numbers_of(read_video(str(path), order)) == [
                numbers[i] for i in order
            ], what
            for i in (len(index) - 1, 0, len(index) // 2):
                assert numbers_of(read_video(str(path), [i, i])) == [numbers[i]] * 2
            one = row_of(path, len(index))
            clip = load_clip(one, 16)
            assert numbers_of(clip['imgs']) == [
                numbers[i] for i in clip['frame_inds']
            ], what
            assert (np.diff(clip['frame_inds']) >= 0).all(), what
            found = check_clips([one], path.parent)
            assert not found.problems and found.verified == 1, what
            source = open_frame_source(path, fps=25)
            if index.rate is None or index.rate.constant:
                assert numbers_of(source.frames()) == numbers, what
            tried.add((codec, kind))
    assert len(tried) >= 8, tried


@pytest.mark.parametrize(
    'name',
    [
        '2024-11-14T22:57:44.mp4',
        '-a.mp4',
        '100%d #1?x=2&y.mp4',
        'a b ü 表情.mp4',
        'file:a.mp4',
    ],
)
def test_a_file_may_have_any_name(tmp_path, name):
    """A colon is not a protocol, and neither %, # nor ? is an option."""
    path = write_numbered(tmp_path / name)
    clip = load_clip(locate(row_of(path, 10, 30, name), str(tmp_path)))
    assert numbers_of(clip['imgs']) == list(range(30, 40))
    assert numbers_of(open_frame_source(path).frames()) == list(range(40))


@pytest.mark.parametrize('container', ['mp4', 'mkv', 'mov'])
def test_a_cover_image_is_not_the_video(tmp_path, container):
    """The best video stream is read, not the first."""
    video = write_numbered(tmp_path / f'plain.{container}')
    path = tmp_path / f'with cover.{container}'
    with av.open(str(video)) as old, av.open(str(path), 'w') as new:
        cover = new.add_stream('mjpeg', rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 320, 'yuvj420p'
        if container != 'mkv':
            cover.disposition = av.stream.Disposition.attached_pic
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        picture = np.full((320, 320, 3), 255, np.uint8)
        new.mux(cover.encode(av.VideoFrame.from_ndarray(picture)))
        new.mux(cover.encode())
        for packet in old.demux(stream):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    source = open_frame_source(path)
    assert source.fps == 25 and numbers_of(source.frames()) == list(range(40))
    clip = load_clip(locate(row_of(path, 10, 10, path.name), str(tmp_path)))
    assert numbers_of(clip['imgs']) == list(range(10, 20))


def test_rotated_videos_are_read_upright(tmp_path):
    """Phones store a rotation in the file."""
    path = tmp_path / 'phone.mp4'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, 'yuv420p'
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, :32] = 200
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(picture, 'rgb24')
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    data = bytearray(path.read_bytes())
    place = data.index(b'tkhd') + 44
    quarter = struct.pack('>9i', 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[place : place + 36] = quarter
    path.write_bytes(data)
    predicted = list(open_frame_source(path).frames())
    trained = read_video(str(path), range(20))
    assert trained[0].shape == (64, 32, 3)
    # The left is now on top.
    assert trained[0][:28].mean() > 180 and trained[0][36:].mean() < 20
    assert all((a == b).all() for a, b in zip(predicted, trained, strict=True))


def test_wrong_frames_of_decord_are_detected(tmp_path, monkeypatch):
    """A method that gives another frame is not used again for the file."""
    path = str(write_numbered(tmp_path / 'a.mp4'))
    index = open_video(path)
    assert numbers_of(read_video(path, [30, 3])) == [30, 3]
    assert index.plain and index.decord
    black = types.SimpleNamespace(asnumpy=lambda: np.zeros((2, 64, 64, 3), np.uint8))
    monkeypatch.setattr(
        video_reader.decord.VideoReader, 'get_batch', lambda self, wanted: black
    )
    assert numbers_of(read_video(path, [30, 3])) == [30, 3]
    assert index.decord is False


def test_a_late_clip_is_not_decoded_from_the_beginning(tmp_path, monkeypatch):
    """Seeking is used if time stamps and checksums confirm its frames."""
    path = str(write_numbered(tmp_path / 'a.mp4', open_groups=True))
    index = open_video(path)
    assert index.ordered and not index.plain
    decoded, decode = [], video_reader.decode
    monkeypatch.setattr(
        video_reader,
        'decode',
        lambda *args, **options: (
            decoded.append(frame.pts) or frame for frame in decode(*args, **options)
        ),
    )
    assert numbers_of(read_video(path, [30, 31])) == [30, 31]
    assert index.seeks and min(decoded) >= index.stamps[24]


def test_a_damaged_file_is_read_up_to_the_damage(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / 'a.avi'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('mjpeg', rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = 'yuvj420p'
        for _ in range(30):
            noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(noise, 'rgb24')))
        file.mux(stream.encode())
    with av.open(str(path)) as file:
        place = [one.pos for one in file.demux(video=0) if one.size][20]
    data = bytearray(path.read_bytes())
    data[place + 700 : place + 1200] = b'\x55' * 500
    path.write_bytes(data)
    assert len(open_video(str(path))) == 20
    assert len(load_clip(row_of(path, 20))['imgs']) == 20
    with raises_data_error('only to frame 19', path=path, clip='fake/sub01/a'):
        load_clip(row_of(path, 21))
    with raises_data_error('20'):
        open_frame_source(path)
