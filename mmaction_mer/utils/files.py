"""Atomic writing, and reading of regular files of bounded size."""

import errno
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from .process_tags import TAG, on_this_machine, process_is_gone, process_tag

# Nobody else's hidden files end so.
_HALF_WRITTEN = '.half-written'
# Writing takes seconds; of another machine nobody knows whether it still writes.
_ABANDONED = 3600.0


def atomic_write(path: str | Path, data: str | bytes | memoryview) -> Path:
    """Write a file so that a reader sees the old content or the new, never half.

    Args:
        path: The file to write; missing parent folders are made.
        data: Text (written as UTF-8) or bytes.

    Returns:
        The path written.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file
            then stands untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    payload = data.encode('utf-8') if isinstance(data, str) else data
    prefix = f'.{path.name}.{process_tag()}.'
    handle, name = tempfile.mkstemp(_HALF_WRITTEN, prefix, path.parent)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; a result is as readable as any other file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        # A full disk names no file, and the name of a temporary one says nothing.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading, and never wait for one that is no regular file.

    Opening a named pipe waits until somebody writes into it; a device may never end.

    Args:
        path: The file; a link to a regular file will do.

    Returns:
        The open binary file.

    Raises:
        OSError: It cannot be opened, or it is a pipe, a socket, a device or a folder;
            ``strerror`` says which and ``filename`` names it.
    """
    name = os.fspath(path)
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kinds = {stat.S_IFIFO: 'a named pipe', stat.S_IFSOCK: 'a socket',
                     stat.S_IFDIR: 'a folder'}  # fmt: skip
            kind = kinds.get(stat.S_IFMT(mode), 'a device')
            raise OSError(errno.EINVAL, f'is {kind}, not a regular file', name)
        # By its path, so that messages have a name and not the number of a handle.
        return open(name, 'rb', opener=lambda *_: handle)
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | Path, max_bytes: int) -> bytes:
    """Read a whole file of bounded size.

    Args:
        path: The file.
        max_bytes: What it may hold at most, in bytes.

    Returns:
        Its content.

    Raises:
        OSError: See :func:`open_regular`; also where it is larger (``EFBIG``).
    """
    with open_regular(path) as file:
        # By its size first: a file with holes is larger than what it takes on disk.
        large = os.fstat(file.fileno()).st_size > max_bytes
        content = b'' if large else file.read(max_bytes + 1)
    if large or len(content) > max_bytes:
        text = f'is larger than the {max_bytes:,} bytes that such a file may have'
        raise OSError(errno.EFBIG, text, str(path))
    return content


def clear_half_written(folder: str | Path, name: str = '') -> None:
    """Remove what :func:`atomic_write` left in a folder when it was killed.

    What another process is writing just now stays: where there are no locks, two may
    work in one folder. Of a process on another machine that is what is younger than
    an hour.

    Args:
        folder: The folder; its sub-folders are left alone.
        name: The file that was to be written, without wildcards; empty for any.
    """
    for path in Path(folder).glob(f'.{name}*{_HALF_WRITTEN}'):
        found = re.search(rf'\.({TAG})\.[^.]*{re.escape(_HALF_WRITTEN)}$', path.name)
        if found and not process_is_gone(found[1]) and not _abandoned(path, found[1]):
            continue
        path.unlink(missing_ok=True)


def _abandoned(path: Path, tag: str) -> bool:
    """Tell whether a file of another machine's process is older than its writing."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return True
    return not on_this_machine(tag) and age > _ABANDONED
