"""The plan of a run on disk, ``loso.json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...utils.errors import MERDataError, MERRunError
from ...utils.json_files import write_json
from .fingerprint import differences, fingerprint
from .json_fields import PLAN_FIELDS, PLANNED, REQUIRED, read_record
from .layout import PLAN, resume_command
from .run_clips import RunClips

#: Version of the file: 1 had the digest of the annotation's bytes, and no clips.
FORMAT = 2


def write_plan(work_dir: Path, facts: dict[str, Any]) -> None:
    """Write ``loso.json`` with a digest that reveals later changes."""
    facts = {'format': FORMAT, **facts}
    write_json(work_dir / PLAN, {**facts, 'digest': fingerprint(facts)})


def read_plan(work_dir: Path) -> dict[str, Any]:
    """Read ``loso.json``.

    Returns:
        Its content without the digest; empty if it does not exist.

    Raises:
        MERRunError: It cannot be read, was changed, or a field has a wrong type.
    """

    def hint() -> str:
        command = resume_command(work_dir)
        return f'to write it again:  {command}' if command else 'delete it'

    plan = read_record(work_dir / PLAN, PLAN_FIELDS, hint, _check_digest)
    if 'clips' in plan and not PLANNED.fits(plan):
        raise MERRunError(
            f'lacks a field that every run writes: {REQUIRED}',
            path=work_dir / PLAN,
            hint=hint(),
        )
    plan.pop('digest', None)
    return plan


def _check_digest(content: dict[str, Any]) -> None:
    facts = {key: value for key, value in content.items() if key != 'digest'}
    sealed = 'digest' in content or facts.get('format') == FORMAT
    try:
        if sealed and content.get('digest') != fingerprint(facts):
            raise MERDataError('was changed since the run wrote it')
    except RecursionError:
        raise MERDataError('is nested too deep') from None


def plan_changes(
    stored: Mapping[str, Any], config: Mapping[str, Any], clips: RunClips
) -> list[str]:
    """Describe how a planned run differs from the one on disk, one line each.

    Args:
        stored: Content of ``loso.json``.
        config: The canonical config of the planned run.
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
