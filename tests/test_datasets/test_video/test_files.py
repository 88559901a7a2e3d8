"""Untrusted video files: sizes and tables are checked before decoding."""

import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from data_errors import raises_data_error

from mmaction_mer.datasets.video.files import VideoError
from mmaction_mer.datasets.video.index import video_index
from mmaction_mer.datasets.video.reader import open_video, read_video


def write(path, sizes=((64, 48),), codec='mjpeg'):
    """Write ten frames of each size, width and height, one after the other."""
    encoders = []
    for width, height in sizes:
        encoder = av.CodecContext.create(codec, 'w')
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        encoder.time_base, encoder.framerate = Fraction(1, 30), 30
        encoders.append(encoder)
    with av.open(str(path), 'w') as file:
        stream = file.add_stream(codec, rate=30)
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = encoders[0].pix_fmt
        number = 0
        for encoder in encoders:
            for _ in range(10):
                grey = np.full((encoder.height, encoder.width, 3), 20 * number % 250)
                frame = av.VideoFrame.from_ndarray(grey.astype(np.uint8), 'rgb24')
                for packet in encoder.encode(frame):
                    packet.stream, packet.pts, packet.dts = stream, number, number
                    file.mux(packet)
                number += 1
    return path


def test_a_valid_video(tmp_path):
    index = open_video(str(write(tmp_path / 'a.avi')))
    assert (index.height, index.width, len(index)) == (48, 64, 10)


@pytest.mark.parametrize('table', [b'stsz', b'stts', b'stsc', b'stco'])
def test_tables_with_too_many_samples(tmp_path, table):
    path = write(tmp_path / 'a.mp4', codec='mpeg4')
    video_index(path)
    data = bytearray(path.read_bytes())
    place = data.rindex(table) + (12 if table == b'stsz' else 8)
    data[place : place + 4] = struct.pack('>I', 1_000_000_000)
    path.write_bytes(data)
    with pytest.raises(VideoError, match='1000000000'):
        video_index(path)


@pytest.mark.parametrize(
    ('sizes', 'indices', 'words'),
    [
        (((64, 48), (640, 480)), [0, 15], ''),
        (((8208, 16),), [0], '8208x16'),
        (((1280, 720),), [0, 1] * 1000, 'max_frames'),
        (((1280, 720),), [0, 1] * 10_000, 'max_frames'),
    ],
    ids=['size changes', 'large frames', '2000 frames', '20000 frames'],
)
def test_frames_that_are_too_large_or_too_many(tmp_path, sizes, indices, words):
    path = write(tmp_path / 'a.avi', sizes)
    with raises_data_error(words, path=path, clip='c1'):
        read_video(str(path), indices, 'c1')


def test_pipes_and_playlists(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mp4')
    (tmp_path / 'list.mp4').write_text(
        '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n'
    )
    for name in ('pipe.mp4', 'list.mp4'):
        with raises_data_error(path=name, clip='c1', field='video'):
            open_video(str(tmp_path / name), 'c1')
