"""Store the files that visitors upload, and delete them in time."""

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

#: Largest total size of all uploads in bytes, and their largest number.
MAX_BYTES, MAX_UPLOADS = 1 << 30, 256
#: Seconds that an upload is kept without a request for it, and while one is waiting.
UNREAD_SECONDS, WAITING_SECONDS = 600.0, 1800.0
#: Seconds between two sweeps.
SWEEP_SECONDS = 30.0
_FULL = 'the page cannot store more clips at the moment; upload yours again later'
_CLOSED = 'the page is shutting down'
_log = logging.getLogger(__name__)


class StorageFullError(Exception):
    """An upload cannot be stored; the message has the reason."""


@dataclass(eq=False)
class Upload:
    """One uploaded file, in a folder of its own.

    Attributes:
        path: The file.
        size: Bytes received so far.
        expires: Time of deletion in seconds of the monotonic clock; None while the file
            is being received.
        waiting: Number of requests for it that have not ended.
        readers: Number of requests that use it now.
        file: Open for writing while the file is being received.
    """

    path: Path
    size: int = 0
    expires: float | None = None
    waiting: int = 0
    readers: int = 0
    file: BinaryIO | None = None


class Uploads:
    """The files of visitors, each under a path that cannot be guessed.

    Two visitors who upload the same content have two files, which are deleted
    independently.

    Args:
        folder: Folder for the files, created here.
        total: Largest total size in bytes. Defaults to 1 GiB.
        unread: Seconds that a file is kept without a request. Defaults to 600.
        waiting: Seconds that a file is kept while a request waits. Defaults to 1800.
    """

    def __init__(
        self,
        folder: str | Path,
        total: int = MAX_BYTES,
        unread: float = UNREAD_SECONDS,
        waiting: float = WAITING_SECONDS,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.total, self.unread, self.waiting = total, unread, waiting
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()

    def begin(self, name: str) -> Upload:
        """Create an upload whose content is about to arrive.

        Args:
            name: Name of the visitor's file; only safe characters are kept.

        Raises:
            StorageFullError: The page is shutting down, or there is no space.
        """
        with self._lock:
            if self._closed.is_set():
                raise StorageFullError(_CLOSED)
            if len(self._uploads) >= MAX_UPLOADS:
                raise StorageFullError(_FULL)
            folder = self.folder / secrets.token_hex(16)
            upload = Upload(folder / safe_name(name))
            with _disk_errors():
                try:
                    folder.mkdir(mode=0o700)
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    handle = os.open(upload.path, flags, 0o600)
                except OSError:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
            upload.file = os.fdopen(handle, 'wb')
            self._uploads[folder.name] = upload
            return upload

    def write(self, upload: Upload, data: bytes) -> None:
        """Append received bytes to an upload.

        Raises:
            StorageFullError: The page is shutting down, or there is no space.
        """
        with self._lock, _disk_errors():
            file = _open_file(upload)
            used = sum(one.size for one in self._uploads.values())
            if used + len(data) > self.total:
                raise StorageFullError(_FULL)
            upload.size += len(data)
            file.write(data)

    def finish(self, upload: Upload) -> Path:
        """Complete an upload.

        Returns:
            Its path, by which the visitor refers to it.

        Raises:
            StorageFullError: The page is shutting down, or there is no space.
        """
        with self._lock, _disk_errors():
            _open_file(upload).close()
            upload.file = None
            upload.expires = time.monotonic() + self.unread
            return upload.path

    def discard(self, upload: Upload) -> None:
        """Delete an upload in any state."""
        with self._lock:
            self._uploads.pop(upload.path.parent.name, None)
            if upload.file is not None:
                try:
                    upload.file.close()
                except OSError:
                    pass  # no space for buffered bytes, which are deleted anyway
                upload.file = None
            shutil.rmtree(upload.path.parent, ignore_errors=True)

    def find(self, path: object) -> Upload | None:
        """Return the complete upload whose path :meth:`finish` returned.

        Args:
            path: Any value that a client sent.

        Returns:
            None if it is not the path of an upload.
        """
        if not isinstance(path, str):
            return None
        with self._lock:
            upload = self._uploads.get(Path(path).parent.name)
            if upload is None or upload.file is not None or str(upload.path) != path:
                return None
            return upload

    def reserve(self, paths: Iterable[str]) -> None:
        """Keep uploads longer, because a request for them is waiting in the queue."""
        with self._lock:
            for upload in self._find_all(paths):
                upload.waiting += 1
                upload.expires = time.monotonic() + self.waiting

    def release(self, paths: Iterable[str]) -> None:
        """Undo :meth:`reserve`, after the request has ended or was rejected."""
        with self._lock:
            for upload in self._find_all(paths):
                upload.waiting = max(0, upload.waiting - 1)
                if not upload.waiting:
                    upload.expires = time.monotonic() + self.unread

    @contextmanager
    def open(self, path: str | Path) -> Iterator[Path]:
        """Use an upload, and delete it after the last request for it.

        Args:
            path: As returned by :meth:`finish`.

        Raises:
            MERDataError: There is no such upload, or no longer.
        """
        with self._lock:
            upload = self.find(str(path))
            if upload is None:
                raise MERDataError(
                    'this clip is no longer stored: a clip is deleted after '
                    'prediction, or when it waits for too long; upload it again'
                )
            upload.readers += 1
        try:
            yield upload.path
        finally:
            with self._lock:
                upload.readers -= 1
                # The request that ends here is still counted among those waiting.
                if not upload.readers and upload.waiting <= 1:
                    self.discard(upload)

    def sweep(self) -> int:
        """Delete expired uploads, and old files that are no uploads.

        Returns:
            Number of deleted uploads and files.
        """
        now, removed = time.monotonic(), 0
        with self._lock:
            for upload in list(self._uploads.values()):
                due = upload.expires is not None and upload.expires <= now
                if due and not upload.readers:
                    self.discard(upload)
                    removed += 1
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                if path.name not in self._uploads and _age(path) >= self.unread:
                    _delete(path)
                    removed += 1
        return removed

    def start_sweeping(self, interval: float = SWEEP_SECONDS) -> None:
        """Sweep regularly in a thread until :meth:`close`.

        Args:
            interval: Seconds between two sweeps. Defaults to 30.
        """

        def run() -> None:
            while not self._closed.wait(interval):
                try:
                    self.sweep()
                except OSError as error:
                    _log.warning('uploads cannot be swept: %s', error)

        threading.Thread(target=run, name='uploads', daemon=True).start()

    def close(self) -> None:
        """Delete all uploads and accept no more."""
        with self._lock:
            self._closed.set()
            for upload in list(self._uploads.values()):
                self.discard(upload)

    def _find_all(self, paths: Iterable[str]) -> list[Upload]:
        found = (self.find(path) for path in set(paths))
        return [upload for upload in found if upload is not None]


def safe_name(name: str) -> str:
    r"""Keep the characters of a file name that are safe in any folder.

    >>> safe_name('../../My face.MP4'), safe_name('C:\\x\0.avi'), safe_name('..')
    ('My face.MP4', 'x_.avi', 'clip')
    """
    name = re.split(r'[/\\]', name)[-1]
    name = re.sub(r'[^\w .()+-]', '_', name).strip(' .')
    stem, dot, suffix = name.rpartition('.')
    # File systems allow 255 bytes, and a character may have four.
    return f'{stem[:50]}.{suffix[:10]}' if dot else suffix[:50] or 'clip'


def _open_file(upload: Upload) -> BinaryIO:
    if upload.file is None:
        raise StorageFullError(_CLOSED)
    return upload.file


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFullError(
            f'the clip cannot be stored: {error.strerror}'
        ) from error


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
