"""Measure magnification as one product against public programs for it.

    python benchmarks/motion.py --peers work_dirs/peers --install

The same clips, band and gain for all; each program in a process of its own, on one
thread and on two, in turns. The time is that inside the process, in memory. On one
thread it is the processor's, otherwise the wall clock's. ``--install`` downloads the
peers into the folder, at the versions named below; without ``--peers`` ours is measured
alone. ``magnifiers.py`` says what each program does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from common import machine, make_parser, print_table
from magnifiers import FPS, HIGH, LOW

from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError

# What a peer's Python needs: the same for all of them, and for ours.
PACKAGES = (
    'eulerian-magnification==0.22',
    'matplotlib==3.11.2',
    'numpy==2.4.6',
    'opencv-python-headless==5.0.0.93',
    'scipy==1.17.1',
    'tqdm==4.67.1',
)
# Those that no package index has: repository, commit, what of it is needed, and the
# folder to import from.
SOURCES = {
    'joeljose': (
        'https://github.com/joeljose/Eulerian-Video-Magnification',
        'beaac218160998e32ad332c932301d3f1995352b',
        'evm.py',
        '.',
    ),
    'hbenbel': (
        'https://github.com/hbenbel/Eulerian-Video-Magnification',
        '028ca865745b242e681201de7ceb8cd1ee4ad8dc',
        'src',
        'src',
    ),
    'pyevm': (
        'https://github.com/flyingzhao/PyEVM',
        '00649cce9195bcd32ac1a85caa3e40e97459d549',
        'EVM.py',
        '.',
    ),
}
OURS = ('copy', 'ours')
PEERS = ('brycedrennan', *SOURCES)
PEER_PROGRAMS = ('brycedrennan', 'joeljose', 'hbenbel', 'PyEVM')
Times = dict[tuple[str, str], list[float]]


def install(folder: Path) -> None:
    """Download the peers into a folder; what is there is kept."""
    python = folder / 'venv/bin/python'
    commands = [[sys.executable, '-m', 'venv', folder / 'venv']]
    commands += [[python, '-m', 'pip', 'install', '-q', *PACKAGES]]
    for name, (url, commit, needed, _) in SOURCES.items():
        if not (folder / name).exists():
            clone = ['git', 'clone', '-q', '-n', '--filter=blob:none', url]
            commands.append([*clone, folder / name])
            checkout = ['git', '-C', folder / name, 'checkout', '-q', commit]
            commands.append([*checkout, '--', needed])
    for command in commands:
        subprocess.run(command, check=True)


def make_clip(length: int, size: int = 224) -> tuple[np.ndarray, np.ndarray]:
    """Make a picture that sways by a third of a pixel, in some noise.

    Args:
        length: Frames T.
        size: Height and width in pixels.

    Returns:
        The clip ``(T, size, size, 3)``, uint8, and the swaying alone, float32 in
        grey levels.
    """
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, size=(size // 16, size // 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    picture = picture.astype(np.float32)
    phase = 2 * np.pi * (LOW * HIGH) ** 0.5 * np.arange(length) / FPS
    swaying = np.sin(phase)[:, None, None, None] / 3 * np.gradient(picture, axis=1)
    noise = rng.normal(0, 0.5, (length, *picture.shape))
    clip = np.rint(picture + swaying + noise).clip(0, 255)
    return clip.astype(np.uint8), swaying.astype(np.float32)


def time_side(side: str, args: argparse.Namespace, threads: int, folder: Path) -> Times:
    """Time all programs of a side in a process, see ``magnifiers.py``.

    Raises:
        MERRunError: The process failed.
    """
    python: str | Path = sys.executable
    names = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
    env = os.environ | dict.fromkeys(names, str(threads)) | dict(TQDM_DISABLE='1')
    # All keep their freed memory, as training does.
    env |= dict(MALLOC_MMAP_THRESHOLD_=str(1 << 30))
    env |= dict(MALLOC_TRIM_THRESHOLD_=str(2**31 - 1))
    if side in PEERS:
        python = args.peers / 'venv/bin/python'
        if side in SOURCES:
            env['PYTHONPATH'] = str((args.peers / side / SOURCES[side][3]).resolve())
    script = Path(__file__).with_name('magnifiers.py')
    command = [python, script, side, threads, args.seconds, folder]
    done = subprocess.run(map(str, command), env=env, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise MERRunError(f'{side} failed, see above; --install gets the peers again')
    found = json.loads((folder / 'times.json').read_text())
    return {(program, task): times for program, task, times in found}


def likeness(
    result: np.ndarray, task: str, clip: np.ndarray, swaying: np.ndarray
) -> float:
    """Correlation of what a program magnified with what moves in the clip."""
    moved = result.astype(np.float32) - (clip if task == 'video' else 0)
    return float(np.corrcoef(moved.ravel(), swaying.ravel())[0, 1])


def measure(args: argparse.Namespace, length: int, threads: int) -> tuple[dict, dict]:
    """Time all programs on clips of one length, in turns.

    Returns:
        Medians in seconds and likenesses, both by program and task.
    """
    clip, swaying = make_clip(length)
    times: Times = {}
    like = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / 'clip.npy', clip)
        for _ in range(args.turns):
            for side in args.sides:
                for key, found in time_side(side, args, threads, folder).items():
                    times.setdefault(key, []).extend(found)
        for program, task in times:
            if program != 'copy' and task != 'call':
                result = np.load(folder / f'{program}-{task}.npy')
                like[program, task] = likeness(result, task, clip, swaying)
    return {key: statistics.median(found) for key, found in times.items()}, like


def print_task(task: str, length: int, medians: list[dict], like: dict) -> None:
    """Print a task on clips of one length, fastest first."""
    names = [name for name, of in medians[0] if of == task]
    rows = []
    for name in sorted(names, key=lambda name: medians[0][name, task]):
        cells = []
        for found in medians:
            took = found[name, task]
            peers = [
                found[peer, task] for peer in PEER_PROGRAMS if (peer, task) in found
            ]
            ratio = f'{min(peers) / took:.2f}' if peers else ''
            cells += [f'{1e3 * took:.2f} ms', ratio]
        alike = like.get((name, task))
        rows.append((name, *cells, '' if alike is None else f'{alike:.2f}'))
    places = ('1 thread', 'ratio', '2 threads', 'ratio')
    print_table((f'{length} frames, {task}', *places, 'r'), rows)
    print()


@report_errors
def main() -> None:
    """Measure in turns and print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument('--peers', type=Path, help='folder of the peers')
    parser.add_argument('--install', action='store_true', help='download them there')
    parser.add_argument('--frames', type=int, nargs='+', default=[16, 70])
    parser.add_argument('--turns', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=0.2, help='a turn of a task')
    args = parser.parse_args()
    args.sides = [*OURS, *PEERS] if args.peers else [*OURS]
    if args.install:
        install(args.peers)
    print(f'{machine()}; 224x224x3 at {FPS:g} Hz, {LOW:g} to {HIGH:g} Hz\n')
    for length in args.frames:
        found = [measure(args, length, threads) for threads in (1, 2)]
        for task in ('video', 'motion', 'call'):
            print_task(task, length, [medians for medians, _ in found], found[0][1])
    print('ratio: to the fastest peer; r: correlation with what moves in the clip')


if __name__ == '__main__':
    sys.exit(main())
