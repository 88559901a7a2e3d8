"""Measure what a clip store is worth, as a ratio to reading the frame files.

    python benchmarks/store.py

Clips per second through the beginning of the pipeline, in one run: from frames as a
release has them (JPEG, 640x480), as prepare.py leaves them (PNG, 224x224), and from
the store. The frames are textures that move, made in a temporary folder.
"""

import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from common import machine, make_parser, print_table, texture
from mmengine.registry import init_default_scope

from mmaction_mer.datasets import MERDataset, write_annotation
from mmaction_mer.datasets.clip_cache import STANDARD, write_store
from mmaction_mer.utils.cli.command_line import report_errors

KINDS = {
    'JPEG 640x480': ('img{}.jpg', (480, 640)),
    'PNG 224x224': ('{}.png', (224, 224)),
}
NAMES = 8


def make_release(root: Path, template: str, size: tuple[int, int], clips: int) -> None:
    """Write clips of 70 frames, smooth textures in some noise, and their annotation."""
    rng = np.random.default_rng(0)
    rows = []
    for clip in range(clips):
        folder = root / 'frames' / f'c{clip}'
        folder.mkdir(parents=True)
        picture = texture(rng, *size)
        for number in range(1, 71):
            noise = rng.normal(0, 3, picture.shape).astype(np.int16)
            frame = np.roll(picture, number, axis=1) + noise
            frame = frame.clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / template.format(number)), frame)
        # Under several names, so that a store is larger than the processor's caches.
        for copy in range(NAMES):
            row = dict(dataset='bench', subject='s', clip=f'c{clip}_{copy}')
            row.update(frame_dir=f'c{clip}', filename_tmpl=template, fps=200.0)
            rows.append(row | dict(onset=1, apex=None, offset=70, label=0))
    metainfo = dict(dataset='bench', classes=['a', 'b'])
    write_annotation(root / 'ann.json', dict(metainfo=metainfo, data_list=rows))
    write_store(root / 'store', rows, root / 'frames', progress=False)


def open_data(root: Path, store: bool) -> MERDataset:
    """Open the release, from its files or its store."""
    pipeline = [dict(config) for config in STANDARD]
    return MERDataset('ann.json', pipeline, str(root), dict(img='frames'), store=store)


def clips_per_second(data: MERDataset, passes: int = 1) -> float:
    """Read every clip so many times."""
    start = time.perf_counter()
    for _ in range(passes):
        for number in range(len(data)):
            _ = data[number]
    return passes * len(data) / (time.perf_counter() - start)


def drop_page_cache(store: Path) -> None:
    """Ask the system to drop the files of a store from its page cache."""
    for path in store.glob('*.npy'):
        with open(path, 'rb') as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@report_errors
def main() -> None:
    """Measure in turns and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('--clips', type=int, default=8, help=f'times {NAMES}')
    parser.add_argument('--turns', type=int, default=3)
    args = parser.parse_args()
    logging.disable(logging.INFO)
    init_default_scope('mmaction')
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        roots = {kind: Path(folder, kind.split()[0]) for kind in KINDS}
        for kind, root in roots.items():
            make_release(root, *KINDS[kind], args.clips)
        for _ in range(args.turns):
            for kind, root in roots.items():
                files = clips_per_second(open_data(root, store=False))
                rates.setdefault(kind, []).append(files)
            stored = roots['JPEG 640x480']
            drop_page_cache(stored / 'store')
            data = open_data(stored, store=True)
            rates.setdefault('store, first pass', []).append(clips_per_second(data))
            warm = clips_per_second(data, passes=10)
            rates.setdefault('store, warm', []).append(warm)
    found = {name: statistics.median(rate) for name, rate in rates.items()}
    slow = found['JPEG 640x480']
    print(f'{machine()}; {args.clips * NAMES} clips of 70 frames, 16 of them read\n')
    print_table(
        ('clips from', 'clips/s', 'ratio'),
        [(name, f'{rate:.1f}', f'{rate / slow:.1f}') for name, rate in found.items()],
    )


if __name__ == '__main__':
    sys.exit(main())
