"""Index the frames of a video: decode it once, in order.

Frame ``i`` of a video is the ``i``-th one when decoding from the beginning. Seeking
gives other frames for many files: open groups of pictures, streams cut without
encoding, wrong time stamps. So a file is decoded once per process, one frame at a time,
and the time stamp and a checksum of the pixels of each frame are stored. ``reader.py``
verifies every frame that it reads by them.
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
    PacketLog,
    VideoError,
    decode,
    open_video_stream,
    quarter_turns,
    to_rgb,
)
from .rate import Rate, measure

# Maximum frames of all indices in memory, 20 bytes each.
_MAX_CACHED = 5_000_000
_NO_STAMP = np.iinfo(np.int64).min

ProgressCallback = Callable[[int, float], None]


@dataclass
class VideoIndex:
    """The frames of one state of a video file.

    Attributes:
        height: Height of the upright frames, in pixels.
        width: Width of the upright frames, in pixels.
        stamps: Time stamps in ticks, int64 (N,); the lowest integer for none.
        sums: Checksums of the RGB pixels of the frames, uint32 (N,).
        tick: Unit of the stamps in seconds.
        stamped: Whether the container stores presentation time stamps.
        packets: Properties of the packets.
        from_key: Whether frames before the first keyframe were skipped.
        strict: Whether all damage was an error, see :func:`.files.decode`.
        turned: Whether the frames are rotated to be upright.
        header_fps: Frame rate in the header in Hz; None for none.
        header_count: Number of frames in the header; 0 for none.
        damage: Damage after the last frame; empty for an undamaged file.
        seeks: Whether seeking has given the right frames so far.
        decord: Whether decord has given the right frames; None before the first try.
    """

    height: int
    width: int
    stamps: np.ndarray
    sums: np.ndarray
    tick: float
    stamped: bool
    packets: PacketLog
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
        """Whether the time stamps are strictly increasing."""
        known = self.stamps != _NO_STAMP
        return bool(known.all() and (np.diff(self.stamps) > 0).all())

    @property
    def plain(self) -> bool:
        """Whether each packet is one frame, in closed groups of pictures."""
        return (
            self.ordered
            and self.packets.closed
            and self.packets.count == len(self)
            and not (self.packets.hidden or self.turned or self.damage)
        )

    @cached_property
    def times(self) -> np.ndarray | None:
        """Times of the frames in seconds from the first, (N,); None if not known."""
        if self.stamped and self.ordered:
            stamps = self.stamps
        else:
            clock = self._by_clock()
            stamps = self._by_few() if clock is None else clock
            if stamps is None:
                return None
        return (stamps - stamps[0]) * self.tick

    def _by_clock(self) -> np.ndarray | None:
        """Compute times from the decoding time stamps, which have the same steps."""
        clock = np.array(self.packets.clock, np.int64)
        if len(clock) < 2 or len(clock) < self.packets.count:
            return None
        steps = np.diff(clock)
        if len(clock) == len(self) and not self.packets.hidden and (steps > 0).all():
            return clock
        # Some packets have no frame of their own, and it is not known which ones.
        return steps[0] * np.arange(len(self)) if np.ptp(steps) == 0 else None

    def _by_few(self) -> np.ndarray | None:
        """Compute times from the first and last stamp, if the header agrees.

        Some containers store few time stamps, and some are not monotonic.
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
        """The frame rate by the time stamps; None if they give none."""
        if self.times is None:
            return None
        return measure(self.times, self.tick, self.header_fps)


def video_index(
    path: str | Path, progress: ProgressCallback | None = None
) -> VideoIndex:
    """Decode a video in order, once per process and state of the file.

    Args:
        path: The file.
        progress: Called with the number of frames so far and the seconds from the first
            to the latest; an exception from it stops decoding. Defaults to None.

    Returns:
        The index, up to the first damage.

    Raises:
        VideoError: It is not a video, is too large, or no frame can be decoded.
        OSError: It cannot be opened.
    """
    key = _state(path)
    with _lock:
        index = _cache.get(key)
        if index is not None:
            _cache.move_to_end(key)
    if index is None:
        index = _build(key[0], progress)
        cache_index(path, index)
    elif progress is not None:
        progress(len(index), 0.0 if index.times is None else float(index.times[-1]))
    return index


def cache_index(path: str | Path, index: VideoIndex) -> None:
    """Store the index of a video in memory, also one from another process."""
    with _lock:
        _cache[_state(path)] = index
        while len(_cache) > 1 and sum(map(len, _cache.values())) > _MAX_CACHED:
            _cache.popitem(last=False)


def _state(path: str | Path) -> tuple[str, int, int]:
    real = os.path.realpath(path)
    status = os.stat(real)
    return real, status.st_mtime_ns, status.st_size


_cache: OrderedDict[tuple[str, int, int], VideoIndex] = OrderedDict()
_lock = threading.Lock()


def checksum(image: np.ndarray) -> int:
    """Return the checksum of the pixels of a frame, (H, W, 3) uint8."""
    return zlib.crc32(np.ascontiguousarray(image).data)


def stamp_of(frame: Any) -> int:
    """Return the time stamp of a frame in ticks; the lowest integer for none."""
    return _NO_STAMP if frame.pts is None else frame.pts


def _build(path: str, progress: ProgressCallback | None) -> VideoIndex:
    index = _decode_all(path, progress)
    if index.damage and index.packets.midway:
        # The damage may be only missing reference frames.
        other = _decode_all(path, progress, strict=False)
        index = index if other.damage else other
    if not len(index) and index.packets.hidden:
        # No keyframe: perhaps intra refresh, which updates frames part by part.
        index = _decode_all(path, progress, from_key=False)
    if not len(index):
        raise VideoError(
            f'no frame can be decoded ({index.damage}); the file is damaged or was '
            f'extracted from another one: copy it again, or convert it'
            if index.damage
            else 'contains no frames'
        )
    return index


def _decode_all(
    path: str,
    progress: ProgressCallback | None,
    from_key: bool = True,
    strict: bool = True,
) -> VideoIndex:
    stamps: list[int] = []
    sums: list[int] = []
    packets, damage, turned = PacketLog(), '', False
    height = width = 0
    with open_video_stream(path, strict) as (container, stream):
        tick = float(stream.time_base or 0)
        header = stream.average_rate or stream.guessed_rate
        promised = stream.frames
        # AVI only counts its frames, and libav invents presentation time stamps.
        stamped = container.format.name != 'avi'
        try:
            for frame in decode(container, stream, packets, from_key, strict):
                if len(sums) >= MAX_FRAMES:
                    raise VideoError(f'has more than {MAX_FRAMES} frames')
                image = to_rgb(frame)
                height, width = image.shape[:2]
                turned |= quarter_turns(frame) != 0
                stamps.append(stamp_of(frame))
                sums.append(checksum(image))
                if progress is not None:
                    progress(len(sums), _seconds(stamps, tick))
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
