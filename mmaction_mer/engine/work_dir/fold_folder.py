"""The folder of one fold: its files, and the status that survives a crash."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...utils.errors import MERRunError
from ...utils.files import clear_half_written
from ...utils.hashing import file_digest
from ...utils.json_files import write_json
from ...utils.text import printable_name, quote
from .json_fields import FOLD_FIELDS, read_record
from .layout import repair_hint

LAST = 'last.pth'
REMEDY = 'delete this file; with --resume the fold starts again'


@dataclass(frozen=True)
class FoldFolder:
    """The folder of one fold.

    Files are written in an order in which a crash between any two of them does no
    harm: ``fold.json`` (running), ``last.pth`` (repeatedly), ``model.pth``,
    ``predictions.jsonl``, ``fold.json`` (done, with the digests of both); then
    ``last.pth`` is removed. Folds that train in a stack keep their training state in a
    file of the stack (``stacking/stack_file.py``) and have no ``last.pth``.

    Args:
        path: The folder, ``<work_dir>/folds/<name>``.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the fold."""
        return self.path.name

    @property
    def state_file(self) -> Path:
        """Status, attempt, held-out subjects, fingerprint, seed, selection, times."""
        return self.path / 'fold.json'

    @property
    def predictions(self) -> Path:
        """One JSON line per held-out clip."""
        return self.path / 'predictions.jsonl'

    @property
    def model(self) -> Path:
        """Slim checkpoint, weights only."""
        return self.path / 'model.pth'

    @property
    def last(self) -> Path:
        """Rolling training state of an unfinished fold."""
        return self.path / LAST

    def state(self) -> dict[str, Any]:
        """Read ``fold.json``.

        Returns:
            Its content; empty if the fold was never started.

        Raises:
            MERRunError: The file is not a JSON object, or a field has a wrong type.
        """
        return read_record(self.state_file, FOLD_FIELDS, lambda: repair_hint(self.path))

    def done(self) -> bool:
        """Return whether the fold is finished and its results exist."""
        finished = self.state().get('status') == 'done'
        return finished and self.predictions.is_file() and self.model.is_file()

    def attempted(self) -> bool:
        """Return whether the fold is finished, or ``fold.json`` says why it is not."""
        return self.done() or self.state().get('status') in ('diverged', 'failed')

    def why_missing(self) -> str:
        """Return why a fold is not done, as in 'diverged at iteration 6'."""
        state = self.state()
        if state.get('status') == 'diverged':
            return f'diverged at iteration {state.get("iteration")}'
        if state.get('status') == 'failed':
            return str(state.get('reason'))
        return 'not finished'

    def begin(self, details: dict[str, Any], elsewhere: bool = False) -> bool:
        """Mark the fold as running and remove half-written files.

        A fold that starts from the beginning gets a new ``attempt``, a random mark: a
        state kept elsewhere with another mark belongs to an earlier attempt.

        Args:
            details: Fields of ``fold.json`` besides the status.
            elsewhere: Whether there is a state to resume from outside of this folder.
                Defaults to False.

        Returns:
            Whether there is a ``last.pth`` to resume from.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        clear_half_written(self.path)
        state = self.state()
        if state.get('status') == 'diverged':
            self.clear()
        resumes = self.last.is_file()
        attempt = state.get('attempt') if resumes or elsewhere else None
        begun = {'status': 'running', 'attempt': attempt or uuid.uuid4().hex}
        write_json(self.state_file, {**begun, **details})
        return resumes

    def finish(self, details: dict[str, Any]) -> None:
        """Mark the fold as done and remove its training state.

        Args:
            details: Fields to add to ``fold.json``.
        """
        state = {**self.state(), **details}
        state.pop('attempt', None)  # its training states are not needed any more
        self.rewrite(state)
        self.clear()

    def rewrite(self, facts: dict[str, Any]) -> None:
        """Replace ``fold.json`` of a finished fold.

        Args:
            facts: All of its fields, except the status and the digests.
        """
        files = (self.model, self.predictions)
        digests = {file.name: file_digest(file) for file in files if file.is_file()}
        write_json(self.state_file, {**facts, 'digests': digests, 'status': 'done'})

    def changed(self, file: Path, state: Mapping[str, Any]) -> bool:
        """Return whether a file of a finished fold differs from the one it wrote.

        Args:
            file: :attr:`model` or :attr:`predictions`.
            state: Content of ``fold.json``; without a digest of the file, the answer
                is no.

        Raises:
            OSError: The file cannot be read.
            MERRunError: It is larger than any checkpoint.
        """
        expected = stored_digest(file, state)
        return expected is not None and expected != file_digest(file)

    def diverge(self, iteration: int) -> None:
        """Mark the fold as diverged and remove everything it learned.

        Args:
            iteration: The first iteration with a loss or weights that are not finite.
        """
        state = {**self.state(), 'status': 'diverged', 'iteration': iteration}
        state.pop('attempt', None)  # its state in a stack must not be resumed
        write_json(self.state_file, state)
        self.clear()
        for path in (self.model, self.predictions):
            path.unlink(missing_ok=True)

    def fail(self, reason: str, details: dict[str, Any]) -> None:
        """Mark the fold as failed; a resume continues from its training state.

        Args:
            reason: Why it failed.
            details: Fields of ``fold.json`` besides, as in :meth:`begin`.
        """
        # The attempt identifies the state that a stack keeps of this fold.
        attempt = {k: v for k, v in self.state().items() if k == 'attempt'}
        state = {'status': 'failed', 'reason': reason, **attempt, **details}
        write_json(self.state_file, state)

    def clear(self) -> None:
        """Remove the training state of a fold that is done or starts again."""
        for path in (self.last, self.path / 'last_checkpoint'):
            path.unlink(missing_ok=True)


