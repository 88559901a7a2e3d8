"""What one fold leaves on disk, and what can be read from it after a crash."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..utils import clear_half_written, write_json
from .errors import MERRunError

LAST = 'last.pth'


@dataclass(frozen=True)
class FoldFolder:
    """The folder of one fold: its files, and where the fold stands.

    Files are written in the order in which a crash between any two of them does
    no harm: ``fold.json`` (running), ``last.pth`` (again and again),
    ``model.pth``, ``predictions.jsonl``, ``fold.json`` (done); then
    ``last.pth`` goes.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the fold."""
        return self.path.name

    @property
    def state_file(self) -> Path:
        """Status, held-out subjects, fingerprint, seed, selection, times."""
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
        """Rolling training state of a fold that is not done."""
        return self.path / LAST

    def state(self) -> dict[str, Any]:
        """Read ``fold.json``.

        Returns:
            Its content, empty if the fold was never started.

        Raises:
            MERRunError: The file is not a JSON object.
        """
        try:
            return read_object(self.state_file)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError as error:
            raise MERRunError(
                f'{error}; delete the folder {self.path}, the fold starts again'
            ) from error

    def done(self) -> bool:
        """Tell whether the fold is finished and its results are there."""
        finished = self.state().get('status') == 'done'
        return finished and self.predictions.is_file() and self.model.is_file()

    def tried(self) -> bool:
        """Tell whether the fold is finished, or says itself why it cannot be."""
        return self.done() or self.state().get('status') in ('diverged', 'failed')

    def why_missing(self) -> str:
        """Say why the fold is not done, of one that is not.

        Returns:
            Some words, as in ``'diverged at iteration 6'``.
        """
        state = self.state()
        if state.get('status') == 'diverged':
            return f'diverged at iteration {state.get("iteration")}'
        if state.get('status') == 'failed':
            return str(state.get('reason'))
        return 'not finished'

    def begin(self, details: dict[str, Any]) -> bool:
        """Mark the fold as running and clear what an interrupted write left.

        Args:
            details: What ``fold.json`` shall say besides the status.

        Returns:
            Whether there is a ``last.pth`` to resume from.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        clear_half_written(self.path)
        if self.state().get('status') == 'diverged':
            self.clear()
        write_json(self.state_file, {'status': 'running', **details})
        return self.last.is_file()

    def finish(self, details: dict[str, Any]) -> None:
        """Mark the fold as done and drop its training state.

        Args:
            details: Added to what ``fold.json`` says already.
        """
        write_json(self.state_file, {**self.state(), **details, 'status': 'done'})
        self.clear()

    def diverge(self, iteration: int) -> None:
        """Mark the fold as diverged and drop all that it learned.

        Args:
            iteration: The first iteration that was not finite.
        """
        state = {**self.state(), 'status': 'diverged', 'iteration': iteration}
        write_json(self.state_file, state)
        self.clear()
        for path in (self.model, self.predictions):
            path.unlink(missing_ok=True)

    def fail(self, reason: str, details: dict[str, Any]) -> None:
        """Mark the fold as failed; a resume goes on from its training state.

        Args:
            reason: Why.
            details: What ``fold.json`` shall say besides, as in :meth:`begin`.
        """
        write_json(self.state_file, {'status': 'failed', 'reason': reason, **details})

    def clear(self) -> None:
        """Drop the training state, of a fold that is done or starts again."""
        for name in (self.last, self.path / 'last_checkpoint'):
            name.unlink(missing_ok=True)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        FileNotFoundError: There is no file.
        ValueError: It holds something else; the message names it.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: not a JSON file ({error})') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: holds a {type(content).__name__}, not a JSON object')
    return content


def check_fold_name(name: str) -> None:
    """Refuse a fold name that cannot be a folder.

    >>> check_fold_name('sub01')

    Raises:
        MERRunError: The name holds a path, is empty or begins with a dot.
    """
    if not name or name.startswith('.') or Path(name).name != name or '\\' in name:
        raise MERRunError(
            f'fold {name!r} cannot be the name of a folder; rename the subject in the '
            f'annotation file'
        )


def find_folds(work_dir: str | Path) -> list[FoldFolder]:
    """List the fold folders of a work directory that were ever started, sorted."""
    states = sorted(Path(work_dir, 'folds').glob('*/fold.json'))
    return [FoldFolder(state.parent) for state in states]
