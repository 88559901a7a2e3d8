"""Which frames a video holds, and when: known from decoding it once, in order.

Frame ``i`` of a video is the ``i``-th that decoding from the beginning shows. Seeking
gives others for many files: pictures that refer over a key picture, streams that were
cut, time stamps that lie. So a file is decoded once per process, one frame at a time,
and of each frame the time stamp and a checksum of its pixels are kept. By these every
reading of single frames is proven, see ``video_reader.py``.
"""

import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .files import (
    MAX_FRAMES,
    Packets,
    VideoError,
    decode,
    open_pictures,
    picture,
    quarter_turns,
)
from .rate import Rate, measure

# Of all videos together so many frames are remembered, 20 bytes each.
_REMEMBERED = 5_000_000
_NO_STAMP = np.iinfo(np.int64).min

Watch = Callable[[int, float], None]


@dataclass
class VideoIndex:
    """The frames of one state of a video file.

    Attributes:
        height: Of the frames as they are looked at, in pixels.
        width: Likewise.
        stamps: Time stamps in ticks, int64 (N,); the lowest number for none.
        sums: Checksums of the frames' RGB pixels, uint32 (N,).
        tick: Unit of the stamps in seconds.
        stamped: Whether the container keeps time stamps of showing.
        packets: What the packets told.
        from_key: Whether pictures before the first key picture were left out.
        strict: Whether all damage was an error, see :func:`.video_files.decode`.
        turned: Whether the frames are turned to be looked at.
        header_fps: Frame rate in Hz that the header promises; None for none.
        header_count: Number of frames that the header promises; 0 for none.
        damage: What is wrong behind the last frame; empty for a sound file.
        seeks: Whether seeking has given the right frames so far.
        decord: Likewise for decord; None as long as it was not tried.
    """

    height: int
    width: int
    stamps: np.ndarray
    sums: np.ndarray
    tick: float
    stamped: bool
    packets: Packets
    from_key: bool
    strict: bool
    turned: bool
    header_fps: float | None
    header_count: int
    damage: str
    seeks: bool = True
    decord: bool | None = None

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def ordered(self) -> bool:
        """Whether time stamps rise from frame to frame, so that each has its own."""
        known = self.stamps != _NO_STAMP
        return bool(known.all() and (np.diff(self.stamps) > 0).all())

    @property
    def plain(self) -> bool:
        """Whether each packet is a frame, in groups that are closed."""
        return (
            self.ordered
            and self.packets.closed
            and self.packets.count == len(self)
            and not (self.packets.hidden or self.turned or self.damage)
        )

    @cached_property
    def times(self) -> np.ndarray | None:
        """Times of the frames in seconds from the first, (N,); None where not known."""
        if self.stamped and self.ordered:
            stamps = self.stamps
        else:
            found = self._by_clock()
            if found is None:
                found = self._by_few()
            if found is None:
                return None
            stamps = found
        return (stamps - stamps[0]) * self.tick

    def _by_clock(self) -> np.ndarray | None:
        """Time by the stamps of decoding, which are those of showing put off."""
        clock = np.array(self.packets.clock, np.int64)
        if len(clock) < 2 or len(clock) < self.packets.count:
            return None
        steps = np.diff(clock)
        if len(clock) == len(self) and not self.packets.hidden and (steps > 0).all():
            return clock
        # Packets without a frame of their own: which ones is not known.
        return steps[0] * np.arange(len(self)) if np.ptp(steps) == 0 else None

    def _by_few(self) -> np.ndarray | None:
        """Time by the first and last stamp, if the header agrees with them.

        Some containers stamp a few frames alone, and some go back for a while.
        """
        known = np.flatnonzero(self.stamps != _NO_STAMP)
        if len(known) < 2 or not self.header_fps:
            return None
        first, last = self.stamps[known[[0, -1]]]
        span = (last - first) * self.tick
        steps = known[-1] - known[0]
        if span <= 0 or abs(steps / span / self.header_fps - 1) > 0.01:
            return None
        return np.arange(len(self)) * (last - first) / steps

    @cached_property
    def rate(self) -> Rate | None:
        """The frame rate by the time stamps; None where they support none."""
        if self.times is None:
            return None
        return measure(self.times, self.tick, self.header_fps)