def stored_digest(file: Path, state: Mapping[str, Any]) -> str | None:
    """Return the digest of a file that ``fold.json`` holds; None if it holds none."""
    return (state.get('digests') or {}).get(file.name)


def check_owner(folder: FoldFolder, state: Mapping[str, Any]) -> None:
    """Check that a training state belongs to the fold in whose folder it is.

    The state of another fold was trained on the subjects that this one is tested on.

    Args:
        folder: The folder of a fold that has begun.
        state: Content of ``last.pth``.

    Raises:
        MERRunError: It belongs to another fold or another seed.
    """
    meta = state.get('meta')
    found = (
        [meta.get(key) for key in ('fold', 'seed')] if isinstance(meta, dict) else []
    )
    if found != [folder.name, folder.state().get('seed')]:
        name, seed = (quote(value) for value in found or (None, None))
        raise MERRunError(
            f'is the training state of fold {name} with seed {seed}, not of this fold',
            path=folder.last,
            hint=REMEDY,
        )


def check_fold_name(name: str) -> None:
    """Check that the name of a fold can be the name of a folder.

    >>> check_fold_name('sub01')

    Raises:
        MERRunError: The name contains a path, is empty, or begins with a dot.
    """
    if not name or name.startswith('.') or Path(name).name != name or '\\' in name:
        raise MERRunError(
            f'fold {quote(name)} cannot be the name of a folder',
            hint='rename the subject in the annotation file',
        )


def check_fold_place(folder: FoldFolder) -> None:
    """Check that the folder of a fold is not a link to elsewhere, nor a file.

    Through such a link files that do not belong to the run would be overwritten.

    Raises:
        MERRunError: It is.
    """
    path = folder.path
    if not path.is_symlink() and (path.is_dir() or not path.exists()):
        return
    target = os.path.realpath(path)
    if os.path.dirname(target) != os.path.realpath(path.parent):
        problem = f'is a link to {printable_name(target)}, outside of the run'
    elif not path.is_dir():
        problem = 'is not a folder'
    else:
        return
    raise MERRunError(
        problem,
        path=path,
        hint=f'put the folder of the fold itself there, or delete {path}; with '
        f'--resume the fold is then trained again',
    )
