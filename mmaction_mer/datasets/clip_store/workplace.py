"""Where a store is written until it is whole, and what a killed run left there."""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...utils.errors import MERDataError
from ...utils.files import atomic_write, read_regular
from ...utils.locks import FileLock
from ..clips import locate
from .layout import INDEX, MAX_INDEX, PIXELS, open_pixels, rest_problem
from .making import Clip
from .sources import source_files, source_state

JOURNAL = 'journal.jsonl'


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Give the folder that a store is written in, to this process alone.

    Raises:
        MERDataError: Another process has it, or it is a link to another folder.
    """
    partial = folder.with_name(f'.{folder.name}.partial')
    if partial.is_symlink():
        # What lies there and is not this store's would be removed.
        raise MERDataError(f'{partial}: is a link: remove it')
    while True:
        partial.mkdir(parents=True, exist_ok=True)
        lock = FileLock(partial, folder=True)
        try:
            taken = lock.take()
        except FileNotFoundError:
            continue  # it became a store just now
        if not taken:
            raise MERDataError(
                f'{folder}: another process is writing this store: wait for it'
            )
        # Whoever had it may have made a store of it in between.
        if lock.in_place():
            break
        lock.release()
    try:
        yield partial
    finally:
        with contextlib.suppress(OSError):
            partial.rmdir()  # only where it is empty
        lock.release()


def load_partial(
    partial: Path, plan: str, clips: Sequence[Clip], root: str
) -> tuple[tuple[int, ...], dict[int, Clip]] | None:
    """Read what a killed run has done, and remove everything else.

    The journal's first line says plan and shape; a line follows for each clip whose
    pixels are on the disk. The last one may be cut short.

    Args:
        partial: The work folder.
        plan: Fingerprint of pipeline and clips.
        clips: The facts of the clips, by place.
        root: The folder that their paths start from.

    Returns:
        The shape of the file, and the entries that still hold by place; None where
        nothing of use was left.
    """
    try:
        text = read_regular(partial / JOURNAL, MAX_INDEX).decode(errors='replace')
        first, *lines = text.split('\n')[:-1]
        header = json.loads(first)
        shape = tuple(header['shape'])
        if header['plan'] != plan:
            raise ValueError('another plan')
        open_pixels(partial, shape)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        _remove_all_but(partial)
        return None
    _remove_all_but(partial, PIXELS, JOURNAL)
    done, known = {}, dict(enumerate(clips))
    for line in lines:
        try:
            entry = json.loads(line)
            facts = known[entry['place']]
            if entry['facts'] != facts or rest_problem(entry['rest'], shape):
                continue
            state = source_state(source_files(locate(facts, root)))
            if entry['sources']['times'] == state['times']:
                done[entry['place']] = entry
        except (ValueError, LookupError, TypeError, RecursionError):
            continue
    return shape, done


def allocate(partial: Path, shape: tuple[int, ...]) -> None:
    """Make the file for the clips if it is not there.

    Args:
        partial: The work folder.
        shape: (N, T, H, W, 3).

    Raises:
        MERDataError: The disk has no room for it.
    """
    path = partial / PIXELS
    # A file with holes takes up only what was written.
    taken = path.stat().st_blocks * 512 if path.exists() else 0
    free = shutil.disk_usage(partial).free
    missing = math.prod(shape) - taken - free
    if missing > 0:
        raise MERDataError(
            f'{partial.parent}: a store of {shape[0]} clips takes '
            f'{math.prod(shape) / 1e6:.0f} MB, and {missing / 1e6:.0f} MB are missing '
            f'on this disk: free them, or make the clips smaller'
        )
    if not path.exists():
        np.lib.format.open_memmap(path, 'w+', np.uint8, shape)


def begin_journal(
    partial: Path, plan: str, shape: tuple[int, ...], done: dict[int, Clip]
) -> Path:
    """Write the journal of what is done, without half a line, to be added to."""
    lines = [{'plan': plan, 'shape': shape}, *done.values()]
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    return atomic_write(partial / JOURNAL, text)


def publish(partial: Path, folder: Path) -> None:
    """Put the whole store in its place, and remove the one that stood there."""
    old = folder.with_name(f'.{folder.name}.old')
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    (folder / JOURNAL).unlink()


def refuse_other(folder: Path) -> None:
    """Refuse to replace what is not a store."""
    if not folder.exists():
        return
    names = os.listdir(folder) if folder.is_dir() else [folder.name]
    own = (PIXELS, INDEX, JOURNAL)
    other = [name for name in names if name not in own and f'.{INDEX}.' not in name]
    if other or not folder.is_dir():
        raise MERDataError(
            f'{folder}: holds {names[0]!r}, which is not part of a store: choose '
            f'another folder, or remove it'
        )


def _remove_all_but(folder: Path, *names: str) -> None:
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
