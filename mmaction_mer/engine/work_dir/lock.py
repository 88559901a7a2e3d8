"""One run at a time in a work directory."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ...utils.errors import MERRunError
from ...utils.locks import FileLock


class WorkDirLockedError(MERRunError):
    """Another process is training in a work directory."""


class WorkDirLock:
    """Lock a work directory until the end of a ``with`` block, or of the process.

    :meth:`take` acquires the lock inside the block. Processes forked meanwhile, such as
    the workers of a data loader, do not hold it: it is free as soon as the process that
    took it ends. Shares of one run (``loso.share``) hold it together, each share once.

    Args:
        work_dir: The directory; created if it does not exist.
        share: The share ``(k, n)`` of the folds that this process trains. Defaults to
            None, for all folds.
        of: Identifies the list of folds that is divided into shares, if it is not all:
            shares of different lists may overlap. Defaults to ''.
    """

    def __init__(
        self, work_dir: Path, share: Sequence[int] | None = None, of: str = ''
    ) -> None:
        self.work_dir = work_dir
        self.share = share
        self.of = f'-{of}' if of else ''
        self._locks: list[FileLock] = []

    def __enter__(self) -> 'WorkDirLock':
        """Return the lock, which is not taken yet."""
        return self

    def take(self) -> None:
        """Acquire the lock without waiting.

        Raises:
            WorkDirLockedError: Another process holds it; nothing was changed.
            MERRunError: There is a file in place of the directory.
        """
        try:
            self.work_dir.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise MERRunError(
                'cannot be a folder, since there is a file in its place',
                path=self.work_dir,
                hint='choose another --work-dir',
            ) from error
        self._take('.lock', bool(self.share), 'this directory')
        if self.share:
            number, count = self.share
            self._take(f'.lock-{number}-of-{count}{self.of}', False, 'this share')
            self._check_other_shares(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock. The file stays: without it two processes could get in."""
        self._release()

    def _take(self, name: str, shared: bool, what: str) -> None:
        lock = FileLock(self.work_dir / name, shared)
        if not lock.acquire():
            self._release()
            raise WorkDirLockedError(
                f'another process is training in {what}',
                path=self.work_dir,
                hint='wait until it ends (then continue with --resume), or choose '
                'another --work-dir',
            )
        self._locks.append(lock)

    def _check_other_shares(self, count: int) -> None:
        """Check that no share of another division is held: the folds would overlap."""
        # This lock is already taken: of two processes that come together, one sees the
        # other.
        for path in sorted(self.work_dir.glob('.lock-*-of-*')):
            if path.name.endswith(f'-of-{count}{self.of}'):
                continue
            with FileLock(path) as lock:
                free = lock.acquire()
            if not free:
                self._release()
                raise WorkDirLockedError(
                    f'another process is training share '
                    f'{"/".join(path.name.split("-")[1:4:2])}, which may have folds in '
                    f'common with a share of {count}',
                    path=self.work_dir,
                    hint='use the same number of shares of the same folds everywhere, '
                    'or wait until it ends',
                )

    def _release(self) -> None:
        for lock in self._locks:
            lock.release()
        self._locks.clear()
