"""Whether what a fold has left on disk is what it wrote, and is of this fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...evaluation.predictions import (
    Key,
    clip_key,
    compare_with_clips,
    read_predictions,
)
from ...models.utils.slim_checkpoint import read_checkpoint
from ...utils.errors import SHOWN_PROBLEMS, MERDataError, MERRunError
from .fold_folder import FoldFolder, how_to_mend
from .run_clips import digest_of

#: What ``fold.json`` and ``model.pth`` both say of whose they are.
IDENTITY = ('fold', 'held_out', 'fingerprint', 'annotation', 'seed', 'selection',
            'clips')  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """What is wrong with a finished fold.

    Attributes:
        reason: In words.
        scorable: Whether its model is whole, so that scoring it again is enough.
        foreign: Whether its folder says that it is another fold's.
    """

    reason: str
    scorable: bool
    foreign: bool = False


def read_fold(
    folder: FoldFolder,
    clips: Mapping[Key, int] | None,
    num_classes: int | None = None,
) -> list[dict[str, Any]]:
    """Read the predictions of a fold, if they are the ones that it has written.

    Args:
        folder: The folder of the fold, finished or scored again.
        clips: The label of each of its clips, where that is known.
        num_classes: Number of classes, if known.

    Returns:
        The prediction lines.

    Raises:
        MERDataError: They cannot be read, are of other clips, have other labels, or
            were changed; the message says how to make it good.
        MERRunError: ``fold.json`` cannot be read.
    """
    state = folder.state()
    try:
        lines = read_predictions(folder.predictions, num_classes)
        problem = _predictions_problem(folder, lines, state, clips)
        if problem:
            raise MERDataError(f'{folder.predictions}: {problem}')
    except MERDataError as error:
        if state:
            mend = how_to_mend(folder.path)
        elif folder.path.parent.name == 'test':
            mend = 'score the fold again with tools/test.py'
        else:
            mend = 'make these predictions again by what has written them'
        raise MERDataError(f'{error}\n{mend}') from error
    return lines


def check_model(folder: FoldFolder) -> None:
    """See that the checkpoint of a finished fold is the one that it has written.

    Raises:
        MERRunError: It is missing, cannot be read, was changed or is of another fold;
            the message says how to make it good.
    """
    state = folder.state()
    if problem := _model_problem(folder, state, state):
        raise MERRunError(f'{folder.model}: {problem}\n{how_to_mend(folder.path)}')


def examine(
    folder: FoldFolder,
    details: Mapping[str, Any],
    clips: Mapping[Key, int],
    num_classes: int,
) -> Damage | None:
    """Look at all that a fold has left, before a run goes on with it.

    Args:
        folder: Its folder.
        details: What its ``fold.json`` must say, see :meth:`.run.SeedRun.details`.
        clips: The label of each of its clips.
        num_classes: Number of classes.

    Returns:
        What is wrong; None where nothing is, and for a fold that never ended.
    """
    reason = ''
    try:
        state = folder.state()
    except MERRunError:
        state, reason = {}, 'fold.json cannot be read'
    own = not differing(state, details)
    if own and state.get('status') != 'done':
        return None
    if not state and not folder.model.is_file():
        # A damaged fold.json with a training state beside it: that goes on.
        return Damage(reason, scorable=False) if reason else None
    if not state:
        reason = reason or 'there is no fold.json'
    elif not own:
        reason = f'fold.json does not say its {", ".join(differing(state, details))}'
    elif not has_digests(folder, state) or 'parameters' not in state:
        reason = 'fold.json was not written by a fold that ended'
    foreign = bool(state) and bool(differing(state, details, ('fold', 'held_out')))
    # Digests of a file that is not this fold's say nothing about its model.
    model = _model_problem(folder, state if own else {}, details)
    if model:
        return Damage(f'{folder.model.name}: {model}', False, foreign)
    try:
        lines = read_predictions(folder.predictions, num_classes)
        problem = _predictions_problem(folder, lines, state, clips)
    except MERDataError as error:
        problem = str(error).replace(f'{folder.predictions}: ', '')
    if problem and not reason:
        reason = f'{folder.predictions.name}: {problem}'
    return Damage(reason, True, foreign) if reason else None


def has_digests(folder: FoldFolder, state: Mapping[str, Any]) -> bool:
    """Tell whether ``fold.json`` has what the files of its fold are compared by."""
    digests = state.get('digests')
    known = digests if isinstance(digests, Mapping) else {}
    files = (folder.model, folder.predictions)
    return all(isinstance(known.get(file.name), str) for file in files)


def differing(
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    keys: tuple[str, ...] = IDENTITY,
) -> list[str]:
    """Name what two accounts of a fold do not agree on, of what both could say."""
    return [key for key in keys if key in expected and found.get(key) != expected[key]]


def _predictions_problem(
    folder: FoldFolder,
    lines: list[dict[str, Any]],
    state: Mapping[str, Any],
    clips: Mapping[Key, int] | None,
) -> str:
    if clips is not None and (problems := compare_with_clips(lines, clips)):
        shown = ''.join(f'\n  {one}' for one in problems[:SHOWN_PROBLEMS])
        if len(problems) > SHOWN_PROBLEMS:
            shown += f'\n  ... and {len(problems) - SHOWN_PROBLEMS} more'
        return (
            f'these are not the clips of the fold, {len(problems)} problem(s):{shown}'
        )
    if clips is None and 'clips' in state:
        if digest_of({clip_key(one): one['label'] for one in lines}) != state['clips']:
            return 'these are not the clips and labels that the fold was tested on'
    if folder.changed(folder.predictions, state):
        return 'was changed since the fold has written it'
    return ''


def _model_problem(
    folder: FoldFolder, state: Mapping[str, Any], details: Mapping[str, Any]
) -> str:
    """Say what is wrong with a checkpoint; nothing if it is whole and of this fold."""
    if not folder.model.is_file():
        return 'there is none'
    digests = state.get('digests')
    try:
        if isinstance(digests, Mapping) and folder.model.name in digests:
            changed = folder.changed(folder.model, state)
            return 'was changed or cut since the fold has written it' if changed else ''
        content = read_checkpoint(folder.model, mmap=True)
    except MERRunError as error:
        return str(error).replace(f'{folder.model}: ', '')
    meta = content.get('meta')
    if not isinstance(meta, Mapping) or not isinstance(
        content.get('state_dict'), Mapping
    ):
        return 'is not the checkpoint of a fold'
    # What an older version did not write yet cannot differ.
    expected = {key: details[key] for key in IDENTITY if key in details}
    if found := differing(meta, expected):
        return f'is of another fold or run, by its {", ".join(found)}'
    return ''
