"""Checks that the files of a fold are the ones it wrote, and of this fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...evaluation.predictions import (
    Key,
    clip_key,
    compare_with_clips,
    read_predictions,
)
from ...utils.checkpoints.reading import read_checkpoint, read_hashed_checkpoint
from ...utils.errors import SHOWN_PROBLEMS, MERDataError, MERRunError
from .fold_folder import FoldFolder, stored_digest
from .layout import repair_hint
from .run_clips import clips_digest

#: What both ``fold.json`` and ``model.pth`` say about the fold they belong to.
IDENTITY = ('fold', 'held_out', 'fingerprint', 'annotation', 'seed', 'selection',
            'clips')  # fmt: skip
_CHANGED = 'was changed or truncated since the fold wrote it'


@dataclass(frozen=True)
class Damage:
    """What is wrong with a finished fold.

    Attributes:
        reason: A description.
        scorable: Whether its model is intact, so that scoring it again is enough.
        foreign: Whether its folder says that it belongs to another fold.
    """

    reason: str
    scorable: bool
    foreign: bool = False


def read_fold(
    folder: FoldFolder,
    clips: Mapping[Key, int] | None = None,
    num_classes: int | None = None,
) -> list[dict[str, Any]]:
    """Read the predictions of a fold, and check that they are the ones it wrote.

    Args:
        folder: The folder of the fold, finished or scored again.
        clips: The label of each clip of the fold. Defaults to None, and then they
            are compared with the digest in ``fold.json``.
        num_classes: Number of classes, if known. Defaults to None.

    Returns:
        The predictions, one dict per clip.

    Raises:
        MERDataError: They cannot be read, are of other clips, have other labels, or
            were changed.
        MERRunError: ``fold.json`` cannot be read.
    """
    state = folder.state()
    try:
        lines = read_predictions(folder.predictions, num_classes)
        _check_predictions(folder, lines, state, clips)
    except MERDataError as error:
        if state:
            hint = repair_hint(folder.path)
        elif folder.path.parent.name == 'test':
            hint = 'score the fold again with tools/test.py'
        else:
            hint = 'repeat these predictions with the program that wrote them'
        raise MERDataError(
            error.problem,
            path=folder.predictions,
            clip=error.clip,
            field=error.field,
            hint=hint,
        ) from error
    return lines


def check_model(folder: FoldFolder) -> None:
    """Check that the checkpoint of a finished fold is the one that the fold wrote.

    Raises:
        MERRunError: It is missing, cannot be read, was changed, or belongs to another
            fold.
    """
    state = folder.state()
    if problem := _model_problem(folder, state, state):
        raise MERRunError(problem, path=folder.model, hint=repair_hint(folder.path))


def read_model(
    folder: FoldFolder, loaded: tuple[dict[str, Any], str] | None = None
) -> dict[str, Any]:
    """Read the checkpoint of a finished fold, and check that it is the one it wrote.

    Args:
        folder: The folder of the fold.
        loaded: The checkpoint and the digest of its file, if they are read already.
            Defaults to None.

    Raises:
        MERRunError: See :func:`check_model`.
    """
    state = folder.state()
    try:
        content, digest = loaded or read_hashed_checkpoint(folder.model)
    except MERRunError as error:
        raise MERRunError(str(error), hint=repair_hint(folder.path)) from error
    expected = stored_digest(folder.model, state)
    if expected is None:
        problem = _content_problem(content, state)
    else:
        problem = '' if digest == expected else _CHANGED
    if problem:
        raise MERRunError(problem, path=folder.model, hint=repair_hint(folder.path))
    return content


def examine(
    folder: FoldFolder,
    details: Mapping[str, Any],
    clips: Mapping[Key, int],
    num_classes: int,
) -> Damage | None:
    """Check all files of a fold before a run is resumed.

    Args:
        folder: Its folder.
        details: The expected fields of ``fold.json``, see ``SeedRun.details``.
        clips: The label of each of its clips.
        num_classes: Number of classes.

    Returns:
        What is wrong; None if nothing is, and for a fold that never ended.
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
        # If only fold.json is damaged, training goes on from last.pth.
        return Damage(reason, scorable=False) if reason else None
    if not state:
        reason = reason or 'fold.json does not exist'
    elif not own:
        reason = f'fold.json has another {", ".join(differing(state, details))}'
    elif not has_digests(folder, state) or 'parameters' not in state:
        reason = 'fold.json was not written by a finished fold'
    foreign = bool(state) and bool(differing(state, details, ('fold', 'held_out')))
    # The digests of a foreign fold.json say nothing about this model.
    model = _model_problem(folder, state if own else {}, details)
    if model:
        return Damage(f'{folder.model.name}: {model}', False, foreign)
    problem = ''
    try:
        lines = read_predictions(folder.predictions, num_classes)
        _check_predictions(folder, lines, state, clips)
    except MERDataError as error:
        problem = error.problem
    if problem and not reason:
        reason = f'{folder.predictions.name}: {problem}'
    return Damage(reason, True, foreign) if reason else None


def has_digests(folder: FoldFolder, state: Mapping[str, Any]) -> bool:
    """Return whether ``fold.json`` has the digests of the files of its fold."""
    files = (folder.model, folder.predictions)
    return all(stored_digest(file, state) is not None for file in files)


def differing(
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    keys: tuple[str, ...] = IDENTITY,
) -> list[str]:
    """List the keys of ``expected`` whose values in ``found`` differ."""
    return [key for key in keys if key in expected and found.get(key) != expected[key]]


def clip_problems(lines: list[dict[str, Any]], clips: Mapping[Key, int]) -> str:
    """Describe how predictions differ from the clips of a fold; empty if they agree."""
    problems = compare_with_clips(lines, clips)
    if not problems:
        return ''
    shown = ''.join(f'\n  {one}' for one in problems[:SHOWN_PROBLEMS])
    if len(problems) > SHOWN_PROBLEMS:
        shown += f'\n  ... and {len(problems) - SHOWN_PROBLEMS} more'
    return f'these are not the clips of the fold, {len(problems)} problem(s):{shown}'


def _check_predictions(
    folder: FoldFolder,
    lines: list[dict[str, Any]],
    state: Mapping[str, Any],
    clips: Mapping[Key, int] | None,
) -> None:
    if clips is not None:
        if problem := clip_problems(lines, clips):
            raise MERDataError(problem)
    elif 'clips' in state:
        found = clips_digest({clip_key(one): one['label'] for one in lines})
        if found != state['clips']:
            raise MERDataError('have other clips or labels than the fold was tested on')
    if folder.changed(folder.predictions, state):
        raise MERDataError('were changed since the fold wrote them')


def _model_problem(
    folder: FoldFolder, state: Mapping[str, Any], details: Mapping[str, Any]
) -> str:
    """Describe what is wrong with a checkpoint; empty if it is intact and its own."""
    if not folder.model.is_file():
        return 'does not exist'
    try:
        if stored_digest(folder.model, state) is not None:
            return _CHANGED if folder.changed(folder.model, state) else ''
        content = read_checkpoint(folder.model, mmap=True)
    except MERRunError as error:
        return str(error).replace(f'{folder.model}: ', '')
    return _content_problem(content, details)


def _content_problem(content: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    meta = content.get('meta')
    if not isinstance(meta, Mapping) or not isinstance(
        content.get('state_dict'), Mapping
    ):
        return 'is not the checkpoint of a fold'
    # Fields that an earlier version did not write cannot differ.
    expected = {key: details[key] for key in IDENTITY if key in details}
    if found := differing(meta, expected):
        return f'belongs to another fold or run, by its {", ".join(found)}'
    return ''
