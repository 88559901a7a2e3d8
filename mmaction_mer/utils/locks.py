"""Locks on files and folders, also on file systems without ``flock``."""

import contextlib
import errno
import fcntl
import logging
import os
import random
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from .process_tags import TAG, is_abandoned, process_tag

#: Seconds between two updates of the marker file of a lock without flock.
_BEAT = 20.0
#: Seconds without an update after which a holder on another machine counts as ended.
_STALE = 300.0
#: Attempts to acquire a lock without flock; of two simultaneous attempts both may fail.
_TRIES = 6

_held: set['FileLock'] = set()
_warned: set[str] = set()


def _drop_inherited() -> None:
    """Drop the locks of the parent in a newly forked process."""
    for lock in _held:
        lock._close()
    _held.clear()


os.register_at_fork(after_in_child=_drop_inherited)


class FileLock:
    """A lock on a file or a folder, held until it is released or the process ends.

    The lock is that of the system (``flock``), which is released even if the process is
    killed. Some network file systems do not support it. There the lock is a marker file
    ``.held.*`` next to the file: its name identifies the process, and its modification
    time, updated every 20 seconds, shows that the process is alive. The marker of a
    process that has ended is ignored, at once on the same machine and after five
    minutes on another one. A warning is logged once per folder, since two machines may
    see each other's files too late.

    Processes forked in the meantime, such as workers of a data loader, do not hold it.

    Args:
        path: The file, created if it is missing; or an existing folder.
        shared: Share the lock with other shared locks. Defaults to False.
        folder: ``path`` is a folder, which is never created. Defaults to False.
    """

    def __init__(self, path: Path, shared: bool = False, folder: bool = False) -> None:
        self.path = Path(path)
        self.shared, self.folder = shared, folder
        self._handle: int | None = None
        self._marker: Path | None = None
        self._released = threading.Event()

    def acquire(self) -> bool:
        """Acquire the lock without waiting.

        Returns:
            False if another process, or another lock of this process, holds it.

        Raises:
            OSError: The file cannot be opened, or is a pipe, a socket or a device; or
                the folder does not exist or is not a folder.
        """
        kind = fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX
        how = os.O_DIRECTORY if self.folder else os.O_RDWR | os.O_CREAT
        name = os.fspath(self.path)
        handle = os.open(name, how | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        mode = os.fstat(handle).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            os.close(handle)
            raise OSError(errno.EINVAL, 'is not a file or a folder', name)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            self._warn(error)
            if not self._acquire_marker():
                return False
        else:
            self._handle = handle
        _held.add(self)
        return True

    def in_place(self) -> bool:
        """Return whether the locked file or folder is still the one at the path."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        return self._handle is None or os.path.samestat(os.fstat(self._handle), found)

    def release(self) -> None:
        """Release the lock. The file is kept: two processes could lock a new one."""
        self._released.set()
        if self._marker is not None:
            self._marker.unlink(missing_ok=True)
        self._close()
        _held.discard(self)

    def __enter__(self) -> 'FileLock':
        """Return the lock, which is not acquired yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock."""
        self.release()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = self._marker = None

    def _warn(self, error: OSError) -> None:
        # Imported here since nothing else in this file needs mmengine.
        from mmengine.logging import print_log

        folder = str(self.path.parent)
        if folder not in _warned:
            _warned.add(folder)
            print_log(
                f'{folder}: the file system does not support locks '
                f'({error.strerror}). A marker file is used instead, which may not '
                f'prevent a process on another machine from using this directory at '
                f'the same time: start one process at a time',
                'current',
                logging.WARNING,
            )

    def _acquire_marker(self) -> bool:
        """Create a marker file, unless another process has one."""
        for number in range(_TRIES):
            if number:
                time.sleep(random.uniform(0.02, 0.4))
            kind = 's' if self.shared else 'x'
            name = f'{self._prefix}{kind}.{process_tag()}.{secrets.token_hex(4)}'
            marker = self.path.parent / name
            os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            # The marker is created before the check, so that of two simultaneous
            # processes at least one sees the other.
            if not self._conflicts(marker):
                self._marker = marker
                args = (marker, self._released)
                threading.Thread(target=_keep_alive, args=args, daemon=True).start()
                return True
            marker.unlink(missing_ok=True)
        return False

    @property
    def _prefix(self) -> str:
        return f'.held.{self.path.name.lstrip(".")}.'

    def _conflicts(self, own: Path) -> bool:
        """Return whether there are conflicting markers; remove abandoned ones."""
        # Use the clock of the file system, which all machines share.
        now = own.stat().st_mtime
        found = False
        for path, kind, tag in self._markers():
            if path == own or (self.shared and kind == 's'):
                continue
            with contextlib.suppress(FileNotFoundError):
                if is_abandoned(tag, now - path.stat().st_mtime, _STALE):
                    path.unlink()
                else:
                    found = True
        return found

    def _markers(self) -> Iterator[tuple[Path, str, str]]:
        pattern = re.compile(rf'{re.escape(self._prefix)}([sx])\.({TAG})\.[0-9a-f]+')
        for name in os.listdir(self.path.parent):
            if match := pattern.fullmatch(name):
                yield self.path.parent / name, match[1], match[2]


def _keep_alive(marker: Path, released: threading.Event) -> None:
    while not released.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(marker)
