"""The plan of a run as it stands on disk: ``loso.json``."""

from pathlib import Path
from typing import Any

from ...evaluation.predictions import Key
from ...utils.errors import MERRunError
from ...utils.json_files import write_json
from ...utils.text import shown
from .fingerprint import differences, fingerprint
from .fold_folder import read_object, resume_command
from .run_clips import RunClips
from .stored_fields import LACKING, PLAN_FIELDS, PLANNED, check_fields

#: Of ``loso.json``: 1 had the digest of the annotation's bytes, and no clips.
FORMAT = 2


def what_differs(
    stored: dict[str, Any], config: dict[str, Any], clips: RunClips
) -> list[str]:
    """Name what differs between a run on disk and a plan, a line each.

    Args:
        stored: What the run's ``loso.json`` says.
        config: The canonical config of the plan.
        clips: Its clips.
    """
    before = RunClips.from_json(stored.get('clips'))
    found = []
    for line in differences(stored.get('config') or {}, config):
        if line.startswith('annotation: ') and before:
            found += [f'annotation: {one}' for one in before.changes(clips)]
        else:
            found.append(line)
    return found


def write_plan(work_dir: Path, facts: dict[str, Any]) -> None:
    """Write ``loso.json``, with a digest by which a later change is seen."""
    facts = {'format': FORMAT, **facts}
    write_json(work_dir / 'loso.json', {**facts, 'digest': fingerprint(facts)})


def stored_run(work_dir: Path) -> dict[str, Any]:
    """Read ``loso.json``; empty if there is none.

    Raises:
        MERRunError: It cannot be read, was changed, or a field of it holds another
            kind of value than it should.
    """
    path = work_dir / 'loso.json'
    try:
        stored = read_object(path)
        digest = stored.pop('digest', None)
        sealed = digest is not None or stored.get('format') == FORMAT
        if sealed and digest != fingerprint(stored):
            raise ValueError(f'{path}: was changed since the run has written it')
        check_fields(path, stored, PLAN_FIELDS)
        if 'clips' in stored and not PLANNED.fits(stored):
            raise ValueError(f'{path}: lacks a part of what a run writes: {LACKING}')
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError) as error:
        command = resume_command(work_dir)
        remedy = f'to write it anew:  {command}' if command else 'delete it'
        raise MERRunError(f'{error}; {remedy}') from error
    return stored


def sound_run(work_dir: Path) -> dict[str, Any]:
    """Read ``loso.json``; empty if there is none that can be read."""
    try:
        return stored_run(work_dir)
    except MERRunError:
        return {}


def stored_clips(stored: dict[str, Any], fold: str) -> dict[Key, int] | None:
    """Return the labels of a fold's clips by a run's ``loso.json``; None if unknown.

    Args:
        stored: See :func:`stored_run`.
        fold: Name of the fold.

    Raises:
        MERRunError: The run has no such fold.
    """
    clips = RunClips.from_json(stored.get('clips'))
    if clips is None:
        return None
    if fold not in stored['folds']:
        raise MERRunError(
            f'fold {shown(fold)}: is none of this run by its loso.json; the folds are '
            f'{", ".join(map(shown, stored["folds"]))}: move its folder elsewhere'
        )
    return clips.of(stored['folds'][fold])
