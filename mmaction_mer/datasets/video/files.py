"""Open and decode untrusted video files, with limits on size and frames."""

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

#: Options of :func:`av.open`: only local files that contain their frames themselves; a
#: playlist may refer to other addresses.
_OPEN_OPTIONS = {
    'protocol_whitelist': 'file',
    'format_whitelist': 'mov,avi,matroska,webm,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg',
}
#: Suffixes of video files.
ENDINGS = (
    '.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.ts', '.mts',
    '.m2ts', '.wmv', '.flv', '.3gp',
)  # fmt: skip
# Options of a decoder of libav.
_DECODER_OPTIONS = {'max_pixels': str(MAX_PIXELS)}
#: Maximum frames of a video: 80 minutes at 200 Hz.
MAX_FRAMES = 1_000_000
# Boxes of MP4 and MOV that contain the boxes of the sample tables.
_CONTAINERS = (b'moov', b'trak', b'mdia', b'minf', b'stbl')
# Offset of the entry count in the sample tables.
_COUNT_OFFSETS = {
    b'stsz': 8, b'stz2': 8, b'stts': 4, b'ctts': 4, b'stco': 4, b'co64': 4, b'stsc': 4,
    b'stss': 4,
}  # fmt: skip
_MAX_BOXES = 10_000
# H.264 unit type of an IDR frame, after which no frame refers to earlier ones.
_IDR = 5


class VideoError(ValueError):
    """A video that cannot be read; the message does not name the file."""


@contextlib.contextmanager
def open_video_stream(
    path: str | Path, strict: bool = True
) -> Iterator[tuple[Any, Any]]:
    """Open a video file and its best video stream, which is not a cover image.

    Args:
        path: The file; a name with a colon is not taken for an address.
        strict: Whether all damage is an error. A decoder that starts within a video
            also reports missing reference frames as damage. Defaults to True.

    Yields:
        The container and the stream.

    Raises:
        VideoError: It is not a video, or too large in pixels or frames.
        OSError: It cannot be opened, or is a pipe, a device or a folder.
    """
    with open_regular(path) as file:
        check_sample_tables(file)
    try:
        container: Any = av.open(file_url(path), options=dict(_OPEN_OPTIONS))
    except (av.error.FFmpegError, ValueError, OSError, MemoryError) as error:
        raise VideoError(
            f'is not a supported video, or is damaged ({describe(error)}); use an mp4, '
            f'mov, avi, mkv, webm, mpg or ts file'
        ) from error
    with container:
        if not container.streams.video:
            raise VideoError('contains no video stream')
        stream = container.streams.best('video') or container.streams.video[0]
        if stream.codec_context is None:
            raise VideoError('has an unsupported codec')
        check_size(stream.width, stream.height)
        if stream.frames > MAX_FRAMES:
            raise VideoError(f'has {stream.frames} frames, more than {MAX_FRAMES}')
        # Error concealment would invent motion.
        explode = {'err_detect': 'explode'} if strict else {}
        stream.codec_context.options = {**explode, **_DECODER_OPTIONS}
        # With several threads, libav loses track of damaged frames.
        stream.codec_context.thread_count = 1
        yield container, stream


def file_url(path: str | Path) -> str:
    """Return a path as URL, no part of which libav takes for a protocol or an option.

    >>> file_url('/data/2024-11-14T22:57:44.mp4')
    'file:/data/2024-11-14T22:57:44.mp4'
    """
    return f'file:{os.path.abspath(path)}'