def video_index(path: str | Path, watch: Watch | None = None) -> VideoIndex:
    """Decode a video in order, once per process and state of the file.

    Args:
        path: The file.
        watch: Called with the number of frames so far and the seconds from the first
            to the latest; what it raises ends the decoding.

    Returns:
        What was found. A file that is damaged behind some frames has these.

    Raises:
        VideoError: It is no video, is too large, or no frame can be decoded.
        OSError: It cannot be opened.
    """
    key = _state(path)
    with _lock:
        index = _kept.get(key)
        if index is not None:
            _kept.move_to_end(key)
    if index is None:
        index = _build(key[0], watch)
        remember(path, index)
    elif watch is not None:
        watch(len(index), 0.0 if index.times is None else float(index.times[-1]))
    return index


def remember(path: str | Path, index: VideoIndex) -> None:
    """Keep what another process has found out about a video."""
    with _lock:
        _kept[_state(path)] = index
        while len(_kept) > 1 and sum(map(len, _kept.values())) > _REMEMBERED:
            _kept.popitem(last=False)


def _state(path: str | Path) -> tuple[str, int, int]:
    real = os.path.realpath(path)
    status = os.stat(real)
    return real, status.st_mtime_ns, status.st_size


_kept: OrderedDict[tuple[str, int, int], VideoIndex] = OrderedDict()
_lock = threading.Lock()


def checksum(image: np.ndarray) -> int:
    """Checksum of the pixels of a frame, (H, W, 3) uint8."""
    return zlib.crc32(np.ascontiguousarray(image).data)


def stamp_of(frame: Any) -> int:
    """Time stamp of a frame of libav, in ticks; the lowest number for none."""
    return _NO_STAMP if frame.pts is None else frame.pts


def _build(path: str, watch: Watch | None) -> VideoIndex:
    index = _decode_all(path, watch)
    if index.damage and index.packets.midway:
        # Pictures may only speak of what was cut off.
        other = _decode_all(path, watch, strict=False)
        index = index if other.damage else other
    if not len(index) and index.packets.hidden:
        # Not one key picture: pictures that build up bit by bit, perhaps.
        index = _decode_all(path, watch, from_key=False)
    if not len(index):
        raise VideoError(
            f'cannot be decoded after 0 frames ({index.damage}); the file is damaged '
            f'or was cut out of another: copy it again, or convert it'
            if index.damage
            else 'holds no frames that can be shown'
        )
    return index


def _decode_all(
    path: str, watch: Watch | None, from_key: bool = True, strict: bool = True
) -> VideoIndex:
    stamps: list[int] = []
    sums: list[int] = []
    packets, damage, turned = Packets(), '', False
    height = width = 0
    with open_pictures(path, strict) as (container, stream):
        tick = float(stream.time_base or 0)
        header = stream.average_rate or stream.guessed_rate
        promised = stream.frames
        # AVI counts its frames, and libav makes up stamps of showing.
        stamped = container.format.name != 'avi'
        try:
            for frame in decode(container, stream, packets, from_key, strict):
                if len(sums) >= MAX_FRAMES:
                    raise VideoError(f'has more than {MAX_FRAMES} frames')
                image = picture(frame)
                height, width = image.shape[:2]
                turned |= quarter_turns(frame) != 0
                stamps.append(stamp_of(frame))
                sums.append(checksum(image))
                if watch is not None:
                    watch(len(sums), _seconds(stamps, tick))
        except VideoError as error:
            damage = str(error)
    return VideoIndex(
        height,
        width,
        np.array(stamps, np.int64),
        np.array(sums, np.uint32),
        tick,
        stamped,
        packets,
        from_key,
        strict,
        turned,
        float(header) if header else None,
        promised,
        damage,
    )


def _seconds(stamps: list[int], tick: float) -> float:
    if _NO_STAMP in (stamps[0], stamps[-1]):
        return 0.0
    return (stamps[-1] - stamps[0]) * tick
