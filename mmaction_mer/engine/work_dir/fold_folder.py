"""What one fold leaves on disk, and what can be read from it after a crash."""

import errno
import os
import re
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...utils.errors import MERRunError
from ...utils.files import clear_half_written
from ...utils.hashing import file_digest
from ...utils.json_files import read_json, write_json
from ...utils.text import quote, shown
from .stored_fields import FOLD_FIELDS, check_fields

LAST = 'last.pth'
REMEDY = 'delete this file; with --resume the fold starts again'
_SEED_FOLDER = re.compile(r'seed(\d+)')
# Of what is no file that can be read: it never will be, whoever asks.
_UNREADABLE = (errno.EINVAL, errno.EFBIG, errno.EISDIR, errno.ELOOP,
               errno.ENAMETOOLONG, errno.ENXIO)  # fmt: skip


@dataclass(frozen=True)
class FoldFolder:
    """The folder of one fold: its files, and where the fold stands.

    Files are written in the order in which a crash between any two of them does
    no harm: ``fold.json`` (running), ``last.pth`` (again and again),
    ``model.pth``, ``predictions.jsonl``, ``fold.json`` (done, with the digests of
    both); then ``last.pth`` goes. Folds that train in a stack have their training state
    in a file of the stack (``stacking/stack_file.py``) and no ``last.pth``.
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
        """Rolling training state of a fold that is not done."""
        return self.path / LAST

    def state(self) -> dict[str, Any]:
        """Read ``fold.json``.

        Returns:
            Its content, empty if the fold was never started.

        Raises:
            MERRunError: The file is not a JSON object, or a field of it holds another
                kind of value than it should.
        """
        try:
            content = read_object(self.state_file)
            check_fields(self.state_file, content, FOLD_FIELDS)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError as error:
            raise MERRunError(f'{error}; {how_to_mend(self.path)}') from error
        return content

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

    def begin(self, details: dict[str, Any], elsewhere: bool = False) -> bool:
        """Mark the fold as running and clear what an interrupted write left.

        A fold that begins anew gets another ``attempt``, a random mark: a state that
        is kept elsewhere with another mark is not of this attempt.

        Args:
            details: What ``fold.json`` shall say besides the status.
            elsewhere: There is a state to resume from outside of this folder.

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
        """Mark the fold as done and drop its training state.

        Args:
            details: Added to what ``fold.json`` says already.
        """
        state = {**self.state(), **details}
        state.pop('attempt', None)  # no state of it is needed any more
        self.rewrite(state)
        self.clear()

    def rewrite(self, facts: dict[str, Any]) -> None:
        """Write ``fold.json`` of a fold that is done, whatever it said before.

        Args:
            facts: All that it shall say, besides the status and the digests.
        """
        files = (self.model, self.predictions)
        digests = {file.name: file_digest(file) for file in files if file.is_file()}
        write_json(self.state_file, {**facts, 'digests': digests, 'status': 'done'})

    def changed(self, file: Path, state: Mapping[str, Any]) -> bool:
        """Tell whether a file of a finished fold is another one than it has written.

        Args:
            file: :attr:`model` or :attr:`predictions`.
            state: What ``fold.json`` says; of a file that it does not speak of nothing
                is known, and the answer is no.

        Raises:
            OSError: The file cannot be read.
            MERRunError: It is larger than any checkpoint.
        """
        digests = state.get('digests')
        known = digests.get(file.name) if isinstance(digests, Mapping) else None
        return known is not None and known != file_digest(file)

    def diverge(self, iteration: int) -> None:
        """Mark the fold as diverged and drop all that it learned.

        Args:
            iteration: The first iteration that was not finite.
        """
        state = {**self.state(), 'status': 'diverged', 'iteration': iteration}
        state.pop('attempt', None)  # its state in a stack is not gone on from
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
        # By its attempt it finds what its stack keeps of it.
        attempt = {k: v for k, v in self.state().items() if k == 'attempt'}
        state = {'status': 'failed', 'reason': reason, **attempt, **details}
        write_json(self.state_file, state)

    def clear(self) -> None:
        """Drop the training state, of a fold that is done or starts again."""
        for name in (self.last, self.path / 'last_checkpoint'):
            name.unlink(missing_ok=True)


