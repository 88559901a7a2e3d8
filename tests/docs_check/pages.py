"""Run the commands of a page in order, in its scratch copy."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .commands import Piece
from .provided import Provider, asked_for
from .tables import SERVERS, filled_in

LIMIT = 600  # seconds that a command may take, on a busy machine
STOPPED = threading.Event()
_running: set[subprocess.Popen] = set()
_TRAINING = re.compile(
    r'(?:tools/(?:train\.py|dist_train\.sh|slurm_(?:train|loso)\.sh)|mim (?:run|train))'
    r'(?: [\w-]+){0,2} configs/([\w.-]+)\.py'
)
_ADDRESS = re.compile(r'http://(?:127\.0\.0\.1|localhost):\d+')


@dataclass(frozen=True)
class Result:
    """How a piece ended.

    Attributes:
        piece: What was run.
        seconds: How long it took.
        trouble: Empty, or what went wrong, with the output's tail.
    """

    piece: Piece
    seconds: float
    trouble: str = ''


def run_shell(
    text: str, folder: Path, environment: dict[str, str], limit: float = LIMIT
) -> str:
    """Run a command word for word by bash; it has no terminal and no input.

    Returns:
        Empty, or the status and the tail of the output.
    """
    script = f'set -o pipefail\n{text}\n'
    if STOPPED.is_set():
        return 'not run: the check was stopped'
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ['bash', '-c', script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        try:
            if SERVERS.search(text):
                status = _answers(process, output.fileno(), limit)
            else:
                status = f'exit status {process.wait(limit)}'
        except subprocess.TimeoutExpired:
            status = f'not ended after {limit:.0f} s'
        finally:
            _stop(process)
            _running.discard(process)
        if status == 'exit status 0':
            return ''
        return f'{status}\n{_tail(_read(output.fileno()))}'


def stop_all() -> None:
    """End every command that runs, and start no other."""
    STOPPED.set()
    for process in [*_running]:
        _stop(process)


def _answers(process: subprocess.Popen, file: int, limit: float) -> str:
    """Wait until a server has said where it is and answers there."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process.poll() is not None:
            return f'ended with {process.returncode} and should go on'
        address = _ADDRESS.search(_read(file))
        if address:
            try:
                with urllib.request.urlopen(address[0], timeout=10):
                    return 'exit status 0'
            except OSError:
                pass
        time.sleep(0.2)
    return f'does not answer after {limit:.0f} s'


def _stop(process: subprocess.Popen) -> None:
    """End what a command has left behind; itself too, if it still runs."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _read(file: int) -> str:
    size = os.fstat(file).st_size
    return os.pread(file, size, 0).decode(errors='replace')


def _tail(text: str, lines: int = 25) -> str:
    """The end of an output; of a progress bar its last state."""
    kept = [line.rpartition('\r')[2] for line in text.rstrip().splitlines()]
    return '\n'.join(f'    {line[:300]}' for line in kept[-lines:])


def set_aside(text: str, scratch: Path) -> None:
    """Take away the run that a training would find at its place.

    Trainings below one another on a page are other ways to train, not a sequence, and
    one that does not say ``--resume`` refuses a work directory that holds another's.
    """
    match = _TRAINING.search(text)
    if match and '--resume' not in text:
        named = re.search(r'--work-dir[ =](\S+)', text)
        run = named[1] if named else f'work_dirs/{match[1]}'
        shutil.rmtree(scratch / run, ignore_errors=True)


def run_page(
    pieces: list[Piece],
    scratch: Path,
    environment: dict[str, str],
    provider: Provider,
    done: Callable[[Result], None],
) -> None:
    """Run pieces of a page, one after the other.

    Args:
        pieces: Those that are to be run.
        scratch: The page's copy of the tree.
        environment: Of every command.
        provider: Lays what a command presupposes.
        done: Is told of each when it has ended.
    """
    state: list[str] = []
    for piece in pieces:
        started = time.monotonic()
        text = piece.text
        if piece.kind == 'python':
            file = scratch / f'work_dirs/blocks/line{piece.line}.py'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + '\n')
            text = f'python tests/docs_check/block.py {file.relative_to(scratch)}'
        else:
            text = filled_in(text, piece.page)
        try:
            set_aside(text, scratch)
            for name in asked_for(text, scratch):
                provider.lay(name, scratch)
            trouble = run_shell('\n'.join([*state, text]), scratch, environment)
        except Exception as error:
            trouble = f'what it presupposes cannot be made: {error}'
        if piece.keeps_state:
            state.append(text)
        done(Result(piece, time.monotonic() - started, trouble))
