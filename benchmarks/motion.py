"""What magnification as one product is worth, against public programs for it.

    python benchmarks/motion.py --peers work_dirs/peers --install
    python benchmarks/motion.py --peers work_dirs/peers --json work_dirs/motion.json

The same clips, band and gain for all; each program in a process of its own, on one
thread, on two, and ours on a GPU where there is one. The time is that inside the
process, in memory: no file is read. On one thread it is the processor's, otherwise
the wall clock's. ``--install`` downloads the peers into the folder, at the versions
that ``peers.py`` names; without ``--peers`` ours are measured alone.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, row
from peers import PEERS, Side, install, python_of

from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.utils.json_files import write_json

TITLES = dict(brycedrennan='brycedrennan', joeljose='joeljose', hbenbel='hbenbel')
TITLES['pyevm'] = 'PyEVM'

DOES = {
    'copy': 'moves as many bytes as are read and written, no more',
    'magnify': 'ours: one matrix product, Butterworth of order 1 both ways',
    'magnify_pyramid': 'ours, the plain way: Laplacian pyramid of 4 levels and a rest',
    'magnify and rank_pool': 'ours: the motion and the rank-pooled image',
    'motion_front_end': 'ours: both as one product, in torch',
    'brycedrennan': 'eulerian-magnification 0.22: pyramid of 4, one level filtered '
    '(its default), ideal, float64',
    'joeljose': 'Eulerian-Video-Magnification 2.1.0: YIQ, pyramid of 4, two levels '
    'filtered, ideal, float32',
    'hbenbel': 'Eulerian-Video-Magnification at 028ca86: YIQ, pyramid of 4, two levels '
    'magnified, first-order recursive',
    'PyEVM': 'PyEVM at 00649cc: pyramid of 3, all filtered, Butterworth of order 5 '
    'forward, float64',
}
TASKS = {
    'video': 'uint8 frames to magnified uint8 frames',
    'motion': 'uint8 frames to motion in grey levels, float32',
    'call': 'the own call alone, from and to its own kind of float',
}
ALPHA, WAVELENGTH = 20.0, 8.0


def make_clip(
    length: int, fps: float, frequency: float, size: int = 224
) -> tuple[np.ndarray, np.ndarray]:
    """A picture that sways by a third of a pixel, in some noise.

    Args:
        length: Frames T.
        fps: Frame rate in Hz.
        frequency: Of the motion, in Hz.
        size: Height and width in pixels.

    Returns:
        The clip ``(T, size, size, 3)``, uint8, and the swaying alone, float32 in
        grey levels.
    """
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, size=(size // 16, size // 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    picture = picture.astype(np.float32)
    slope = np.gradient(picture, axis=1)
    phase = 2 * np.pi * frequency * np.arange(length) / fps
    swaying = np.sin(phase)[:, None, None, None] / 3 * slope
    noise = rng.normal(0, 0.5, (length, *picture.shape))
    clip = np.rint(picture + swaying + noise).clip(0, 255)
    return clip.astype(np.uint8), swaying.astype(np.float32)


def likeness(
    name: str, task: str, result: np.ndarray, clip: np.ndarray, swaying: np.ndarray
) -> float:
    """Correlation of what a program magnified with what moves in the clip.

    Raises:
        MERRunError: The result is no magnified clip at all.
    """
    result = result.reshape(result.shape[-4:])
    if result.shape != clip.shape:
        raise MERRunError(
            f'{name}, {task}: {result.shape} came back for a clip of {clip.shape}'
        )
    moved = result.astype(np.float32)
    if task == 'video':
        moved = moved - clip
    if not np.isfinite(moved).all():
        raise MERRunError(f'{name}, {task}: not all of its result is finite')
    if moved.std() < 1e-3:
        raise MERRunError(
            f'{name}, {task}: nothing was magnified; give a band that clips of '
            f'{len(clip)} frames can hold, with --fps and --band'
        )
    return float(np.corrcoef(moved.ravel(), swaying.ravel())[0, 1])


def measure(
    args: argparse.Namespace, length: int, place: dict, folder: Path
) -> tuple[list[dict], dict[str, str]]:
    """Time every program on clips of one length in one place, in turns.

    Args:
        args: The command line.
        length: Frames T.
        place: ``threads`` and ``device``.
        folder: For clips and results.

    Returns:
        A row for every program and task, and the versions beneath ours and the peers'.
    """
    low, high = args.band
    clip, swaying = make_clip(length, args.fps, (low * high) ** 0.5)
    path = folder / 'clip.npy'
    np.save(path, clip, allow_pickle=False)
    setting = dict(place, fps=args.fps, low=low, high=high, alpha=ALPHA)
    setting.update(wavelength=WAVELENGTH, batch=args.batch)
    sides: list[Side] = []
    times: dict[tuple[str, str], list[float]] = {}
    like: dict[tuple[str, str], float] = {}
    versions: dict[str, str] = {}
    try:
        for name in args.sides:
            if place['device'] != 'cpu' and name != 'ours':
                continue
            sides.append(Side(name, path, setting, args.peers))
            whose = 'peers' if name in PEERS else 'ours'
            for package, version in sides[-1].versions.items():
                versions[f'{whose}: {package}'] = version
        for turn in range(args.turns + 1):
            for side in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
                for program, tasks in side.tasks.items():
                    for task in tasks:
                        request = dict(program=program, task=task)
                        if turn:
                            found = side.ask(**request, seconds=args.seconds)
                            times.setdefault((program, task), []).extend(found)
                        else:  # the first turn warms up, and is looked at
                            saved = folder / 'result.npy'
                            side.ask(**request, save=str(saved))
                            if program == 'copy' or task == 'call':
                                continue
                            result = np.load(saved, allow_pickle=False)
                            result = result[0] if result.ndim > 4 else result
                            like[program, task] = likeness(
                                program, task, result, clip, swaying
                            )
    finally:
        for side in sides:
            side.close()
    threads = place['threads']
    where = f'{threads} thread' + 's' * (threads > 1)
    if place['device'] != 'cpu':
        where = 'GPU'
    rows = []
    for (program, task), found in times.items():
        clips = args.batch if program.endswith(' clips') else 1
        rows.append(
            dict(
                name=program,
                task=task,
                frames=length,
                where=where,
                wall_s=statistics.median(found),
                ms=round(1e3 * statistics.median(found) / clips, 4),
                clips_per_s=round(clips / statistics.median(found), 2),
                likeness=like.get((program, task)),
            )
        )
    return rows, versions


def add_speedups(rows: list[dict]) -> None:
    """Give every row its speed over the fastest peer's at the same task and place.

    On a GPU, where no peer runs, it is the fastest anywhere on the processor.
    """
    for r in rows:
        peers = [
            other
            for other in rows
            if other['name'] in TITLES.values()
            and (other['task'], other['frames']) == (r['task'], r['frames'])
            and r['where'] in ('GPU', other['where'])
        ]
        best = max((other['clips_per_s'] for other in peers), default=None)
        r['speedup'] = round(r['clips_per_s'] / best, 2) if best else None


def rows_of(rows: list[dict]) -> list[dict]:
    """The rows of the tables as they are written, by names that differ.

    ``wall_s`` is that of a call, which may take several clips at once.
    """
    return [
        row(
            f'{r["name"]}, {r["task"]}, {r["frames"]} frames, {r["where"]}',
            r['clips_per_s'],
            r['wall_s'],
            r['speedup'],
            task=r['task'],
            frames=r['frames'],
            where=r['where'],
            clock='processor' if r['where'] == '1 thread' else 'wall',
            likeness=r['likeness'],
        )
        for r in rows
    ]


def table(rows: list[dict], length: int, task: str) -> str:
    """One task on clips of one length as Markdown, fastest first."""
    rows = [r for r in rows if (r['frames'], r['task']) == (length, task)]
    places = list(dict.fromkeys(r['where'] for r in rows))
    found = {(r['name'], r['where']): r for r in rows}

    lines = [
        f'| {length} frames, {task} | '
        + ' | '.join(f'{place} | ratio' for place in places)
        + ' | r |',
        '|---|' + '---:|---:|' * len(places) + '---:|',
    ]
    names = list(dict.fromkeys(r['name'] for r in rows))
    first = {name: next(r for r in rows if r['name'] == name) for name in names}
    for name in sorted(names, key=lambda name: first[name]['ms']):
        cells = []
        for place in places:
            r = found.get((name, place))
            if r is None:
                cells += ['', '']
                continue
            speedup = r['speedup']
            cells += [
                f'{r["ms"]:.2f} ms',
                '' if speedup is None else f'{speedup:.2f}',
            ]
        like = first[name]['likeness']
        cells.append('' if like is None else f'{like:.2f}')
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sides = ('copy', 'ours', *PEERS)
    parser.add_argument('--peers', type=Path, help='folder of the peers')
    parser.add_argument('--install', action='store_true', help='download them there')
    parser.add_argument('--sides', nargs='+', choices=sides, help='measure these alone')
    parser.add_argument('--frames', type=int, nargs='+', default=[16, 70])
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--fps', type=float, default=200.0)
    # Of 16 frames at 200 Hz, an ideal filter holds no frequency below 12.5 Hz.
    parser.add_argument('--band', type=float, nargs=2, default=[10.0, 40.0])
    parser.add_argument('--batch', type=int, default=16, help='clips at once, ours')
    parser.add_argument('--turns', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=0.2, help='a turn of a task')
    parser.add_argument('--json', help='write the numbers there, too')
    args = parser.parse_args()
    if args.install and not args.peers:
        parser.error('--install needs the folder: --peers FOLDER')
    if args.sides is None:
        args.sides = list(sides if args.peers else sides[:2])
    missing = args.peers is None and set(args.sides) & set(PEERS)
    if missing:
        parser.error(f'--sides {min(missing)} needs --peers FOLDER')
    if (
        args.turns < 1
        or args.batch < 1
        or min(args.frames) < 2
        or min(args.threads) < 1
    ):
        parser.error('--turns, --batch, --threads: 1 or more; --frames: 2 or more')
    args.frames = list(dict.fromkeys(args.frames))
    args.threads = list(dict.fromkeys(args.threads))
    return args


@report_errors
def main() -> None:
    """Measure in turns and print the tables."""
    args = parse_args()
    if args.install:
        install(args.peers)
    if set(args.sides) & set(PEERS) and not python_of(args.peers).exists():
        raise MERRunError(f'{args.peers}: no peers there; fill it with --install')
    places = [dict(threads=threads, device='cpu') for threads in args.threads]
    if torch.cuda.is_available() and 'ours' in args.sides:
        places.append(dict(threads=args.threads[0], device='cuda'))
    rows, versions = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for length in args.frames:
            for place in places:
                found, beneath = measure(args, length, place, Path(folder))
                rows += found
                versions |= beneath
    add_speedups(rows)
    print(
        f'{machine()}; clips of 224x224x3 at {args.fps:g} Hz, band {args.band[0]:g} to '
        f'{args.band[1]:g} Hz, gain {ALPHA:g}; {args.turns} turns\n'
    )
    for task, meaning in TASKS.items():
        if any(r['task'] == task for r in rows):
            tables = '\n\n'.join(table(rows, length, task) for length in args.frames)
            print(f'{task}: {meaning}\n\n{tables}\n')
    print('ratio: to the fastest peer; r: how like what moves in the clip it is\n')
    names = {r['name'].split(',')[0] for r in rows}
    print(
        '\n'.join(f'- {name}: {does}' for name, does in DOES.items() if name in names)
    )
    print('- ' + ', '.join(f'{name} {version}' for name, version in versions.items()))
    if args.json:
        found = dict(machine=machine(), versions=versions, rows=rows_of(rows))
        write_json(args.json, found)


if __name__ == '__main__':
    sys.exit(main())
