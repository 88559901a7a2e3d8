"""Whether a work directory fits a plan: to start in it, to resume, to score again."""

import copy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...models.utils.slim_checkpoint import read_checkpoint
from ...utils.errors import SHOWN_PROBLEMS, MERRunError
from ...utils.files import atomic_write
from ..work_dir.fold_check import differing
from ..work_dir.fold_folder import FoldFolder, check_fold_place
from ..work_dir.layout import CONFIG, PLAN
from ..work_dir.plan_file import plan_changes, write_plan
from ..work_dir.run_clips import RunClips
from ..work_dir.work_dir import WorkDir
from .plan import CVPlan

# These must agree for folds to be scored again; other differences are only reported.
_SPLIT_KEYS = ('annotation', 'loso.protocol')
# These cannot matter to scoring.
_TRAINING_KEYS = (
    'initial_weights', 'randomness', 'loso.select', 'train_', 'optim_', 'param_',
    'default_hooks', 'custom_hooks', 'auto_scale_lr',
)  # fmt: skip


def prepare_work_dir(cfg: Config, plan: CVPlan) -> None:
    """Check that a work directory is new or fits the plan, and write the plan into it.

    Args:
        cfg: The config of the protocol.
        plan: Its plan.

    Raises:
        MERRunError: The directory contains folds and ``resume`` is off, or they come
            from another config or another annotation.
    """
    path = Path(cfg.work_dir)
    work_dir = WorkDir(path)
    started = work_dir.started_folds()
    if started and not cfg.get('resume') and not plan.options['share']:
        raise MERRunError(
            f'already contains {len(started)} fold(s) of a run',
            path=path,
            hint=f'continue it with --resume, choose another --work-dir, or delete '
            f'{path}',
        )
    for fold in plan.folds:
        check_fold_place(work_dir.fold(fold.name))
    if started:
        check_same_run(work_dir, plan)
    facts = {
        'fingerprint': plan.fingerprint,
        'classes': plan.classes,
        'folds': {fold.name: list(fold.held_out) for fold in plan.folds},
        'load_from': cfg.get('load_from'),
        'config': plan.config,
        'clips': plan.clips.to_json(),
    }
    write_plan(path, facts)
    # A start with this file is a start of the whole run.
    whole = copy.deepcopy(cfg)
    if whole.get('loso'):
        whole.loso.pop('share', None)
    atomic_write(path / CONFIG, whole.pretty_text)


def resumed_config(cfg: Config) -> Config:
    """Copy a config; a resumed run gets the initial weights that it started from.

    Raises:
        MERRunError: ``resume`` is combined with a checkpoint.
    """
    cfg = copy.deepcopy(cfg)
    if cfg.get('resume'):
        if cfg.get('load_from'):
            raise MERRunError(
                f'a run over folds resumes from its work directory, not from '
                f'{cfg.load_from}',
                hint='use --work-dir and --resume without a value',
            )
        cfg.load_from = _initial_weights(Path(cfg.work_dir))
    return cfg


def _initial_weights(path: Path) -> str | None:
    """Find the weights that a run started from; damaged files are skipped."""
    work_dirs = [WorkDir(one) for one in (path, *sorted(path.glob('seed*/')))]
    for work_dir in work_dirs:
        if plan := work_dir.intact_plan:
            return plan.get('load_from')
    for work_dir in work_dirs:
        for fold in work_dir.started_folds():
            try:
                if state := fold.state():
                    return state.get('load_from')
            except MERRunError:
                continue
    return None


def check_mixed_seeds(path: Path, several: bool) -> None:
    """Check that a work directory is not shared by runs of one seed and of several.

    Raises:
        MERRunError: It contains a run of the other kind.
    """
    if several:
        found = bool(WorkDir(path).started_folds())
    else:
        found = any(path.glob(f'seed*/{PLAN}'))
    if found:
        kind = 'one seed alone' if several else 'several seeds (loso.seeds)'
        raise MERRunError(
            f'contains a run of {kind}, whose results would be overwritten',
            path=path,
            hint='choose another --work-dir',
        )


def check_same_run(work_dir: WorkDir, plan: CVPlan) -> None:
    """Check that no fold was made with another config or another annotation file.

    A file that cannot be read is ignored: the other files are enough.

    Raises:
        MERRunError: There are such folds; the message lists the differences.
    """
    stored = work_dir.intact_plan
    same = stored.get('fingerprint', plan.fingerprint) == plan.fingerprint
    if same and not any(_of_another_run(one, plan) for one in work_dir.started_folds()):
        before = RunClips.from_json(stored.get('clips'))
        if before and before.tested.keys() != plan.clips.tested.keys():
            raise MERRunError(
                'contains folds that were tested on other clips of this annotation:'
                + _listed(before.changes(plan.clips)),
                path=work_dir.path,
                hint='restore the frames, or choose another --work-dir',
            )
        return
    if stored.get('format') == 1:
        raise MERRunError(
            'contains folds of an earlier version, which identified an annotation by '
            'the bytes of its file; they cannot be continued, but their results can '
            'still be read',
            path=work_dir.path,
            hint='choose another --work-dir',
        )
    changes = plan_changes(stored, plan.config, plan.clips) if stored else []
    found = _listed(changes) or f' see {"fold.json" if stored else PLAN}, if it exists'
    raise MERRunError(
        f'contains folds of another config, which cannot be mixed with this one. '
        f'Differences:{found}',
        path=work_dir.path,
        hint=f'use the config it was made with ({work_dir.path / CONFIG}), or another '
        f'--work-dir',
    )


def _listed(lines: list[str]) -> str:
    text = ''.join(f'\n  {line}' for line in lines[:SHOWN_PROBLEMS])
    if len(lines) > SHOWN_PROBLEMS:
        text += f'\n  ... and {len(lines) - SHOWN_PROBLEMS} more'
    return text


def _of_another_run(folder: FoldFolder, plan: CVPlan) -> bool:
    """Return whether a fold was trained otherwise, by both of its own files."""
    expected = {'fingerprint': plan.fingerprint}
    try:
        state = folder.state()
        if not state.get('fingerprint') or not differing(state, expected):
            return False
        # If fold.json alone says so, it is damaged: the model decides.
        meta = read_checkpoint(folder.model, mmap=True).get('meta') or {}
        return bool(differing(meta, expected))
    except MERRunError:
        return bool(folder.state_file.is_file() and not folder.model.is_file())


def compare_for_test(stored: dict[str, Any], plan: CVPlan) -> list[str]:
    """Describe how the config that scores differs from the one that trained.

    Args:
        stored: Content of the ``loso.json`` of the training.
        plan: The plan of the config that scores.

    Raises:
        MERRunError: The annotation or the protocol differs, so that a subject could
            be scored by a model that was trained on it.
    """
    if 'config' not in stored:
        return []
    found = [
        line
        for line in plan_changes(stored, plan.config, plan.clips)
        if not line.startswith(_TRAINING_KEYS)
    ]
    if split := [line for line in found if line.startswith(_SPLIT_KEYS)]:
        raise MERRunError(
            f'the folds were made with other data or another protocol, so that a '
            f'model could be scored on subjects it was trained on: {"; ".join(split)}'
        )
    return found
