"""The training states of a stack's folds in one file, so that all are equally far.

``<work_dir>/stacks/<name>.pth``, where ``name`` is a digest of the folds: it is
replaced atomically, and a kill at any moment leaves every fold of the stack at the same
iteration. A fold's own ``last.pth`` is what it is under other strategies; of the two,
the state that is further counts, so that any strategy goes on with what another began.
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
from .states import unstack

FOLDER = 'stacks'
STACK_REMEDY = 'delete this file; with --resume the folds of this stack start again'


@dataclass(frozen=True)
class Standing:
    """Where a fold stands.

    Attributes:
        iteration: Iterations done; 0 where nothing is kept.
        path: The file that holds its state; None where nothing is kept.
        number: Its number in the stack of that file; None in a file of its own.
        size: Number of folds of that stack, 1 otherwise.
    """

    iteration: int = 0
    path: Path | None = None
    number: int | None = None
    size: int = 1

    @property
    def stack(self) -> Path | None:
        """The stack that it belongs to."""
        return None if self.number is None else self.path

    @property
    def remedy(self) -> str:
        """What to do where its file is damaged."""
        return REMEDY if self.number is None else STACK_REMEDY

    def state(self) -> dict[str, Any]:
        """Read the state, as a fold that trains alone would have left it.

        Raises:
            MERRunError: The file cannot be read.
        """
        assert self.path is not None
        if self.number is None:
            with _sound(self.path, REMEDY):
                state = read_checkpoint(self.path, hint=REMEDY)
                check_owner(FoldFolder(self.path.parent), state)
                return state
        with _sound(self.path, STACK_REMEDY):
            content = read_checkpoint(self.path, hint=STACK_REMEDY, mmap=True)
            return _state_of(content, self.number)


def stack_path(jobs: Sequence[FoldTask]) -> Path:
    """Name the file of a stack by its folds: no two processes share a fold."""
    names = json.dumps([[job.run.plan.seed, job.fold.name] for job in jobs])
    digest = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
    return jobs[0].run.top / FOLDER / f'{digest}.pth'


def label_of(job: FoldTask) -> str:
    """Say which attempt at which fold a state belongs to, as JSON.

    Args:
        job: A fold; one that has not begun has no state anywhere.
    """
    label = {
        'seed': job.run.plan.seed,
        'fold': job.fold.name,
        'held_out': list(job.fold.held_out),
        'fingerprint': job.run.plan.fingerprint,
        'attempt': job.folder.state().get('attempt'),
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
        path: What :func:`stack_path` gives.
        state: The training state of any of its folds, with the optimizer's state of
            the stack.
        stacked: What differs from fold to fold in the model, by its key in the state
            dict, each with the folds along its first axis.
        folds: Of each fold its ``label`` (:func:`label_of`), ``seconds`` of training,
            and ``best``, the best iteration where one is chosen.
    """
    weights = {**state['state_dict'], **{k: one.cpu() for k, one in stacked.items()}}
    write_checkpoint(
        path,
        {**state, 'state_dict': weights, 'stacked': [*stacked], 'folds': [*folds]},
    )


def standings(jobs: Sequence[FoldTask]) -> list[Standing]:
    """Find out where each of some folds stands.

    Args:
        jobs: The folds.

    Raises:
        MERRunError: A file of states cannot be read.
    """
    labels = [label_of(job) for job in jobs]
    found = dict(zip(labels, [_alone(job.folder) for job in jobs], strict=True))
    for path in sorted({path for job in jobs for path in _files(job.run)}):
        iteration, inside = _folds_in(path)
        for number, label in enumerate(inside):
            # Of equals the stack, in which the folds stay together.
            if label in found and iteration >= found[label].iteration:
                found[label] = Standing(iteration, path, number, len(inside))
    return [found[label] for label in labels]


def leave_stack(job: FoldTask) -> None:
    """Let a fold go on alone: write its ``last.pth`` from the state of its stack.

    Args:
        job: A fold that is not done; nothing happens where it stands in no stack.

    Raises:
        MERRunError: A file of states cannot be read.
    """
    if not _files(job.run):
        return
    (standing,) = standings([job])
    if standing.stack is not None:
        write_checkpoint(job.folder.last, standing.state())


def clear_stacks(runs: Sequence[SeedRun]) -> None:
    """Remove the files of stacks none of whose folds would go on from them.

    Args:
        runs: The runs of a work directory in which nobody else works.
    """
    jobs = [FoldTask(run, fold) for run in runs for fold in run.plan.folds]
    known = {(job.run.plan.seed, job.fold.name) for job in jobs}
    needed = {label_of(job) for job in jobs if not job.folder.done()}
    for path in sorted({path for run in runs for path in _files(run)}):
        # One that cannot be read is told of when a fold would go on from it.
        with suppress(MERRunError), _sound(path, STACK_REMEDY):
            labels = _folds_in(path)[1]
            told = [json.loads(label) for label in labels]
            inside = {(one['seed'], one['fold']) for one in told}
            # Those of a seed that was not asked for this time are not ours to judge.
            if inside <= known and needed.isdisjoint(labels):
                path.unlink(missing_ok=True)
    for folder in {folder for run in runs for folder in _folders(run)}:
        clear_half_written(folder)
        # Whatever else lies there is not ours.
        with suppress(OSError):
            folder.rmdir()


def _folders(run: SeedRun) -> list[Path]:
    """Where a stack with folds of a run may lie: beside it, or beside its seeds."""
    above = run.work_dir.name == f'seed{run.plan.seed}'
    return [run.work_dir / FOLDER, *([run.work_dir.parent / FOLDER] if above else [])]


def _files(run: SeedRun) -> list[Path]:
    return [path for folder in _folders(run) for path in folder.glob('*.pth')]


def _alone(folder: FoldFolder) -> Standing:
    """Where a fold stands by its own ``last.pth``."""
    # Of a fold that diverged nothing is gone on with.
    if not folder.last.is_file() or folder.state().get('status') == 'diverged':
        return Standing()
    with _sound(folder.last, REMEDY):
        state = read_checkpoint(folder.last, hint=REMEDY, mmap=True)
        check_training_state(state, str(folder.last), REMEDY)
        return Standing(state['meta']['iter'], folder.last)


def _folds_in(path: Path) -> tuple[int, list[str]]:
    """Read how far a stack is, and the labels of its folds in their order."""
    with _sound(path, STACK_REMEDY):
        try:
            content = read_checkpoint(path, hint=STACK_REMEDY, mmap=True)
        except MERRunError:
            if path.is_file():
                raise
            return 0, []  # another share of the run has just finished with it
        folds = content['folds']
        check_training_state(content, str(path), STACK_REMEDY)
        return content['meta']['iter'], [str(fold['label']) for fold in folds]


def _state_of(content: dict[str, Any], number: int) -> dict[str, Any]:
    """Cut the state of one fold out of its stack's, with nothing left on the disk."""
    fold = content['folds'][number]
    label = json.loads(fold['label'])
    stacked = set(content['stacked'])
    state = {k: v for k, v in content.items() if k not in ('stacked', 'folds')}
    state['state_dict'] = {
        key: (one[number] if key in stacked else one).clone()
        for key, one in content['state_dict'].items()
    }
    state['optimizer'] = unstack(content['optimizer'], number)
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
def _sound(path: Path, remedy: str) -> Iterator[None]:
    """Name a file that holds something else than a training state."""
    try:
        yield
    except MERRunError:
        raise
    except (
        LookupError, TypeError, ValueError, AttributeError, RuntimeError
    ) as error:  # fmt: skip
        raise MERRunError(f'{path}: holds no training state; {remedy}') from error
