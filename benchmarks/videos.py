"""Measure a clip deep in a long video, read in order, by seeking and by decord.

    python benchmarks/videos.py

Sixteen frames at nine tenths of the length are read. The index, which proves each frame
that is read, is made once per process and file; its time stands beside. The videos are
textures that move, written to a temporary folder.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
from common import machine, make_parser, print_table, texture

from mmaction_mer.datasets.video import reader as video_reader
from mmaction_mer.datasets.video.index import VideoIndex, video_index
from mmaction_mer.utils.cli.command_line import report_errors

READ = 16
#: Options of the encoder by what the table calls the file.
FILES = {
    'h264, closed groups': ('h264.mp4', 'libx264', 'keyint=50:bframes=3:open-gop=0'),
    'h264, open groups': ('open.mp4', 'libx264', 'keyint=50:bframes=3:open-gop=1'),
    'mjpeg': ('mjpeg.avi', 'mjpeg', ''),
}
WAYS = {
    'in order': video_reader._in_order,
    'seeking': video_reader._seeking,
    'decord': video_reader._by_decord,
}


def make_video(path: Path, codec: str, params: str, frames: int) -> None:
    """Write a texture that moves, in some noise, 320x240 at 100 Hz."""
    rng = np.random.default_rng(0)
    picture = texture(rng, 240, 320)
    noise = rng.integers(0, 8, (8, *picture.shape), dtype=np.uint8)
    options = {'preset': 'ultrafast', 'x264-params': params} if params else {}
    with av.open(str(path), 'w') as file:
        stream = file.add_stream(codec, rate=100, options=options)
        stream.width, stream.height = 320, 240
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for number in range(frames):
            moved = cv2.add(np.roll(picture, number % 320, axis=1), noise[number % 8])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(moved, 'rgb24')))
        file.mux(stream.encode())


def seconds_of(way: str, path: Path, index: VideoIndex) -> float:
    """Read the clip once."""
    first = int(0.9 * len(index))
    wanted = range(first, first + READ)
    start = time.perf_counter()
    frames = list(WAYS[way](str(path), index, wanted))
    taken = time.perf_counter() - start
    sums = [video_reader.checksum(frame) for frame in frames]
    assert sums == index.sums[first : first + READ].tolist(), (path, way)
    return taken


@report_errors
def main() -> None:
    """Measure in turns and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('--frames', type=int, default=3000)
    parser.add_argument('--turns', type=int, default=3)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, (name, codec, params) in FILES.items():
            path = Path(folder, name)
            make_video(path, codec, params, args.frames)
            start = time.perf_counter()
            index = video_index(path)
            indexing = time.perf_counter() - start
            cells, whole = [], None
            for way in WAYS:
                if way == 'decord' and not index.plain:
                    cells.append('not proven')
                    continue
                turns = [seconds_of(way, path, index) for _ in range(args.turns)]
                taken = statistics.median(turns)
                whole = whole or taken
                cells.append(f'{1000 * taken:.0f} ms ({taken / whole:.2f})')
            cells.append(f'{1000 * indexing:.0f} ms ({indexing / whole:.2f})')
            rows.append((title, *cells))
    print(f'{machine()}; {READ} of {args.frames} frames of 320x240, at nine tenths\n')
    print_table(('video', *WAYS, 'index, once'), rows)


if __name__ == '__main__':
    sys.exit(main())