@dataclass
class PacketLog:
    """Properties of the packets of a stream, collected while they are decoded.

    Attributes:
        keys: Presentation and decoding time stamps of the keyframes.
        clock: Decoding time stamps of all packets, up to the first without one.
        count: Number of packets that were decoded.
        hidden: Number of frames at the beginning that cannot be shown, because their
            reference frames were removed.
        closed: Whether all groups of pictures are closed: no frame is shown before the
            keyframe that precedes it in the file, and none is decoded without being
            shown.
        midway: Whether frames may refer to frames before the first keyframe, so that
            the file was extracted from a longer video.
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
        """Add the next packet."""
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
    packets: PacketLog | None = None,
    from_key: bool = True,
    strict: bool = True,
) -> Iterator[Any]:
    """Decode frames in order from the current position, one at a time.

    Args:
        container: An open file, see :func:`open_video_stream`.
        stream: Its video stream.
        packets: Log to which every packet is added. Defaults to None.
        from_key: Whether to start with the first keyframe: the reference frames of
            frames before it are missing. Defaults to True.
        strict: As the file was opened; if False, frames that are shown before the
            first keyframe are skipped, since their reference frames may be missing.
            Defaults to True.

    Yields:
        Frames of libav in presentation order, all of one size.

    Raises:
        VideoError: A frame is damaged, has another size or is too large.
    """
    packets = PacketLog() if packets is None else packets
    context, first, started, size = stream.codec_context, None, not from_key, None
    try:
        for packet in container.demux(stream):
            if not started and packet.size:
                if not packet.is_keyframe:
                    packets.hidden += 1
                    continue
                started, first = True, packet.pts
                packets.midway = _is_midway(packet, context)
            packets.add(packet)
            try:
                frames = packet.decode() if started else []
            except (av.error.FFmpegError, ValueError):
                # Its presentation is before the first keyframe: references missing.
                if None in (packet.pts, first) or packet.pts >= first:
                    raise
                packets.hidden += 1
                continue
            if context.width and context.height:
                check_size(context.width, context.height)
            for frame in frames:
                if frame.is_corrupt:
                    raise VideoError('a frame is damaged')
                if not (strict or None in (frame.pts, first) or frame.pts >= first):
                    packets.hidden += 1
                    continue
                size = size or (frame.width, frame.height)
                if size != (frame.width, frame.height):
                    raise VideoError(
                        f'the frame size changes from {size[0]}x{size[1]} to '
                        f'{frame.width}x{frame.height} pixels'
                    )
                yield frame
    except VideoError:
        raise
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise VideoError(describe(error)) from error


def _is_midway(packet: Any, context: Any) -> bool:
    """Return whether a keyframe of H.264 is not an IDR frame."""
    if context.name != 'h264':
        return False
    data, extra, kinds = bytes(packet), bytes(context.extradata or b''), set()
    if extra[:1] == b'\1':  # units are preceded by their length
        offset, width = 0, (extra[4] & 3) + 1
        while offset + width < len(data):
            kinds.add(data[offset + width] & 31)
            offset += width + int.from_bytes(data[offset : offset + width], 'big')
    else:
        kinds = {match[1][0] & 31 for match in re.finditer(b'\0\0\1(.)', data, re.S)}
    return _IDR not in kinds


def to_rgb(frame: Any) -> np.ndarray:
    """Convert a frame of libav to RGB, rotated as the file declares.

    Returns:
        Array (H, W, 3) uint8.
    """
    turns = quarter_turns(frame)
    image = frame.to_ndarray(format='rgb24')
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def quarter_turns(frame: Any) -> int:
    """Return the counterclockwise quarter turns that make a frame upright."""
    return round((frame.rotation or 0) / 90) % 4


def check_size(width: int, height: int) -> None:
    """Check that frames are not too large.

    Raises:
        VideoError: They are.
    """
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f'has {width}x{height} pixels, more than {MAX_SIDE} on a side or '
            f'{MAX_PIXELS:,} in total'
        )


def check_sample_tables(file: BinaryIO) -> None:
    """Check that the tables of an MP4 or MOV file do not have too many samples.

    libav allocates a table of all samples before decoding, but in the file a table of
    samples of equal size is only two numbers.

    Args:
        file: The file, at its beginning; other formats are not checked.

    Raises:
        VideoError: It has too many samples or boxes, or its tables are compressed.
    """
    end = file.seek(0, os.SEEK_END)
    if _head(file, 4, 4) not in (b'ftyp', b'moov', b'mdat', b'free', b'skip', b'wide'):
        return
    spans, boxes = [(0, end)], 0
    while spans:
        offset, stop = spans.pop()
        while offset + 8 <= stop:
            head = _head(file, offset, 16)
            size, kind, start = int.from_bytes(head[:4], 'big'), head[4:8], 8
            if size == 1:
                size, start = int.from_bytes(head[8:16], 'big'), 16
            size = stop - offset if size == 0 else size
            boxes += 1
            if boxes > _MAX_BOXES or kind == b'cmov':
                raise VideoError('has an unsupported table of contents')
            if size < start:
                break  # malformed; libav stops here too
            if kind in _CONTAINERS:
                spans.append((offset + start, min(offset + size, stop)))
            elif kind in _COUNT_OFFSETS:
                first = offset + start + _COUNT_OFFSETS[kind]
                count = int.from_bytes(_head(file, first, 4), 'big')
                # Audio tracks have about ten thousand samples per minute.
                if count > 16 * MAX_FRAMES:
                    raise VideoError(f'has {count} samples, too many for a video')
            offset += size


def describe(error: BaseException) -> str:
    """Return the message of an error of libav, shortened."""
    return (getattr(error, 'strerror', None) or str(error) or type(error).__name__)[:80]


def _head(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
