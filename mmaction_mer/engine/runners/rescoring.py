"""Finished folds whose files are damaged: scored again, or trained again."""

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
from ..work_dir.fold_folder import FoldFolder
from .fold_config import testing_config
from .fold_runner import device_name, score_fold
from .prediction_ids import check_predictions
from .tasks import SeedRun

#: So much is told of what is wrong with a fold, in characters.
SHOWN_REASON = 5000


def mend_folds(run: SeedRun, folds: Sequence[Fold]) -> None:
    """Look at all that finished folds have left, and make good what is damaged.

    A fold whose model is whole is scored again. Any other is marked as one that is to
    be trained. A line says what was found.

    Args:
        run: Their run.
        folds: The folds; those that never ended are left alone.

    Raises:
        MERRunError: A model does not fit the config after all.
        MERDataError: The data cannot be used.
    """
    wanted = {fold.name for fold in run.plan.wanted}
    for fold in folds:
        folder, details = run.folder(fold), run.details(fold)
        clips = run.clips(fold.name)
        damage = examine(folder, details, clips, len(run.plan.classes))
        if damage is None:
            continue
        if damage.scorable:
            then = 'it is scored again'
        elif fold.name in wanted:
            then = 'it is trained again'
        else:
            then = 'it is left out until it is trained again'
        reason = printable(damage.reason, SHOWN_REASON)
        tqdm.write(f'fold {_name(run, fold)}: {then}, since {reason}')
        if damage.scorable:
            _score(run, fold)
        else:
            _reset(folder, details, damage)


def _score(run: SeedRun, fold: Fold) -> None:
    """Score a fold by its model, and write all that its folder says anew."""
    folder, details = run.folder(fold), run.details(fold)
    clear_half_written(folder.path)
    try:
        state = folder.state()
    except MERRunError:
        state = {}
    if differing(state, details):
        state = {}
    held_out = list(fold.held_out)
    try:
        parameters = score_fold(
            testing_config(run.fold_config(fold)), folder.model, held_out
        )
    except MERRunError as error:
        raise MERRunError(
            f'{error}\nif it is damaged, delete {folder.model}: with --resume the fold '
            f'is trained again'
        ) from error
    meta = read_checkpoint(folder.model, mmap=True)['meta']
    facts: dict[str, Any] = {
        'iteration': meta.get('iteration'),
        'device': device_name(),
        'threads': torch.get_num_threads(),
        **state,
        'parameters': parameters,
        **details,
    }
    if run.plan.select != 'last':
        facts.setdefault('chosen_on', SELECTIONS[run.plan.select])
    # What is checked against is in it, and the digests are of what was just written.
    folder.rewrite(facts)
    check_predictions(folder, held_out)
    folder.clear()


def _reset(folder: FoldFolder, details: dict[str, Any], damage: Damage) -> None:
    """Mark a fold as one that is to be trained."""
    if damage.foreign:
        # The training state may be of the other fold too, and has seen these clips.
        folder.clear()
    write_json(folder.state_file, {'status': 'running', **details})


def _name(run: SeedRun, fold: Fold) -> str:
    return f'{fold.name} (seed {run.plan.seed})' if run.plan.many_seeds else fold.name
