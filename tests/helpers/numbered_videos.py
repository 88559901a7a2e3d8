"""Videos whose gray levels encode the frame numbers of the original."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

#: Number of frames of an original.
COUNT = 40
# Gray levels far enough apart for any codec.
_FIRST, _STEP = 12, 6

_X264 = 'keyint=15:min-keyint=15:scenecut=0:bframes=4:b-pyramid=normal'
_X265 = 'keyint=15:min-keyint=15:scenecut=0:bframes=3:log-level=none'
_MPEG = {'sc_threshold': '1000000000'}
_VPX = {'deadline': 'realtime', 'cpu-used': '8'}
#: Encoder by codec, and its options for closed and for open groups of pictures.
CODECS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    'h264': (
        'libx264',
        {'preset': 'ultrafast', 'x264-params': f'{_X264}:open-gop=0'},
        # Frames after a keyframe refer to frames before it.
        {'x264-params': f'{_X264}:open-gop=1'},
    ),
    'hevc': (
        'libx265',
        {'preset': 'ultrafast', 'x265-params': f'{_X265}:open-gop=0'},
        {'preset': 'ultrafast', 'x265-params': f'{_X265}:open-gop=1'},
    ),
    'mpeg4': ('mpeg4', {**_MPEG, 'flags': '+cgop'}, _MPEG),
    'mpeg1': ('mpeg1video', {**_MPEG, 'flags': '+cgop'}, _MPEG),
    'mpeg2': ('mpeg2video', {**_MPEG, 'flags': '+cgop'}, _MPEG),
    'av1': ('libsvtav1', {'preset': '12'}, {'preset': '12'}),
    'vp8': ('libvpx', _VPX, _VPX),
    'vp9': ('libvpx-vp9', _VPX, _VPX),
    'mjpeg': ('mjpeg', {}, {}),
}


def level(number: float) -> int:
    """Return the gray level of a frame."""
    return round(_FIRST + _STEP * number)


def numbers_of(frames: Iterable[np.ndarray]) -> list[int]:
    """Decode frame numbers from gray levels, which must not be ambiguous."""
    found = [(float(frame.mean()) - _FIRST) / _STEP for frame in frames]
    assert all(abs(one - round(one)) < 0.4 for one in found), found
    return [round(one) for one in found]


def write_numbered(
    path: Path,
    codec: str = 'h264',
    open_groups: bool = False,
    rate: int = 25,
    stamps: Sequence[int] | None = None,
    tick: Fraction | None = None,
    levels: Sequence[float] | None = None,
    size: int = 64,
) -> Path:
    """Write frames 0, 1, 2 and so on.

    Args:
        path: The file; its suffix determines the container.
        codec: One of ``CODECS``.
        open_groups: Whether to use open groups of pictures, if the codec supports them.
        rate: Frame rate in the header in Hz.
        stamps: Time stamp of each frame in ticks.
        tick: Unit of the stamps in seconds.
        levels: Gray levels in place of those of ``level``.
        size: Side of the frames in pixels.

    Raises:
        ValueError: The container does not support the codec.
    """
    name, closed, opened = CODECS[codec]
    if levels is None:
        levels = [level(number) for number in range(COUNT)]
    with av.open(f'file:{path}', 'w') as file:
        stream = file.add_stream(
            name, rate=rate, options=dict(opened if open_groups else closed)
        )
        stream.width = stream.height = size
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        stream.gop_size = 12
        if codec.startswith('mpeg'):
            stream.max_b_frames, stream.bit_rate = 2, 2_000_000
        if tick is not None:
            stream.codec_context.time_base = tick
        for number, gray in enumerate(levels):
            picture = np.full((size, size, 3), round(gray), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, 'rgb24')
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = tick or Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def trim(source: Path, path: Path, first: int, hidden: int = 0) -> Path:
    """Copy the packets from number ``first`` on, as trimming without encoding does.

    Args:
        source: The whole video.
        path: The file to write.
        first: Number of the first packet, in the order of the file.
        hidden: Number of ticks before time zero, whose frames an edit list hides.
            Defaults to 0.
    """
    options = {'avoid_negative_ts': 'disabled'} if hidden else {}
    with av.open(str(source)) as old, av.open(str(path), 'w', options=options) as new:
        stream, begin = old.streams.video[0], None
        copy = new.add_stream_from_template(stream)
        for number, packet in enumerate(old.demux(stream)):
            if number < first or not packet.size:
                continue
            stamps = packet.dts, packet.pts
            if begin is None:
                begin = hidden + next((one for one in stamps if one is not None), 0)
            packet.dts, packet.pts = (
                None if stamp is None else stamp - begin for stamp in stamps
            )
            packet.stream = copy
            new.mux(packet)
    return path