def check_owner(folder: FoldFolder, state: Mapping[str, Any]) -> None:
    """Check that a training state is of the fold in whose folder it lies.

    That of another fold has been trained on the subjects that this one is tested on.

    Args:
        folder: The folder of a fold that has begun.
        state: What ``last.pth`` holds.

    Raises:
        MERRunError: It is of another fold or another seed.
    """
    meta = state.get('meta')
    found = (
        [meta.get(key) for key in ('fold', 'seed')] if isinstance(meta, dict) else []
    )
    if found != [folder.name, folder.state().get('seed')]:
        name, seed = (quote(value) for value in found or (None, None))
        raise MERRunError(
            f'{folder.last}: is the training state of fold {name} with seed {seed}, '
            f'not of this fold; {REMEDY}'
        )


def seed_folders(work_dir: str | Path) -> dict[int, Path]:
    """List the folders ``seed<k>`` of a work directory by their seed, sorted."""
    found = {}
    for path in Path(work_dir).glob('seed*'):
        name = _SEED_FOLDER.fullmatch(path.name)
        if name and path.is_dir():
            found[int(name[1])] = path
    return dict(sorted(found.items()))


def resume_command(run: Path) -> str:
    """Write the command that goes on with a run; empty where no config is there.

    Args:
        run: Its work directory; of a run over several seeds, that of any seed.
    """
    config = run / 'config.py'
    if not config.is_file():
        return ''
    command = ['tools/train.py', str(config), '--work-dir', str(run), '--resume']
    # Of a run over several seeds the folder above is the work directory.
    if _SEED_FOLDER.fullmatch(run.name) and (run.parent / '.lock').exists():
        begun = (
            str(seed)
            for seed, folder in seed_folders(run.parent).items()
            if (folder / 'loso.json').exists()
        )
        command[3:4] = [str(run.parent), '--seeds', *begun]
    return f'python {shlex.join(command)}'


def how_to_mend(folder: Path) -> str:
    """Say how a finished fold whose files are damaged is made good.

    Args:
        folder: The folder of the fold.

    Returns:
        The end of a message, with the command.
    """
    run = folder.parent.parent
    if command := resume_command(run):
        return (
            f'to score this fold again, or train it again where its model.pth is '
            f'damaged too, and pool the run anew:  {command}'
        )
    return (
        f'there is no {run / "config.py"} to make it good by: copy the fold again from '
        f'where it was trained, or make the predictions again by what has written them'
    )


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        FileNotFoundError: There is no file.
        ValueError: It holds something else; the message names it.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f'{path}: not a JSON file ({error})') from error
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise ValueError(f'{path}: {error.strerror}') from error
        raise
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
            f'fold {quote(name)} cannot be the name of a folder; rename the subject in '
            f'the annotation file'
        )


def check_fold_place(folder: FoldFolder) -> None:
    """Refuse a fold folder that is a link to somewhere else, or no folder.

    What is written there would be written into what is not of the run.

    Raises:
        MERRunError: It is; the message says what to do.
    """
    path = folder.path
    if not path.is_symlink() and (path.is_dir() or not path.exists()):
        return
    target = os.path.realpath(path)
    if os.path.dirname(target) != os.path.realpath(path.parent):
        what = f'is a link to {shown(target)}, outside of the run'
    elif not path.is_dir():
        what = 'is not a folder'
    else:
        return
    raise MERRunError(
        f'{path}: {what}: put the folder of the fold itself there, or delete '
        f'{path}; with --resume the fold is then trained again'
    )


def find_folds(work_dir: str | Path) -> list[FoldFolder]:
    """List the fold folders of a work directory that were ever started, sorted."""
    states = sorted(Path(work_dir, 'folds').glob('*/fold.json'))
    return [FoldFolder(state.parent) for state in states]
