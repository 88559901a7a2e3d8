"""Atomic writing of files, and bounded reading of regular files."""

import errno
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from .process_tags import TAG, is_abandoned, process_tag

# Suffix of temporary files; other programs do not use it.
_HALF_WRITTEN = '.half-written'
# Writing takes seconds. Whether a process on another machine still runs is unknown, so
# its temporary files are removed when they are this old, in seconds.
_ABANDONED_AFTER = 3600.0


def atomic_write(path: str | Path, data: str | bytes | memoryview) -> Path:
    """Write a file atomically: a reader sees the old or the new content, never a part.

    Args:
        path: The file to write; missing parent folders are created.
        data: Text (written as UTF-8) or bytes.

    Returns:
        The path of the file.

    Raises:
        OSError: The folder is not writable or the disk is full; an existing file is
            left unchanged.
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
        # mkstemp creates private files; apply the permissions of ordinary files.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        # Report the target: the error has no file name or that of the temporary file.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading, without blocking on any other kind of file.

    Opening a named pipe blocks until another process writes to it, and a device may
    return data without end.

    Args:
        path: The file, or a link to a regular file.

    Returns:
        The open binary file.

    Raises:
        OSError: The file cannot be opened, or is a pipe, a socket, a device or a
            folder, as ``strerror`` reports; ``filename`` is the path.
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
        # Open by path so that error messages contain it instead of a file descriptor.
        return open(name, 'rb', opener=lambda *_: handle)
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | Path, max_bytes: int) -> bytes:
    """Read a whole file of bounded size.

    Args:
        path: The file.
        max_bytes: Maximum size of the file, in bytes.

    Returns:
        The content.

    Raises:
        OSError: See :func:`open_regular`; also if the file is too large (``EFBIG``).
    """
    with open_regular(path) as file:
        # Check the size first: a sparse file is larger than its blocks on disk.
        large = os.fstat(file.fileno()).st_size > max_bytes
        content = b'' if large else file.read(max_bytes + 1)
    if large or len(content) > max_bytes:
        text = f'is larger than the limit of {max_bytes:,} bytes for such files'
        raise OSError(errno.EFBIG, text, str(path))
    return content


def clear_half_written(folder: str | Path, name: str = '') -> None:
    """Remove the temporary files of calls of :func:`atomic_write` that were killed.

    Files that another process may still be writing are kept, since two processes can
    share a folder on a file system without locks. For a process on another machine,
    these are the files younger than an hour.

    Args:
        folder: The folder; its sub-folders are not searched.
        name: Name of the target file, without wildcards. Defaults to '': any.
    """
    for path in Path(folder).glob(f'.{name}*{_HALF_WRITTEN}'):
        found = re.search(rf'\.({TAG})\.[^.]*{re.escape(_HALF_WRITTEN)}$', path.name)
        if found:
            try:
                age = time.time() - path.stat().st_mtime
            except FileNotFoundError:
                continue
            if not is_abandoned(found[1], age, _ABANDONED_AFTER):
                continue
        path.unlink(missing_ok=True)
