"""Folds that fail while the others of their run go on."""

import errno
import sys

from tqdm import tqdm

from ...evaluation.predictions import MissingClipNameError
from ...utils.cli.command_line import explained
from ...utils.errors import ConfigError, FoldsFailed, MERDataError, MERRunError
from .tasks import FoldTask

# What a machine refuses to every fold alike.
_FULL = {errno.EDQUOT, errno.ENOSPC, errno.EROFS}


def of_one_fold(error: BaseException) -> bool:
    """Tell whether the other folds of a run may well succeed after an error.

    A mistake in the config, a full disk and memory that ran out affect them all.

    >>> of_one_fold(MERDataError('clip a: cannot be read'))
    True
    >>> of_one_fold(ConfigError('no such optimizer'))
    False
    >>> of_one_fold(OSError(errno.ENOSPC, 'No space left on device'))
    False
    """
    if isinstance(error, OSError) and not isinstance(error, MERRunError):
        return error.errno not in _FULL and explained(error) is not None
    known = isinstance(error, MERDataError | MERRunError)
    return known and not isinstance(error, ConfigError | MissingClipNameError)


class Failures:
    """The folds of a run that failed: each is told at once, all are told at the end.

    Args:
        total: Number of folds of the run.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._reasons: dict[str, list[FoldTask]] = {}

    def __bool__(self) -> bool:
        """Tell whether any fold failed."""
        return bool(self._reasons)

    def note(self, job: FoldTask, error: Exception) -> None:
        """Keep the failure of a fold.

        Raises:
            Exception: ``error`` itself, where it is not of this fold alone.
        """
        if not of_one_fold(error):
            raise error
        self.add(job, explained(error) or str(error))

    def add(self, job: FoldTask, reason: str) -> None:
        """Keep why a fold failed, and write it into the folder of the fold."""
        # A fold that diverged has written so itself.
        if job.folder.state().get('status') == 'diverged':
            reason = job.folder.why_missing()
            say(f'{job} {reason}: its loss or its weights are not finite from there on')
        else:
            job.folder.fail(reason, job.details())
            say(f'{job} failed: {reason}')
        self._reasons.setdefault(reason, []).append(job)

    def end(self) -> None:
        """End a strategy.

        Raises:
            FoldsFailed: A fold failed.
        """
        if self:
            number = sum(map(len, self._reasons.values()))
            shown = '\n  '.join(
                f'{", ".join(map(str, some))}: {reason}'
                for reason, some in self._reasons.items()
            )
            raise FoldsFailed(f'{number} of {self.total} folds failed:\n  {shown}')


def say(text: str) -> None:
    """Write a line on stderr, above the progress bar."""
    tqdm.write(text, file=sys.stderr)
