"""One run at a time in a work directory."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ...utils.errors import MERRunError
from ...utils.locks import FileLock


class WorkDirLockedError(MERRunError):
    """Another process is training in a work directory."""


class WorkDirLock:
    """Hold a work directory until the end of a ``with`` block, or of the process.

    Inside the block :meth:`take` takes it. Processes forked meanwhile, such as a data
    loader's, do not hold it: it is free as soon as the one that took it ends.

    Shares of one run (``loso.share``) hold it together, each share once.

    Args:
        work_dir: The directory; made where it is not there.
        share: The share ``(k, n)`` that this process trains, or None for all.
        of: What is shared, where it is not all: shares of another list may overlap.

    :meth:`take` raises :class:`WorkDirLockedError` where another process holds it, and
    nothing was touched; or ``MERRunError`` where a file is in its place.
    """

    def __init__(
        self, work_dir: Path, share: Sequence[int] | None = None, of: str = ''
    ) -> None:
        self.work_dir = work_dir
        self.share = share
        self.of = f'-{of}' if of else ''
        self._locks: list[FileLock] = []

    def __enter__(self) -> 'WorkDirLock':
        """Take nothing yet."""
        return self

    def take(self) -> None:
        """Take the lock, or say who has it."""
        try:
            self.work_dir.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise MERRunError(
                f'{self.work_dir} cannot be a folder, since there is a file in its '
                f'place: choose another --work-dir'
            ) from error
        self._take('.lock', bool(self.share), 'this directory')
        if self.share:
            number, count = self.share
            self._take(f'.lock-{number}-of-{count}{self.of}', False, 'this share')
            self._refuse_other_shares(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go. The file stays: taking it away would let two processes in."""
        self._let_go()

    def _take(self, name: str, shared: bool, what: str) -> None:
        lock = FileLock(self.work_dir / name, shared)
        if not lock.take():
            self._let_go()
            raise WorkDirLockedError(
                f'{self.work_dir}: another process is training in {what}; wait until '
                f'it ends (then go on with --resume), or choose another --work-dir'
            )
        self._locks.append(lock)

    def _refuse_other_shares(self, count: int) -> None:
        """Refuse shares that are cut otherwise: a fold would be in two of them."""
        # One's own lock is taken before: of two that come together, one sees the other.
        for path in sorted(self.work_dir.glob('.lock-*-of-*')):
            if path.name.endswith(f'-of-{count}{self.of}'):
                continue
            with FileLock(path) as lock:
                free = lock.take()
            if not free:
                self._let_go()
                raise WorkDirLockedError(
                    f'{self.work_dir}: another process is training a share '
                    f'{"/".join(path.name.split("-")[1:4:2])}, which may hold the same '
                    f'folds as a share of {count}: give all the same number of shares '
                    f'of the same folds, or wait until it ends'
                )

    def _let_go(self) -> None:
        for lock in self._locks:
            lock.release()
        self._locks.clear()
