"""Repair of finished folds with damaged files: scored again, or trained again."""

from collections.abc import Sequence
from typing import Any

import torch
from tqdm import tqdm

from ...datasets.protocols import Fold
from ...evaluation.summary import SELECTIONS
from ...models.utils.slim_checkpoint import read_checkpoint
from ...utils.errors import MERRunError
from ...utils.files import clear_half_written
from ...utils.json_files import write_json
from ...utils.text import printable
from ..work_dir.fold_check import Damage, differing, examine
from .fold_config import testing_config
from .fold_training import check_predictions, device_name, score_fold
from .tasks import FoldTask, SeedRun

#: Longest description of a damage that is printed, in characters.
SHOWN_REASON = 5000


def repair_folds(run: SeedRun, folds: Sequence[Fold]) -> None:
    """Check all files of finished folds, and repair what is damaged.

    A fold whose model is intact is scored again. Any other is marked as unfinished, so
    that it is trained. A line reports each damage.

    Args:
        run: The run.
        folds: Its folds; unfinished ones are left alone.

    Raises:
        MERRunError: A model does not fit the config after all.
        MERDataError: The data cannot be used.
    """
    wanted = {fold.name for fold in run.plan.wanted}
    for task in (FoldTask(run, fold) for fold in folds):
        damage = examine(task.folder, task.details(), task.clips, len(run.plan.classes))
        if damage is None:
            continue
        if damage.scorable:
            then = 'it is scored again'
        elif task.fold.name in wanted:
            then = 'it is trained again'
        else:
            then = 'it is left out until it is trained again'
        reason = printable(damage.reason, SHOWN_REASON)
        tqdm.write(f'fold {task}: {then}, since {reason}')
        if damage.scorable:
            _score(task)
        else:
            _reset(task, damage)


def _score(task: FoldTask) -> None:
    """Score a fold by its model, and rewrite its predictions and ``fold.json``."""
    folder, details = task.folder, task.details()
    clear_half_written(folder.path)
    try:
        state = folder.state()
    except MERRunError:
        state = {}
    if differing(state, details):
        state = {}
    try:
        parameters = score_fold(
            testing_config(task.config()), folder.model, list(task.fold.held_out)
        )
    except MERRunError as error:
        raise MERRunError(
            f'{error}\nif it is damaged, delete {folder.model}: with --resume the fold '
            f'is trained again'
        ) from error
    check_predictions(folder, task.clips)
    meta = read_checkpoint(folder.model, mmap=True)['meta']
    facts: dict[str, Any] = {
        'iteration': meta.get('iteration'),
        'device': device_name(),
        'threads': torch.get_num_threads(),
        **state,
        'parameters': parameters,
        **details,
    }
    select = task.run.plan.select
    if select != 'last':
        facts.setdefault('chosen_on', SELECTIONS[select])
    folder.rewrite(facts)
    folder.clear()


def _reset(task: FoldTask, damage: Damage) -> None:
    """Mark a fold as unfinished."""
    if damage.foreign:
        # The training state may be the other fold's too, which has seen these clips.
        task.folder.clear()
    write_json(task.folder.state_file, {'status': 'running', **task.details()})
