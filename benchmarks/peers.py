"""The programs that others wrote: where they come from, and a process for each."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mmaction_mer.utils.errors import MERRunError

MAGNIFIERS = Path(__file__).with_name('magnifiers.py')

# What a peer's Python needs: the same below all of them, and below us.
PACKAGES = (
    'eulerian-magnification==0.22',
    'matplotlib==3.11.2',
    'numpy==2.4.6',
    'opencv-python-headless==5.0.0.93',
    'scipy==1.17.1',
    'tqdm==4.67.1',
)
# Those that no package index has: repository, commit, what of it is needed.
SOURCES = {
    'joeljose': (
        'https://github.com/joeljose/Eulerian-Video-Magnification',
        'beaac218160998e32ad332c932301d3f1995352b',
        'evm.py',
    ),
    'hbenbel': (
        'https://github.com/hbenbel/Eulerian-Video-Magnification',
        '028ca865745b242e681201de7ceb8cd1ee4ad8dc',
        'src',
    ),
    'pyevm': (
        'https://github.com/flyingzhao/PyEVM',
        '00649cce9195bcd32ac1a85caa3e40e97459d549',
        'EVM.py',
    ),
}
PEERS = ('brycedrennan', *SOURCES)


def python_of(folder: Path) -> Path:
    """Name the Python that the peers in a folder share."""
    return folder / 'venv/bin/python'


def install(folder: Path) -> None:
    """Download the peers into a folder; what is there is kept.

    Raises:
        MERRunError: Something could not be had.
    """
    python = python_of(folder)
    if not python.exists():
        _run(sys.executable, '-m', 'venv', folder / 'venv')
    _run(python, '-m', 'pip', 'install', '-q', *PACKAGES)
    for name, (url, commit, needed) in SOURCES.items():
        target = folder / name
        if (target / needed).exists():
            continue
        shutil.rmtree(target, ignore_errors=True)
        _run('git', 'clone', '-q', '-n', '--filter=blob:none', url, target)
        _run('git', '-C', target, 'checkout', '-q', commit, '--', needed)


def _run(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MERRunError(
            f'{" ".join(map(str, command))}: {error}; --install needs git and a network'
        ) from error


class Side:
    """A process that runs programs for us.

    Args:
        side: Its name in ``magnifiers.py``.
        clip: Path of the clip.
        setting: See ``magnifiers.serve``.
        peers: The folder that :func:`install` has filled.

    Raises:
        MERRunError: The program is not there or fails, now or when asked.
    """

    def __init__(
        self, side: str, clip: Path, setting: dict, peers: Path | None
    ) -> None:
        threads = str(setting['threads'])
        names = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
        env = {**os.environ, **dict.fromkeys(names, threads), 'TQDM_DISABLE': '1'}
        python = Path(sys.executable)
        if side in PEERS and peers:
            python = python_of(peers)
            needed = SOURCES[side][2] if side in SOURCES else ''
            source = (peers / side / needed).resolve()
            env['PYTHONPATH'] = str(source.parent if source.suffix else source)
        # What training does for itself (engine/memory.py), here for all alike.
        env.update(MALLOC_MMAP_THRESHOLD_=str(1 << 30))
        env.update(MALLOC_TRIM_THRESHOLD_=str(2**31 - 1))
        self.side = side
        self._errors = tempfile.TemporaryFile('w+')
        self._process = subprocess.Popen(
            [python, MAGNIFIERS, side, clip, json.dumps(setting)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=env,
        )
        hello = self._answer()
        self.tasks: dict[str, list[str]] = hello['tasks']
        self.versions: dict[str, str] = hello['versions']

    def ask(self, **request: Any) -> list[float]:
        """Run a program's task there and return the times in seconds."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + '\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        return self._answer()['times']

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it may have ended by itself
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:] or ['it ended']
        remedy = 'install the peers anew with --install, or choose others with --sides'
        raise MERRunError(
            f'{self.side} failed: {last[0]}'
            + (f'; {remedy}' if self.side in PEERS else '')
        )
