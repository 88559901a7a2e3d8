"""Folds that fail while the others of their run go on."""

import errno
from collections.abc import Sequence
from pathlib import Path

from ...evaluation.predictions import MissingClipNameError
from ...utils.cli.command_line import user_message
from ...utils.errors import ConfigError, FoldsFailed, MERDataError, MERRunError
from .console import write_error
from .tasks import FoldTask

# Errors of the file system that every fold meets.
_FULL = {errno.EDQUOT, errno.ENOSPC, errno.EROFS}


def of_one_fold(error: BaseException) -> bool:
    """Return whether the other folds of a run may succeed after an error.

    A mistake in the config, a full disk, and a lack of memory affect all of them.

    >>> of_one_fold(MERDataError('cannot be read', clip='a'))
    True
    >>> of_one_fold(ConfigError('no such optimizer'))
    False
    >>> of_one_fold(OSError(errno.ENOSPC, 'No space left on device'))
    False
    """
    if isinstance(error, OSError) and not isinstance(error, MERRunError):
        return error.errno not in _FULL and user_message(error) is not None
    known = isinstance(error, MERDataError | MERRunError)
    return known and not isinstance(error, ConfigError | MissingClipNameError)


class Failures:
    """The folds of a run that failed: each is reported at once, and all at the end.

    Args:
        total: Number of folds of the run.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._reasons: dict[str, list[FoldTask]] = {}

    def __bool__(self) -> bool:
        """Return whether any fold failed."""
        return bool(self._reasons)

    def record(self, task: FoldTask, error: Exception) -> None:
        """Record the failure of a fold.

        Raises:
            Exception: ``error`` itself, if it does not concern this fold alone.
        """
        if not of_one_fold(error):
            raise error
        self.add(task, user_message(error) or str(error))

    def add(self, task: FoldTask, reason: str) -> None:
        """Record why a fold failed, and write it into the folder of the fold."""
        # A diverged fold has already written it.
        if task.folder.state().get('status') == 'diverged':
            reason = task.folder.why_missing()
            write_error(f'{task} {reason}: its loss or its weights are not finite')
        else:
            task.folder.fail(reason, task.details())
            write_error(f'{task} failed: {reason}')
        self._reasons.setdefault(reason, []).append(task)

    def raise_if_any(self) -> None:
        """Raise one error for all folds that failed.

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


def check_all_attempted(work_dir: Path, tasks: Sequence[FoldTask]) -> None:
    """Check that every fold is done, or that its folder says why it is not.

    Args:
        work_dir: The work directory, for the message.
        tasks: The folds that were asked for.

    Raises:
        MERRunError: There is another one.
    """
    if missing := [str(task) for task in tasks if not task.folder.attempted()]:
        raise MERRunError(
            f'{len(missing)} of {len(tasks)} folds are not done: '
            f'{", ".join(missing)}; nothing was pooled',
            path=work_dir,
            hint='start again with --resume',
        )


def check_all_done(work_dir: Path, tasks: Sequence[FoldTask], share: bool) -> None:
    """Check that every fold is done.

    Args:
        work_dir: The work directory, for the message.
        tasks: The folds that were asked for.
        share: Whether they are a share of a run, which is not pooled.

    Raises:
        FoldsFailed: Some folds are not done; the message lists them by reason.
    """
    missing = [task for task in tasks if not task.folder.done()]
    if not missing:
        return
    reasons: dict[str, list[str]] = {}
    for task in missing:
        reasons.setdefault(task.folder.why_missing(), []).append(str(task))
    shown = '; '.join(
        f'{", ".join(names)}: {reason}' for reason, names in reasons.items()
    )
    kept = 'finished folds are kept'
    if not share:
        pooled = any(task.run.done() for task in tasks)
        kept += ' and pooled without them' if pooled else ', and nothing is pooled'
    hint = ''
    if any(reason.startswith('diverged') for reason in reasons):
        hint = (
            'a diverged fold starts from its beginning and diverges again with the '
            'same settings: train with a lower learning rate or with '
            'optim_wrapper.clip_grad in another --work-dir'
        )
    raise FoldsFailed(
        f'{len(missing)} of {len(tasks)} folds are not done, {kept}; --resume trains '
        f'them ({shown})',
        path=work_dir,
        hint=hint,
    )
