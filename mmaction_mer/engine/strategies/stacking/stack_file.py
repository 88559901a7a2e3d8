"""The training states of all folds of a stack in one file, at the same iteration.

The file is ``<work_dir>/stacks/<name>.pth``, where ``name`` is a digest of the folds.
It is replaced atomically, so that a kill at any moment leaves all folds of the stack at
the same iteration. The ``last.pth`` of a fold has the same meaning as with other
strategies. If there are both, the state with more iterations is used, so that any
strategy can resume what another one began.
"""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....models.utils.slim_checkpoint import read_checkpoint, write_checkpoint
from ....utils.checkpoints.reading import check_training_state
from ....utils.errors import MERRunError
from ....utils.files import clear_half_written
from ...runners.tasks import FoldTask, SeedRun
from ...work_dir.fold_folder import REMEDY, FoldFolder, check_owner
from .optimizer_state import unstack_state

FOLDER = 'stacks'
STACK_REMEDY = 'delete this file; with --resume the folds of this stack start again'


@dataclass(frozen=True)
class StoredState:
    """Where the training state of a fold is stored.

    Attributes:
        iteration: Number of iterations done; 0 if nothing is stored.
        path: The file with the state; None if nothing is stored.
        index: Index of the fold in the stack of that file; None for a ``last.pth``.
        size: Number of folds of that stack; 1 for a ``last.pth``.
    """

    iteration: int = 0
    path: Path | None = None
    index: int | None = None
    size: int = 1

    @property
    def stack(self) -> Path | None:
        """The file of the stack; None if the state is not in a stack."""
        return None if self.index is None else self.path

    @property
    def remedy(self) -> str:
        """What the user should do if the file is damaged."""
        return REMEDY if self.index is None else STACK_REMEDY

    def load(self) -> dict[str, Any]:
        """Read the state, in the format of the ``last.pth`` of a fold.

        Raises:
            MERRunError: The file cannot be read.
        """
        assert self.path is not None
        with _reading(self.path, self.remedy):
            if self.index is None:
                state = read_checkpoint(self.path, hint=REMEDY)
                check_owner(FoldFolder(self.path.parent), state)
                return state
            content = read_checkpoint(self.path, hint=STACK_REMEDY, mmap=True)
            return _unstack(content, self.index)


def stack_path(tasks: Sequence[FoldTask]) -> Path:
    """Return the path of the file of a stack; no two processes have the same folds."""
    names = json.dumps([[task.run.plan.seed, task.fold.name] for task in tasks])
    digest = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
    return tasks[0].run.top / FOLDER / f'{digest}.pth'


def fold_label(task: FoldTask) -> str:
    """Return the JSON text that identifies the states of one attempt at one fold.

    Args:
        task: A fold; one that has not begun has no state anywhere.
    """
    label = {
        'seed': task.run.plan.seed,
        'fold': task.fold.name,
        'held_out': list(task.fold.held_out),
        'fingerprint': task.run.plan.fingerprint,
        'attempt': task.folder.state().get('attempt'),
    }
    return json.dumps(label, sort_keys=True)


def write_stack(
    path: Path,
    state: dict[str, Any],
    stacked: dict[str, Any],
    folds: Sequence[dict[str, Any]],
) -> None:
    """Write the state of a stack atomically.

    Args:
        path: Path from :func:`stack_path`.
        state: The training state of any of its folds, with the state of the optimizer
            of the stack.
        stacked: The parameters that differ from fold to fold, by their keys in the
            state dict, ``(G, ...)`` each.
        folds: For each fold its ``label`` (:func:`fold_label`), ``seconds`` of
            training, and ``best``, the best iteration if one is selected.
    """
    weights = {**state['state_dict'], **{k: one.cpu() for k, one in stacked.items()}}
    write_checkpoint(
        path,
        {**state, 'state_dict': weights, 'stacked': [*stacked], 'folds': [*folds]},
    )


def find_states(tasks: Sequence[FoldTask]) -> list[StoredState]:
    """Find the stored state of each fold.

    Raises:
        MERRunError: A file of states cannot be read.
    """
    labels = [fold_label(task) for task in tasks]
    found = {
        label: _last_state(task.folder)
        for label, task in zip(labels, tasks, strict=True)
    }
    for path in sorted({path for task in tasks for path in _stack_files(task.run)}):
        iteration, stacked_labels = _read_labels(path)
        for index, label in enumerate(stacked_labels):
            # At equal iterations the stack is preferred: its folds stay together.
            if label in found and iteration >= found[label].iteration:
                found[label] = StoredState(iteration, path, index, len(stacked_labels))
    return [found[label] for label in labels]


