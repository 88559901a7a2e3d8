"""The frame that is read is the frame that was asked for, in every kind of video.

Every file shows by its grey levels which frames of the original it holds. The truth is
what decoding it in order shows; every reader has to give these frames, whatever order
they are asked for in.
"""

import functools

import av
import numpy as np
import pytest
from numbered_videos import CODECS, COUNT, cut, numbers_of, write_numbered

from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.datasets.checking import check_clips
from mmaction_mer.datasets.clips import load_clip
from mmaction_mer.datasets.video_reader import each_video_frame, open_video, read_video
from mmaction_mer.inference import open_source

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
            numbers = numbers_of(each_video_frame(str(path), range(len(index))))
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
            assert not found.problems and found.proven == 1, what
            source = open_source(path, fps=25)
            if index.rate is None or index.rate.steady:
                assert numbers_of(source.frames()) == numbers, what
            tried.add((codec, kind))
    assert len(tried) >= 8, tried
