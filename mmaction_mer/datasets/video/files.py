"""Opening and decoding a video file, whose word is not taken for what it costs."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from ...utils.files import open_regular
from ..images.image_file import MAX_PIXELS, MAX_SIDE

#: For :func:`av.open`: files that hold their pictures themselves, on this machine; a
#: playlist may name addresses of others.
OPENED = {
    'protocol_whitelist': 'file',
    'format_whitelist': 'mov,avi,matroska,webm,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg',
}
#: Endings of the names of video files.
ENDINGS = (
    '.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.ts', '.mts',
    '.m2ts', '.wmv', '.flv', '.3gp',
)  # fmt: skip
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
# Of H.264 the kind of unit whose picture ends all reference to earlier ones.
_BEGINS_ANEW = 5


class VideoError(ValueError):
    """A video that is not read; the text says why and does not name the file."""


@contextlib.contextmanager
def open_pictures(path: str | Path, strict: bool = True) -> Iterator[tuple[Any, Any]]:
    """Open a video file and choose the stream that holds its pictures.

    Of several streams the best is chosen, which a cover picture is not.

    Args:
        path: The file, whatever its name: a name with a colon is no address.
        strict: Whether all damage is an error. A decoder that begins within a film
            misses what came before and calls that damage, too.

    Yields:
        The container and the stream.

    Raises:
        VideoError: It is no video, or too large in pixels or frames.
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    with open_regular(path) as file:
        check_boxes(file)
    try:
        container: Any = av.open(local_name(path), options=dict(OPENED))
    except (av.error.FFmpegError, ValueError, OSError, MemoryError) as error:
        raise VideoError(
            f'is not a video that can be opened, or is damaged ({said(error)}); give '
            f'an mp4, mov, avi, mkv, webm, mpg or ts file'
        ) from error
    with container:
        if not container.streams.video:
            raise VideoError('holds no pictures, sound or text perhaps')
        stream = container.streams.best('video') or container.streams.video[0]
        if stream.codec_context is None:
            raise VideoError('its pictures are coded in a way not known here')
        check_size(stream.width, stream.height)
        if stream.frames > MAX_FRAMES:
            raise VideoError(f'says that it has {stream.frames} frames')
        # A picture guessed from its neighbors would move where no face did.
        explode = {'err_detect': 'explode'} if strict else {}
        stream.codec_context.options = {**explode, **DECODED}
        # With several threads libav forgets which pictures were damaged.
        stream.codec_context.thread_count = 1
        yield container, stream


def local_name(path: str | Path) -> str:
    """Write a path so that libav takes no part of it for a protocol or an option.

    >>> local_name('/data/2024-11-14T22:57:44.mp4')
    'file:/data/2024-11-14T22:57:44.mp4'
    """
    return f'file:{os.path.abspath(path)}'


@dataclass
class Packets:
    """What the packets of a stream tell while they are decoded.

    Attributes:
        keys: Stamps of showing and of decoding of the packets that decoding can begin
            at.
        clock: Stamps of decoding of all packets; empty where one has none.
        count: Packets that were decoded.
        hidden: Pictures at the beginning that cannot be shown, because the pictures
            they are made from were cut off.
        closed: Whether no picture is shown before a key picture that it follows in
            the file, and none has to be decoded without being shown.
        midway: Whether the first key picture lets later ones refer to what came before
            it, so that the film was cut out of another.
    """

    keys: list[tuple[int, int]] = field(default_factory=list)
    clock: list[int] = field(default_factory=list)
    count: int = 0
    hidden: int = 0
    closed: bool = True
    midway: bool = False
    _latest: int | None = None
    _key: int | None = None

    def add(self, packet: Any) -> None:
        """Take in the next packet."""
        if not packet.size:
            return
        if packet.dts is not None and len(self.clock) == self.count:
            self.clock.append(packet.dts)
        self.count += 1
        stamp = packet.pts
        if stamp is None or packet.is_discard:
            self.closed = False
            return
        if packet.is_keyframe:
            early = stamp if packet.dts is None else packet.dts
            self.keys.append((stamp, early))
            self.closed &= self._latest is None or stamp > self._latest
            self._key = stamp
        self.closed &= self._key is not None and stamp >= self._key
        self._latest = stamp if self._latest is None else max(self._latest, stamp)


def decode(
    container: Any,
    stream: Any,
    packets: Packets | None = None,
    from_key: bool = True,
    strict: bool = True,
) -> Iterator[Any]:
    """Decode pictures in order from where the container stands, one at a time.

    Args:
        container: An open file, see :func:`open_pictures`.
        stream: Its stream of pictures.
        packets: Told of every packet.
        from_key: Begin with the first key picture. What comes before it was cut off
            from the pictures that it is made from.
        strict: As the file was opened: otherwise what is shown before the first key
            picture is left out, since it may be made from nothing.

    Yields:
        Frames of libav in the order in which they are shown, all of one size.

    Raises:
        VideoError: A picture is damaged, changes its size or is too large.
    """
    packets = Packets() if packets is None else packets
    context, first, begun, size = stream.codec_context, None, not from_key, None
    try:
        for packet in container.demux(stream):
            if not begun and packet.size:
                if not packet.is_keyframe:
                    packets.hidden += 1
                    continue
                begun, first = True, packet.pts
                packets.midway = _is_midway(packet, context)
            packets.add(packet)
            try:
                frames = packet.decode() if begun else []
            except (av.error.FFmpegError, ValueError):
                # Shown before the first key picture, made from what was cut off.
                if None in (packet.pts, first) or packet.pts >= first:
                    raise
                packets.hidden += 1
                continue
            if context.width and context.height:
                check_size(context.width, context.height)
            for frame in frames:
                if frame.is_corrupt:
                    raise VideoError('a damaged picture')
                if not (strict or None in (frame.pts, first) or frame.pts >= first):
                    packets.hidden += 1
                    continue
                size = size or (frame.width, frame.height)
                if size != (frame.width, frame.height):
                    raise VideoError(
                        f'changes its size from {size[0]}x{size[1]} to '
                        f'{frame.width}x{frame.height} pixels'
                    )
                yield frame
    except VideoError:
        raise
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise VideoError(said(error)) from error


def _is_midway(packet: Any, context: Any) -> bool:
    """Whether a key picture of H.264 is not one that everything begins anew with."""
    if context.name != 'h264':
        return False
    data, extra, kinds = bytes(packet), bytes(context.extradata or b''), set()
    if extra[:1] == b'\1':  # units with their length before them
        place, width = 0, (extra[4] & 3) + 1
        while place + width < len(data):
            kinds.add(data[place + width] & 31)
            place += width + int.from_bytes(data[place : place + width], 'big')
    else:
        kinds = {match[1][0] & 31 for match in re.finditer(b'\0\0\1(.)', data, re.S)}
    return _BEGINS_ANEW not in kinds


def picture(frame: Any) -> np.ndarray:
    """Give a frame of libav as it is looked at.

    Returns:
        Array (H, W, 3) uint8, RGB, turned as the file says.
    """
    turns = quarter_turns(frame)
    image = frame.to_ndarray(format='rgb24')
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def quarter_turns(frame: Any) -> int:
    """Quarter turns counterclockwise until a frame stands upright."""
    return round((frame.rotation or 0) / 90) % 4


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
