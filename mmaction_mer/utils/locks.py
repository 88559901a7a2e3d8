"""One process at a time: locks on files and folders, also where there is no flock."""

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

from .process_tags import TAG, on_this_machine, process_is_gone, process_tag

#: Seconds between two signs of life of who holds a lock without flock.
_BEAT = 20.0
#: After so many seconds without one, a holder on another machine counts as ended.
_STALE = 300.0
#: How often a lock without flock is tried for, since two that come together both yield.
_TRIES = 6

_held: set['FileLock'] = set()
_told: set[str] = set()


def _forget() -> None:
    """Let go, in a process just forked, of what its parent holds."""
    for lock in _held:
        lock._forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget)


class FileLock:
    """A lock on a file or a folder, held until it is released or the process ends.

    It is the system's own (``flock``), so that any program can hold it. Some network
    file systems have none. There a file beside it, ``.held.*``, stands for it: its name
    says whose it is, and its time of change, renewed every 20 seconds, that its owner
    lives. That of a process that has ended counts no more: at once on the same
    machine, and after five minutes from another one. A warning says so once, since two
    machines may see each other's files too late.

    Processes forked meanwhile, such as a data loader's, do not hold it.

    Args:
        path: The file, made where it is not there; or a folder that is there.
        shared: Hold it together with others that take it so.
        folder: It is a folder, of which no file is made where it has just gone.
    """

    def __init__(self, path: Path, shared: bool = False, folder: bool = False) -> None:
        self.path = Path(path)
        self.shared, self.folder = shared, folder
        self._handle: int | None = None
        self._marker: Path | None = None
        self._over = threading.Event()

    def take(self) -> bool:
        """Take the lock without waiting for it.

        Returns:
            False where another process, or another lock of this one, holds it.

        Raises:
            OSError: The file cannot be opened, or is a pipe, a socket or a device; the
                folder is none, or is not there.
        """
        kind = fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX
        how = os.O_DIRECTORY if self.folder else os.O_RDWR | os.O_CREAT
        name = os.fspath(self.path)
        handle = os.open(name, how | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        mode = os.fstat(handle).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            os.close(handle)
            raise OSError(errno.EINVAL, 'is neither a file nor a folder', name)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            self._warn(error)
            if not self._mark():
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
        """Let go. The file stays: taking it away would let two processes in."""
        self._over.set()
        if self._handle is not None:
            os.close(self._handle)
        if self._marker is not None:
            self._marker.unlink(missing_ok=True)
        self._handle = self._marker = None
        _held.discard(self)

    def __enter__(self) -> 'FileLock':
        """Take nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go."""
        self.release()

    def _forget(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = self._marker = None

    def _warn(self, error: OSError) -> None:
        # Imported here: nothing else in this file needs the host.
        from mmengine.logging import print_log

        folder = str(self.path.parent)
        if folder not in _told:
            _told.add(folder)
            print_log(
                f'{folder}: its file system has no locks ({error.strerror}): a file '
                f'stands in for one, but does not surely keep a second start on '
                f'another machine out of this directory; start one at a time',
                'current',
                logging.WARNING,
            )

    def _mark(self) -> bool:
        """Leave a file that says who is here, unless somebody else is."""
        for number in range(_TRIES):
            if number:
                time.sleep(random.uniform(0.02, 0.4))
            kind = 's' if self.shared else 'x'
            name = f'{self._prefix}{kind}.{process_tag()}.{secrets.token_hex(4)}'
            marker = self.path.parent / name
            os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            # Its own is there before it looks: of two that come together, one at least
            # sees the other.
            if not self._others(marker):
                self._marker = marker
                beat = threading.Thread(target=_beat, args=(marker, self._over))
                beat.daemon = True
                beat.start()
                return True
            marker.unlink(missing_ok=True)
        return False

    @property
    def _prefix(self) -> str:
        return f'.held.{self.path.name.lstrip(".")}.'

    def _others(self, own: Path) -> list[Path]:
        """List who is here and in the way; remove what those who ended have left."""
        # By the clock of the file system, which all machines share.
        now = own.stat().st_mtime
        found = []
        for path, kind, tag in self._markers():
            if path == own or (self.shared and kind == 's'):
                continue
            with contextlib.suppress(FileNotFoundError):
                silent = now - path.stat().st_mtime > _STALE
                if process_is_gone(tag) or (silent and not on_this_machine(tag)):
                    path.unlink()
                else:
                    found.append(path)
        return found

    def _markers(self) -> Iterator[tuple[Path, str, str]]:
        pattern = re.compile(rf'{re.escape(self._prefix)}([sx])\.({TAG})\.[0-9a-f]+')
        for name in os.listdir(self.path.parent):
            if match := pattern.fullmatch(name):
                yield self.path.parent / name, match[1], match[2]


def _beat(marker: Path, over: threading.Event) -> None:
    while not over.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(marker)
