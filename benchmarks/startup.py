"""How long commands take before they do anything: imports, ``--help``, one prediction.

    python benchmarks/startup.py --turns 5

Each command is a process of its own; the commands take turns, so that what else the
machine does falls on all alike. The ratio is to ``import mmaction``.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLIP = """
import sys
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
make_release(sys.argv[1], Release(subjects=1, clips=1, size=112), workers=1)
"""


def commands(frames: Path) -> dict[str, list[str]]:
    """Return the command lines by the name that the table shows."""
    tools = ('train.py', 'test.py', 'data/prepare.py', 'analysis/score.py', 'ablate.py')
    return {
        'import mmaction': ['-c', 'import mmaction'],
        'import mmaction_mer': ['-c', 'import mmaction_mer'],
        'python -m mmaction_mer --help': ['-m', 'mmaction_mer', '--help'],
        **{f'tools/{tool} --help': [f'tools/{tool}', '--help'] for tool in tools},
        'predict, one clip': [
            '-m', 'mmaction_mer', 'predict', str(frames), '--fps', '100', '--device',
            'cpu',
        ],
    }  # fmt: skip


def seconds(command: list[str]) -> float:
    """Run a command and return its wall time."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], cwd=ROOT, check=True, capture_output=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--turns', type=int, default=5, help='runs of each command')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder, 'release')
        subprocess.run([sys.executable, '-c', CLIP, str(release)], check=True, cwd=ROOT)
        images = [*release.rglob('*.png'), *release.rglob('*.jpg')]
        frames = min(images).parent
        listed = commands(frames)
        taken: dict[str, list[float]] = {name: [] for name in listed}
        for _ in range(args.turns):
            for name, command in listed.items():
                taken[name].append(seconds(command))
    base = statistics.median(taken['import mmaction'])
    print('| command | seconds (median) | least | of `import mmaction` |')
    print('|---|---:|---:|---:|')
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f'| `{name}` | {middle:.2f} | {min(times):.2f} | {middle / base:.2f} |')


if __name__ == '__main__':
    main()
