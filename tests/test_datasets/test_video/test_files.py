"""What a video file says of itself is looked at before a decoder takes its word."""

import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from mmaction_mer.datasets.video.files import VideoError
from mmaction_mer.datasets.video.index import video_index
from mmaction_mer.datasets.video.reader import open_video, read_video
from mmaction_mer.utils.errors import MERDataError


def write(path, sizes=((64, 48),), codec='mjpeg'):
    """Ten frames of each size, width and height, one after the other."""
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


def test_a_sound_video_passes(tmp_path):
    path = str(write(tmp_path / 'a.avi'))
    index = open_video(path)
    assert (index.height, index.width, len(index)) == (48, 64, 10)


def test_a_size_that_changes_is_refused(tmp_path):
    path = str(write(tmp_path / 'a.avi', ((64, 48), (640, 480))))
    with pytest.raises(MERDataError, match=r'a\.avi: clip c1'):
        read_video(path, [0, 15], 'c1')


@pytest.mark.parametrize('table', [b'stsz', b'stts', b'stsc', b'stco'])
def test_tables_of_more_samples_than_a_video_has(tmp_path, table):
    path = write(tmp_path / 'a.mp4', codec='mpeg4')
    video_index(path)
    data = bytearray(path.read_bytes())
    place = data.rindex(table) + (12 if table == b'stsz' else 8)
    data[place : place + 4] = struct.pack('>I', 1_000_000_000)
    path.write_bytes(data)
    with pytest.raises(VideoError, match='1000000000'):
        video_index(path)


def test_large_frames_are_refused(tmp_path):
    path = str(write(tmp_path / 'a.avi', ((8208, 16),)))
    with pytest.raises(MERDataError, match='8208x16'):
        open_video(path, 'c1')


@pytest.mark.parametrize('number', [2000, 20_000])
def test_more_frames_than_memory_holds(tmp_path, number):
    path = str(write(tmp_path / 'a.avi', ((1280, 720),)))
    with pytest.raises(MERDataError, match='c1.*max_frames'):
        read_video(path, [0, 1] * (number // 2), 'c1')


def test_what_is_no_file_or_a_playlist(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mp4')
    with pytest.raises(MERDataError, match=r'pipe\.mp4: clip c1'):
        open_video(str(tmp_path / 'pipe.mp4'), 'c1')
    (tmp_path / 'list.mp4').write_text(
        '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n'
    )
    with pytest.raises(MERDataError, match=r'list\.mp4: clip c1'):
        open_video(str(tmp_path / 'list.mp4'), 'c1')
