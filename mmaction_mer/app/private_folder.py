"""Private temporary folder of the page, which is removed however the page ends."""

import atexit
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ..utils.errors import MERRunError
from ..utils.locks import FileLock

#: Prefix of the folders of all pages, in the system's folder for temporary files.
PREFIX = 'mmaction_mer_app_'
_log = logging.getLogger(__name__)


class PrivateFolder:
    """A folder of mode 0700 for all files of a page.

    It is locked as long as this process lives, so that the next page can tell a folder
    in use from one whose process was killed.

    Attributes:
        path: The folder.

    Raises:
        MERRunError: No folder can be created.
    """

    def __init__(self) -> None:
        self._removed = False
        self._owner = os.getpid()
        while True:
            try:
                self.path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
            except OSError as error:
                raise MERRunError(
                    f'no folder for uploads can be created ({error.strerror})',
                    path=tempfile.gettempdir(),
                    hint='set TMPDIR to a folder that can be written',
                ) from error
            lock = _take_lock(self.path)
            # Another page may remove the new folder before it is locked.
            if lock is not None:
                break
        self._lock = lock
        atexit.register(self.remove)

    def remove(self) -> None:
        """Remove the folder and its content; calling it again does nothing."""
        # A forked process inherits this object and its exit handler.
        if self._removed or os.getpid() != self._owner:
            return
        self._removed = True
        atexit.unregister(self.remove)
        _remove(self.path)
        self._lock.release()


def remove_stale_folders() -> list[Path]:
    """Remove the folders of pages that were killed.

    Links, folders of other users and folders that a living process has locked are left
    alone.

    Returns:
        The folders that were removed.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    removed = []
    for path in sorted(temporary.glob(f'{PREFIX}*')):
        try:
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = _take_lock(path)
        except OSError:
            continue
        if lock is not None:
            _remove(path)
            lock.release()
            removed.append(path)
    return removed


def _take_lock(folder: Path) -> FileLock | None:
    """Lock a folder; return None if it is locked by another page, or just removed."""
    lock = FileLock(folder, folder=True)
    try:
        if lock.acquire() and lock.in_place():
            return lock
    except FileNotFoundError:
        pass
    lock.release()
    return None


def _remove(folder: Path) -> None:
    # Renamed first, so that a request in progress cannot create a file in it by its
    # path after it was emptied.
    removed = folder.with_name(f'{folder.name}_removed')
    try:
        folder.rename(removed)
    except FileNotFoundError:
        return
    except OSError:
        removed = folder
    shutil.rmtree(removed, ignore_errors=True)
    if removed.exists():
        _log.warning('%s: cannot be removed; remove it by hand', removed)