def export_state(task: FoldTask) -> None:
    """Write the ``last.pth`` of a fold from its stack, to continue it alone.

    Args:
        task: An unfinished fold; nothing is written if its state is not in a stack.

    Raises:
        MERRunError: A file of states cannot be read.
    """
    if not _stack_files(task.run):
        return
    (stored,) = find_states([task])
    if stored.stack is not None:
        write_checkpoint(task.folder.last, stored.load())


def clear_stacks(runs: Sequence[SeedRun]) -> None:
    """Remove the files of stacks from which no fold would be resumed.

    Args:
        runs: The runs of a work directory that no other process uses.
    """
    tasks = [FoldTask(run, fold) for run in runs for fold in run.plan.folds]
    known = {(task.run.plan.seed, task.fold.name) for task in tasks}
    needed = {fold_label(task) for task in tasks if not task.folder.done()}
    for path in sorted({path for run in runs for path in _stack_files(run)}):
        # A damaged file is reported when a fold would be resumed from it.
        with suppress(MERRunError), _reading(path, STACK_REMEDY):
            labels = _read_labels(path)[1]
            contents = [json.loads(label) for label in labels]
            folds = {(content['seed'], content['fold']) for content in contents}
            # Stacks with folds of a seed that this session does not have are kept.
            if folds <= known and needed.isdisjoint(labels):
                path.unlink(missing_ok=True)
    for folder in {folder for run in runs for folder in _stack_folders(run)}:
        clear_half_written(folder)
        # It is kept if it contains other files.
        with suppress(OSError):
            folder.rmdir()


def _stack_folders(run: SeedRun) -> list[Path]:
    """List the folders of stacks that may contain folds of a run."""
    of_seed = run.work_dir.name == f'seed{run.plan.seed}'
    parents = [run.work_dir, run.work_dir.parent] if of_seed else [run.work_dir]
    return [parent / FOLDER for parent in parents]


def _stack_files(run: SeedRun) -> list[Path]:
    return [path for folder in _stack_folders(run) for path in folder.glob('*.pth')]


def _last_state(folder: FoldFolder) -> StoredState:
    """Return the state in the ``last.pth`` of a fold."""
    # A diverged fold is not resumed.
    if not folder.last.is_file() or folder.state().get('status') == 'diverged':
        return StoredState()
    with _reading(folder.last, REMEDY):
        state = read_checkpoint(folder.last, hint=REMEDY, mmap=True)
        check_training_state(state, str(folder.last), REMEDY)
        return StoredState(state['meta']['iter'], folder.last)


def _read_labels(path: Path) -> tuple[int, list[str]]:
    """Read the iteration of a stack, and the labels of its folds in their order."""
    with _reading(path, STACK_REMEDY):
        try:
            content = read_checkpoint(path, hint=STACK_REMEDY, mmap=True)
        except MERRunError:
            if path.is_file():
                raise
            return 0, []  # another share of the run has just finished it
        folds = content['folds']
        check_training_state(content, str(path), STACK_REMEDY)
        return content['meta']['iter'], [str(fold['label']) for fold in folds]


def _unstack(content: dict[str, Any], index: int) -> dict[str, Any]:
    """Extract the state of one fold from that of its stack, all tensors copied."""
    fold = content['folds'][index]
    label = json.loads(fold['label'])
    stacked = set(content['stacked'])
    state = {k: v for k, v in content.items() if k not in ('stacked', 'folds')}
    state['state_dict'] = {
        key: (one[index] if key in stacked else one).clone()
        for key, one in content['state_dict'].items()
    }
    state['optimizer'] = unstack_state(content['optimizer'], index)
    state['best'] = copy.deepcopy(fold['best'])
    state['meta'] = {
        **content['meta'],
        'seed': label['seed'],
        'experiment_name': label['fold'],
        'fold': label['fold'],
        'seconds': fold['seconds'],
    }
    return state


@contextmanager
def _reading(path: Path, remedy: str) -> Iterator[None]:
    """Convert an error caused by unexpected content of a file to MERRunError."""
    try:
        yield
    except MERRunError:
        raise
    except (
        LookupError, TypeError, ValueError, AttributeError, RuntimeError
    ) as error:  # fmt: skip
        raise MERRunError(
            'does not contain a training state', path=path, hint=remedy
        ) from error
