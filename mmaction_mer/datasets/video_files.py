"""What a video file says of itself, looked at before a decoder takes its word."""

import functools
import os
from pathlib import Path
from typing import Any, BinaryIO

import av

from ..utils import open_regular
from .pictures import MAX_PIXELS, MAX_SIDE

#: For :func:`av.open`: files that hold their pictures themselves, on this machine; a
#: playlist may name addresses of others.
OPENED = {
    'protocol_whitelist': 'file',
    'format_whitelist': 'mov,avi,matroska,webm,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg',
}
#: For a decoder of libav: pictures that it may make.
DECODED = {'max_pixels': str(MAX_PIXELS)}
#: Frames of a video: 80 minutes at 200 Hz.
MAX_FRAMES = 1_000_000
# Boxes of MP4 and MOV that hold other boxes on the way to the tables of samples.
_HOLDERS = (b'moov', b'trak', b'mdia', b'minf', b'stbl')
# The tables by the place of their count: sizes, times, offsets, chunks, key frames.
_COUNTS = {
    b'stsz': 8, b'stz2': 8, b'stts': 4, b'ctts': 4, b'stco': 4, b'co64': 4, b'stsc': 4,
    b'stss': 4,
}  # fmt: skip
_MOST_BOXES = 10_000


class VideoError(ValueError):
    """A video that is not read; the text says why and does not name the file."""


def check_video(path: str | Path) -> tuple[int, int]:
    """Refuse a video file that would ask for more memory than a video does.

    Looked at once per state of the file. Frames are decoded only where they can change
    their size.

    Args:
        path: The file.

    Returns:
        Height and width of its frames, in pixels.

    Raises:
        VideoError: It is no video, or too large in pixels or frames.
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        check_boxes(file)
    return _check(os.path.abspath(path), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=65536)
def _check(path: str, changed: int, size: int) -> tuple[int, int]:
    try:
        with av.open(path, options=dict(OPENED)) as container:
            if not container.streams.video:
                raise VideoError('holds no pictures, sound or text perhaps')
            stream = container.streams.video[0]
            context: Any = stream.codec_context
            if context is None:
                raise VideoError('its pictures are coded in a way not known here')
            check_size(stream.width, stream.height)
            if stream.frames > MAX_FRAMES:
                raise VideoError(f'says that it has {stream.frames} frames')
            context.options, context.thread_count = dict(DECODED), 1
            # A picture that begins anew may have another size.
            context.skip_frame = 'NONKEY'
            for number, packet in enumerate(container.demux(stream)):
                if number > MAX_FRAMES:
                    raise VideoError(f'has more than {MAX_FRAMES} frames')
                _decode(context, packet, (stream.width, stream.height))
            return stream.height, stream.width
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        raise VideoError(f'is not a video that can be opened ({said(error)})') from (
            error
        )


def _decode(context: Any, packet: Any, size: tuple[int, int]) -> None:
    try:
        frames = context.decode(packet)
    except (av.error.FFmpegError, ValueError):
        return  # damage is found where frames are read
    finally:
        if context.width and context.height:
            check_size(context.width, context.height)
    for frame in frames:
        if (frame.width, frame.height) != size:
            raise VideoError(
                f'changes its size from {size[0]}x{size[1]} to '
                f'{frame.width}x{frame.height} pixels'
            )


def check_size(width: int, height: int) -> None:
    """Refuse frames that are too large.

    Raises:
        VideoError: They are.
    """
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f'says that it has {width}x{height} pixels; up to {MAX_SIDE} each way and '
            f'{MAX_PIXELS:,} are read'
        )


def check_boxes(file: BinaryIO) -> None:
    """Refuse an MP4 or MOV file whose tables count more samples than a video has.

    libav makes its own table of all samples before anything is decoded, and a table of
    samples of one size is two numbers in the file.

    Args:
        file: The file, at its beginning; files of other kinds pass.

    Raises:
        VideoError: It has too many samples or boxes, or its tables are packed.
    """
    end = file.seek(0, os.SEEK_END)
    if _head(file, 4, 4) not in (b'ftyp', b'moov', b'mdat', b'free', b'skip', b'wide'):
        return
    spans, boxes = [(0, end)], 0
    while spans:
        place, stop = spans.pop()
        while place + 8 <= stop:
            head = _head(file, place, 16)
            size, kind, start = int.from_bytes(head[:4], 'big'), head[4:8], 8
            if size == 1:
                size, start = int.from_bytes(head[8:16], 'big'), 16
            size = stop - place if size == 0 else size
            boxes += 1
            if boxes > _MOST_BOXES or kind == b'cmov':
                raise VideoError('holds a table of contents that is not read')
            if size < start:
                break  # broken: libav stops here too
            if kind in _HOLDERS:
                spans.append((place + start, min(place + size, stop)))
            elif kind in _COUNTS:
                first = place + start + _COUNTS[kind]
                count = int.from_bytes(_head(file, first, 4), 'big')
                # Sound has a sample per frame of sound, some ten thousand in a minute.
                if count > 16 * MAX_FRAMES:
                    raise VideoError(f'says that it has {count} samples')
            place += size


def said(error: BaseException) -> str:
    """What an error of libav says, in a few words."""
    return (getattr(error, 'strerror', None) or str(error) or type(error).__name__)[:80]


def _head(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
