"""The frame that is read is the frame that was asked for, in every kind of video.

Every file shows by its grey levels which frames of the original it holds. The truth is
what decoding it in order shows; every reader has to give these frames, whatever order
they are asked for in.
"""

import functools
import struct
import types

import av
import numpy as np
import pytest
from numbered_videos import CODECS, COUNT, cut, numbers_of, write_numbered

from mmaction_mer.apis import open_source
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.video import reader as video_reader
from mmaction_mer.datasets.video.reader import iter_video_frames, open_video, read_video
from mmaction_mer.utils.errors import MERDataError

CONTAINERS = ('mp4', 'mov', 'avi', 'mkv', 'webm', 'mpg', 'ts')
KINDS = ('closed', 'open', 'cut at a key picture', 'cut between', 'hidden')


def decoded(path):
    """Numbers of the frames by plain decoding, and whether that meets no damage."""
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
    """Write a file of a kind; None where container and codec do not go together."""
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
            return cut(whole, path, key, ticks)
        return cut(whole, path, key + 3 * (kind == 'cut between'))
    except (ValueError, IndexError, av.error.FFmpegError):
        return None


def row_of(path, count, fps=25.0, onset=0):
    return dict(
        dataset='fake', subject='s', clip=path.stem, video=str(path), onset=onset,
        apex=None, offset=onset + count - 1, fps=fps, label=0, emotion='', aus=[],
    )  # fmt: skip


@pytest.mark.parametrize('container', CONTAINERS)
def test_every_reader_gives_the_frame_that_was_asked_for(tmp_path, container):
    """Containers x codecs x groups of pictures x cuts: which frame, by its grey."""
    tried = set()
    for codec in CODECS:
        for kind in KINDS:
            path = make(tmp_path, container, codec, kind)
            if path is None:
                continue
            what = f'{codec}, {kind}'
            truth, sound = decoded(path) if kind != 'cut between' else (None, True)
            index = None
            try:
                index = open_video(str(path))
            except MERDataError as error:
                # Of cut files without time stamps nobody knows what was cut off.
                assert path.name in str(error), what
                assert not (truth and sound) or container in ('avi', 'mpg'), what
                assert kind not in ('closed', 'open') or not truth, what
                continue
            numbers = numbers_of(iter_video_frames(str(path), range(len(index))))
            if kind in ('closed', 'open'):
                assert truth == list(range(COUNT)), what
            if truth is None:
                # From the first key picture on, whatever plain decoding makes of
                # pictures that refer to nothing.
                assert numbers == list(range(numbers[0], COUNT)), what
            else:
                assert numbers == truth, what
            # Deep ones, back to the first ones, one at a time, and some that repeat.
            order = [*range(len(index) // 2, len(index)), *range(len(index) // 2)]
            assert numbers_of(read_video(str(path), order)) == [
                numbers[i] for i in order
            ], what
            for i in (len(index) - 1, 0, len(index) // 2):
                assert numbers_of(read_video(str(path), [i, i])) == [numbers[i]] * 2
            row = row_of(path, len(index))
            clip = load_clip(row, 16)
            assert numbers_of(clip['imgs']) == [
                numbers[i] for i in clip['frame_inds']
            ], what
            assert (np.diff(clip['frame_inds']) >= 0).all(), (
                what,
                index.times,
                index.rate,
            )
            found = check_clips([row], path.parent)
            assert not found.problems and found.verified == 1, what
            source = open_source(path, fps=25)
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
    """A colon is no protocol, and neither %, # nor ? is an option."""
    path = write_numbered(tmp_path / name)
    row = dict(
        dataset='fake', subject='s', clip='c', video=name, onset=30, apex=None,
        offset=39, fps=25.0, label=0,
    )  # fmt: skip
    clip = load_clip(locate(row, str(tmp_path)))
    assert numbers_of(clip['imgs']) == list(range(30, 40))
    assert numbers_of(open_source(path).frames()) == list(range(40))


@pytest.mark.parametrize('container', ['mp4', 'mkv', 'mov'])
def test_a_cover_is_no_film(tmp_path, container):
    """Of several streams of pictures the best is read, not the first."""
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
    source = open_source(path)
    assert source.fps == 25 and numbers_of(source.frames()) == list(range(40))
    row = dict(
        dataset='fake', subject='s', clip='c', video=path.name, onset=10, apex=None,
        offset=19, fps=25.0, label=0,
    )  # fmt: skip
    clip = load_clip(locate(row, str(tmp_path)))
    assert numbers_of(clip['imgs']) == list(range(10, 20))


def test_a_film_that_lies_on_its_side_is_turned(tmp_path):
    """Phones turn the film, not the frames: training and predict see it upright."""
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
    predicted = list(open_source(path).frames())
    trained = read_video(str(path), range(20))
    assert trained[0].shape == (64, 32, 3)
    # What was at the left is on top.
    assert trained[0][:28].mean() > 180 and trained[0][36:].mean() < 20
    assert all((a == b).all() for a, b in zip(predicted, trained, strict=True))


def test_a_frame_of_decord_counts_only_where_it_is_proven(tmp_path, monkeypatch):
    """A way of reading that gives another frame is not gone on with."""
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


def test_a_deep_clip_is_not_decoded_from_the_beginning(tmp_path, monkeypatch):
    """Where seeking is proven by stamps and checksums, it is gone on with."""
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


def test_a_file_that_is_damaged_within_is_read_up_to_there(tmp_path):
    """The clips before are whole; those behind are refused by name."""
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
    with pytest.raises(MERDataError, match=r'a\.avi: clip fake/s/a.*frame 19 alone'):
        load_clip(row_of(path, 21))
    with pytest.raises(MERDataError, match=r'a\.avi: cannot be decoded after 20'):
        open_source(path)
