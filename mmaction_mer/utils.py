"""Small helpers shared by every room: nothing here knows about faces."""

import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Nobody else's hidden files end so.
_HALF_WRITTEN = '.half-written'


def atomic_write(path: str | Path, data: str | bytes) -> Path:
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
    handle, name = tempfile.mkstemp(_HALF_WRITTEN, f'.{path.name}.', path.parent)
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


def clear_half_written(folder: str | Path) -> None:
    """Remove what :func:`atomic_write` left in a folder when it was killed.

    Args:
        folder: The folder, in which nobody else writes meanwhile; its sub-folders are
            left alone.
    """
    for path in Path(folder).glob(f'.*{_HALF_WRITTEN}'):
        path.unlink()


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> Path:
    """Write ``value`` as JSON, atomically (see :func:`atomic_write`).

    NaN and infinity are refused, since they are not JSON and other programs
    could not read the file back.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return atomic_write(path, text + '\n')


def try_lock(handle: int, shared: bool = False) -> bool:
    """Take an open file or folder for this process alone, until it is closed.

    Args:
        handle: Its descriptor.
        shared: Take it together with others that take it so.

    Returns:
        False where another process has it. A file system without locks has no say.
    """
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the host says of its own doings, warnings aside, off the console."""
    # Imported here: nothing else in this file needs the host.
    from mmengine.logging import MMLogger

    # logging.disable would not do: mmengine's loggers remember what was enabled.
    logger = MMLogger.get_current_instance()
    before = logger.level
    logger.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(before)
