"""What visitors have sent: who may read it, how much it may be, and when it goes."""

import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..utils.errors import MERDataError

#: Bytes of all uploads together, and their number.
TOTAL, MOST = 1 << 30, 256
#: Seconds that an upload is kept which nobody has read, and one whose reading waits.
UNREAD, WAITING = 600.0, 1800.0
#: Seconds between two sweeps.
EVERY = 30.0
_FULL = 'the page holds as many clips as it can; send yours again later'
_log = logging.getLogger(__name__)


class NoRoomError(Exception):
    """There is no room for an upload; the text says why."""


@dataclass(eq=False)
class Upload:
    """One file that was sent, in a folder of its own.

    Attributes:
        path: The file.
        size: Its bytes so far.
        until: When it is swept, in seconds of the monotonic clock; None while it
            arrives.
        waiting: Readings that were asked for and have not ended.
        reading: Readings that use it now.
        file: Open for writing, while it arrives.
    """

    path: Path
    size: int = 0
    until: float | None = None
    waiting: int = 0
    reading: int = 0
    file: BinaryIO | None = None


class Uploads:
    """The files that visitors have sent, each under a name that nobody can guess.

    Two visitors who send the same file have two files: whoever reads one removes none
    but that one.

    Args:
        folder: Where they are kept; made here.
        total: Bytes of all together.
        unread: Seconds that one is kept which nobody reads.
        waiting: Seconds that one is kept whose reading was asked for.
    """

    def __init__(
        self,
        folder: str | Path,
        total: int = TOTAL,
        unread: float = UNREAD,
        waiting: float = WAITING,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.total, self.unread, self.waiting = total, unread, waiting
        self._kept: dict[str, Upload] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()

    def begin(self, name: str) -> Upload:
        """Make a place for a file that is about to arrive.

        Args:
            name: What the visitor calls it; only harmless characters are kept.

        Raises:
            NoRoomError: The page is ending, or the disk has no room.
        """
        with self._lock:
            if self._closed.is_set():
                raise NoRoomError('the page is ending')
            if len(self._kept) >= MOST:
                raise NoRoomError(_FULL)
            own = self.folder / secrets.token_hex(16)
            upload = Upload(own / harmless(name))
            try:
                own.mkdir(mode=0o700)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                handle = os.open(upload.path, flags, 0o600)
                upload.file = os.fdopen(handle, 'wb')
            except OSError as error:
                shutil.rmtree(own, ignore_errors=True)
                raise _no_room(error) from error
            self._kept[own.name] = upload
            return upload

    def write(self, upload: Upload, data: bytes) -> None:
        """Add what has arrived of a file.

        Raises:
            NoRoomError: It is more than all uploads may have, or the disk has no room.
        """
        with self._lock:
            if upload.file is None:
                raise NoRoomError('the page is ending')
            if sum(one.size for one in self._kept.values()) + len(data) > self.total:
                raise NoRoomError(_FULL)
            upload.size += len(data)
            try:
                upload.file.write(data)
            except OSError as error:
                raise _no_room(error) from error

    def finish(self, upload: Upload) -> Path:
        """Keep a file that has arrived, for a while.

        Returns:
            Its path, by which the visitor asks for a reading.

        Raises:
            NoRoomError: The page is ending, or the disk has no room.
        """
        with self._lock:
            if upload.file is None:
                raise NoRoomError('the page is ending')
            try:
                upload.file.close()
            except OSError as error:
                raise _no_room(error) from error
            upload.file = None
            upload.until = time.monotonic() + self.unread
            return upload.path

    def drop(self, upload: Upload) -> None:
        """Remove a file, whatever is going on with it."""
        with self._lock:
            self._kept.pop(upload.path.parent.name, None)
            if upload.file is not None:
                try:
                    upload.file.close()
                except OSError:
                    pass  # what was buffered has no room; it goes anyway
                upload.file = None
            shutil.rmtree(upload.path.parent, ignore_errors=True)

    def expect(self, paths: Iterable[str]) -> None:
        """Keep files longer: their reading was asked for, and waits for its turn."""
        with self._lock:
            for upload in self._known(paths):
                upload.waiting += 1
                upload.until = time.monotonic() + self.waiting

    def settle(self, paths: Iterable[str]) -> None:
        """Take back :meth:`expect`: what was asked for has ended, or was refused."""
        with self._lock:
            for upload in self._known(paths):
                upload.waiting = max(0, upload.waiting - 1)
                if not upload.waiting and upload.until is not None:
                    upload.until = time.monotonic() + self.unread

    def holds(self, path: object) -> bool:
        """Tell a file that was sent here from any other that a client names."""
        if not isinstance(path, str):
            return False
        try:
            file = Path(path).resolve(strict=True)
            return file.is_file() and file.parent.parent == self.folder
        except (OSError, ValueError):
            return False

    @contextmanager
    def reading(self, path: str | Path) -> Iterator[Path]:
        """Use a file, and remove it when the last one who asked for it is done.

        Args:
            path: As :meth:`finish` gave it.

        Raises:
            MERDataError: It is not here, or no longer.
        """
        with self._lock:
            if not self.holds(str(path)):
                raise MERDataError(
                    'this clip is no longer here: a clip is deleted once it is read, '
                    'or when it waits for too long; drop it again'
                )
            file = Path(path).resolve()
            upload = self._kept.setdefault(file.parent.name, Upload(file))
            upload.reading += 1
        try:
            yield file
        finally:
            with self._lock:
                upload.reading -= 1
                # The reading that ends is still among those waited for.
                if not upload.reading and upload.waiting <= 1:
                    self.drop(upload)

    def sweep(self) -> int:
        """Remove what nobody has read in time, and what nobody knows of.

        Returns:
            How many were removed.
        """
        now, removed = time.monotonic(), 0
        with self._lock:
            for upload in list(self._kept.values()):
                due = upload.until is not None and upload.until <= now
                if due and not upload.reading:
                    self.drop(upload)
                    removed += 1
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                if path.name not in self._kept and _age(path) >= self.unread:
                    _remove(path)
                    removed += 1
        return removed

    def watch(self, every: float = EVERY) -> None:
        """Sweep again and again, in a thread, until the end."""

        def run() -> None:
            while not self._closed.wait(every):
                try:
                    self.sweep()
                except OSError as error:
                    _log.warning('uploads cannot be swept: %s', error)

        threading.Thread(target=run, name='uploads', daemon=True).start()

    def close(self) -> None:
        """Remove all, and take no more."""
        with self._lock:
            self._closed.set()
            for upload in list(self._kept.values()):
                self.drop(upload)

    def _known(self, paths: Iterable[str]) -> Iterator[Upload]:
        for path in set(paths):
            upload = self._kept.get(Path(path).parent.name)
            if upload is not None and str(upload.path) == path:
                yield upload


def harmless(name: str) -> str:
    r"""Keep of a file's name what is safe in any folder, its ending included.

    >>> harmless('../../My face.MP4'), harmless('C:\\x\0.avi'), harmless('..')
    ('My face.MP4', 'x_.avi', 'clip')
    """
    name = re.split(r'[/\\]', name)[-1]
    name = re.sub(r'[^\w .()+-]', '_', name).strip(' .')
    stem, dot, ending = name.rpartition('.')
    # File systems take 255 bytes, and a character may have four.
    return f'{stem[:50]}.{ending[:10]}' if dot else ending[:50] or 'clip'


def _no_room(error: OSError) -> NoRoomError:
    return NoRoomError(f'the page cannot keep the clip: {error.strerror}')


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
