"""The page's private folder: made with a lock, and removed whatever ends the page."""

import atexit
import fcntl
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ..utils.errors import MERRunError

#: How the folders of all pages begin, in the system's folder for temporary files.
PREFIX = 'mmaction_mer_page_'
_LOCK = '.lock'
_log = logging.getLogger(__name__)


class PageFolder:
    """A folder of mode 0700 for all that a page keeps.

    A lock in it is held as long as this process lives, so that another one can tell a
    folder in use from one whose owner was killed.

    Attributes:
        path: Where it is.

    Raises:
        MERRunError: No folder can be made; the message says where and why.
    """

    def __init__(self) -> None:
        self._lock: int | None = None
        self._removed = False
        self._owner = os.getpid()
        # A page that starts at the same time may clear the new folder before it is
        # locked; then there will be another.
        while self._lock is None:
            try:
                self.path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
            except OSError as error:
                raise MERRunError(
                    f'the page cannot make a folder for uploads in '
                    f'{tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a '
                    f'folder that can be written'
                ) from error
            try:
                self._lock = _locked(self.path)
            except OSError:
                break  # a file system without locks: nobody clears what is there
        atexit.register(self.remove)

    def remove(self) -> None:
        """Remove the folder with all that is in it; a second time does nothing."""
        # A forked process inherits the object, and what is to be done at its exit.
        if self._removed or os.getpid() != self._owner:
            return
        self._removed = True
        atexit.unregister(self.remove)
        _remove(self.path)
        if self._lock is not None:
            os.close(self._lock)


def clear_left_behind() -> list[Path]:
    """Remove the folders of pages that were killed before they could do it.

    Only folders of this user are looked at, no links, and none that a living process
    has locked.

    Returns:
        What was removed.
    """
    place = Path(tempfile.gettempdir()).resolve()
    removed = []
    for path in sorted(place.glob(f'{PREFIX}*')):
        try:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            lock = _locked(path)
        except OSError:
            # Without a lock one cannot tell whose it is: it stays.
            continue
        if lock is not None:
            _remove(path)
            os.close(lock)
            removed.append(path)
    return removed


def _locked(folder: Path) -> int | None:
    """Lock a folder; None where another process has it, or has just removed it.

    Raises:
        OSError: The file system has no locks, or the folder cannot be written.
    """
    try:
        handle = os.open(
            folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.stat(folder / _LOCK)):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _remove(folder: Path) -> None:
    # Under another name first: whoever still writes into it by its path cannot make
    # a file after its folder was emptied.
    going = folder.with_name(f'{folder.name}_removed')
    try:
        folder.rename(going)
    except FileNotFoundError:
        return
    except OSError:
        going = folder
    shutil.rmtree(going, ignore_errors=True)
    if going.exists():
        _log.warning('%s: cannot be removed; remove it by hand', going)
