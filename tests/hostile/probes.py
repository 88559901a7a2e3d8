"""Entry points that misbehave on purpose, to check that the harness detects it.

Each reads one pickle with a payload.
"""

import os
import pickle
import time
from functools import partial
from pathlib import Path

from .case import Corpus
from .entries import Entry
from .planting import planted_calls
from .staging import Argv

CASE = 'probes/pickle'
_FOUND = {
    'unpickles': 'a planted call ran',
    'imports': 'a planted call ran',
    'looks': 'opens',
    'calls': 'a call to an address',
    'starts': 'subprocess.Popen',
    'connects': 'socket.connect',
    'writes': 'open: writes',
    'sleeps': 'hangs',
    'forks': 'hangs',
    'fills': 'GB',
    'says': 'says',
    'breaks': 'signal',
    'raises': 'traceback',
    'shows': 'has markup',
}
#: What must be found, by the name of the entry point.
FOUND = {f'probe-{name}': fault for name, fault in _FOUND.items()}

#: The actions of these cannot be attributed to a process.
APART = ('probe-looks', 'probe-calls', 'probe-connects')


def write(corpus: Corpus) -> None:
    """Write the file that all of them are given."""
    call = planted_calls(corpus.marker(CASE))['os-system']
    path = corpus.new(CASE, 'model.pkl', 'probe', 'a call')
    corpus.secret(CASE)
    path.write_bytes(pickle.dumps(call))
    path.with_name('address').write_text(corpus.url(CASE))


def stage(file: Path | None, scratch: Path, sound: Path) -> Argv:
    """Name the file where it lies."""
    return [str(file or '')]


def probes() -> list[Entry]:
    """List them."""
    return [
        Entry(name, ('probe',), partial(misbehave, name[6:]), stage) for name in FOUND
    ]


def misbehave(how: str, path: str) -> int:
    """Do what a program must not do of a file's own will.

    Args:
        how: See the names above.
        path: The file; empty for the sound one, of which nothing is done.
    """
    if not path:
        return 0
    file = Path(path)
    secret = file.parents[2] / 'secrets' / 'probes-pickle.txt'
    port = int(
        file.with_name('address').read_text().rpartition(':')[2].partition('/')[0]
    )
    if how == 'unpickles':
        pickle.loads(file.read_bytes())
    elif how == 'imports':
        __import__('evil_module')
    elif how == 'looks':
        import cv2

        cv2.imread(str(secret))  # not by Python's own way of opening files
    elif how == 'calls':
        import av

        try:
            av.open(f'http://127.0.0.1:{port}/x', timeout=2)
        except av.error.FFmpegError:
            pass
    elif how == 'starts':
        import subprocess

        subprocess.run(['true'], check=True)
    elif how == 'connects':
        import socket

        socket.socket().connect_ex(('127.0.0.1', port))
    elif how == 'writes':
        (file.parents[2] / 'escaped').write_text('x')
    elif how == 'sleeps':
        time.sleep(600)
    elif how == 'forks' and os.fork() == 0:
        time.sleep(600)
    elif how == 'forks':
        os.wait()
    elif how == 'fills':
        import numpy as np

        np.ones(1_400_000_000, np.uint8).sum()
    elif how == 'says':
        print('x' * 100_000)
    elif how == 'breaks':
        os.abort()
    elif how == 'raises':
        raise KeyError('x')
    elif how == 'shows':
        Path('report.html').write_text('<img src=x onerror=planted>')
    return 0
