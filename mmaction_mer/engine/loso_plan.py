"""The plan of a run: its folds, its fingerprint, and what stands on disk already."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.logging import MMLogger

from ..datasets.protocols import Fold, assert_disjoint, make_folds
from ..evaluation.report import SELECTIONS
from ..utils import atomic_write
from .best_checkpoint import check_save_best
from .config_limits import refuse_unusable
from .errors import MERRunError
from .fingerprint import (
    NUMERICS,
    canonical_config,
    file_digest,
    fingerprint,
    pretrained_digests,
)
from .fold_check import differing
from .fold_config import EVERYBODY, annotation_path, mer_dataset, plan_seed
from .fold_folder import FoldFolder, check_fold_name, check_fold_place, find_folds
from .fold_runner import say_once
from .hooks import clip_datasets, clip_subjects
from .num_classes import set_num_classes
from .overlap import refuse_seen_subjects
from .run_clips import RunClips, look_at_clips
from .slim_checkpoint import read_checkpoint
from .stored_plan import sound_run, stored_run, what_differs, write_plan

OPTIONS = {
    'protocol': 'loso',
    'strategy': 'sequential',
    'select': 'last',
    'folds': None,
    'seeds': None,
    'workers': None,
    'folds_per_group': 'auto',
    'share': None,
    'allow_seen': None,
}
# What must be the same for folds to be scored again; the rest is only named.
_TIES = ('annotation', 'loso.protocol')


@dataclass(frozen=True)
class Plan:
    """What a config asks for, with its data looked at.

    Attributes:
        folds: All folds of the protocol.
        wanted: The folds asked for.
        subjects: The subject of each clip.
        classes: Names of the classes.
        annotation: Digest of what the annotation file says.
        clips: The clips that are tested on, and their labels.
        config: The canonical config.
        select: Which iteration counts.
        options: All options of ``loso``, those not given by their defaults.
        seed: Seed of the run.
        many_seeds: Whether the run is one of several that differ in nothing else.
        seen: Data sets whose subjects the pre-trained weights have seen.
        notes: What is to be known of the clips before they are trained on.
    """

    folds: list[Fold]
    wanted: list[Fold]
    subjects: list[str]
    classes: list[str]
    annotation: str
    clips: RunClips
    config: dict[str, Any]
    select: str
    options: dict[str, Any]
    seed: int
    many_seeds: bool = False
    seen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the config and of the annotation file's content."""
        return fingerprint(self.config)


def make_plan(cfg: Config) -> Plan:
    """Read a config and its annotation file.

    Args:
        cfg: The config of the protocol. The number of classes of its model's head is
            set where the config leaves it to the annotation file.

    Returns:
        The plan.

    Raises:
        MERDataError: The annotation or the protocol cannot be used, or the pipeline
            and the model cannot use some of the clips; all of these are named.
        MERRunError: An option is not known, the model has another number of classes
            than the annotation, or its weights have seen subjects that are tested on.
    """
    given = dict(cfg.get('loso') or {})
    if unknown := sorted(given.keys() - OPTIONS.keys()):
        raise MERRunError(
            f'loso.{unknown[0]} is not an option; the options are {", ".join(OPTIONS)}'
        )
    options = {**OPTIONS, **given}
    if options['select'] not in SELECTIONS:
        raise MERRunError(
            f'loso.select is {options["select"]!r}, not one of {", ".join(SELECTIONS)}'
        )
    check_numbers(options)
    for key in ('train_dataloader', 'test_dataloader', 'train_cfg', 'optim_wrapper'):
        if cfg.get(key) is None:
            raise MERRunError(f'the config has no {key}, which every fold needs')
    check_counts(cfg)
    check_save_best(cfg)
    data = mer_dataset(cfg.train_dataloader, 'train_dataloader')
    tested = mer_dataset(cfg.test_dataloader, 'test_dataloader')
    path = annotation_path(data)
    if path != annotation_path(tested):
        raise MERRunError(
            f'training reads {path} and testing {annotation_path(tested)}: the folds '
            f'of a protocol are cut from one annotation file'
        )
    # The data set itself says who is left once filters and missing frames are seen.
    for handler in MMLogger.get_current_instance().handlers:
        handler.addFilter(say_once)
    whole = DATASETS.build({**copy.deepcopy(data), **EVERYBODY, 'pipeline': []})
    set_num_classes(cfg, list(whole.metainfo['classes']), path)
    if not whole.metainfo.get('subjects_known', True):
        raise MERRunError(
            f'{path}: who is seen in its clips is not known, so that no protocol can '
            f'keep a person on one side: use it for pre-training (if you know better, '
            f'set metainfo.subjects_known to true there)'
        )
    subjects = clip_subjects(whole)
    datasets = clip_datasets(whole)
    folds = make_folds(options['protocol'], subjects, datasets)
    allowed = options['allow_seen'] or []
    seen = refuse_seen_subjects(
        cfg,
        zip(datasets or [], subjects, strict=False),
        [allowed] if isinstance(allowed, str) else allowed,
    )
    for fold in folds:
        check_fold_name(fold.name)
        assert_disjoint(fold, subjects)
    rows = _tested_rows(tested, data, whole, folds)
    task, model = whole.metainfo.get('task_name'), cfg.get('model')
    notes = [
        refuse_unusable(some, dataset, model, task, str(path))
        for some, dataset in ((_rows(whole), data), (rows, tested))
    ]
    clips, digest = look_at_clips(path, rows)
    config = {
        **canonical_config(cfg),
        'annotation': digest,
        'numerics': NUMERICS,
    }
    if start := cfg.get('load_from'):
        config['initial_weights'] = (
            file_digest(start) if Path(start).is_file() else str(start)
        )
    if weights := pretrained_digests(cfg.get('model')):
        config['pretrained_weights'] = weights
    return Plan(
        folds=folds,
        wanted=pick_folds(folds, options['folds']),
        subjects=subjects,
        classes=list(whole.metainfo['classes']),
        annotation=digest,
        clips=clips,
        config=config,
        select=options['select'],
        options=options,
        seed=plan_seed(cfg),
        seen=tuple(seen),
        notes=tuple(filter(None, dict.fromkeys(notes))),
    )


def _tested_rows(
    tested: dict[str, Any], trained: dict[str, Any], whole: Any, folds: list[Fold]
) -> list[dict[str, Any]]:
    """List the rows that folds are tested on, which may be fewer than all.

    Args:
        tested: Config of the data set that is tested on.
        trained: Config of the one that is trained on.
        whole: The latter, built with all subjects.
        folds: The folds.
    """
    reading = ('pipeline', 'test_mode', 'cache', 'store', 'serialize_data')
    alike = [
        {key: value for key, value in one.items() if key not in reading}
        for one in (tested, trained)
    ]
    plain = {**copy.deepcopy(tested), 'pipeline': [], 'test_mode': True}
    if tested.get('indices') is not None:
        # So many clips of each fold's own, whichever these are.
        plain = {**plain, 'inner': (), 'side': 'test'}
        sets = [
            DATASETS.build({**plain, 'held_out': list(fold.held_out)}) for fold in folds
        ]
    else:
        same = alike[0] == alike[1]
        sets = [whole if same else DATASETS.build({**plain, **EVERYBODY})]
    return [row for one in sets for row in _rows(one)]


def _rows(dataset: Any) -> list[dict[str, Any]]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def check_numbers(options: dict[str, Any]) -> None:
    """See that the options of ``loso`` that are numbers are numbers that can be.

    Raises:
        MERRunError: One is not, or a seed is given twice.
    """
    seeds, workers = options['seeds'], options['workers']
    if seeds is not None:
        whole = isinstance(seeds, list | tuple) and seeds
        if not whole or any(type(seed) is not int or seed < 0 for seed in seeds):
            raise MERRunError(
                f'loso.seeds is {seeds!r}, not a list of integers from 0 up'
            )
        if len(set(seeds)) < len(seeds):
            raise MERRunError(f'loso.seeds names a seed twice: {list(seeds)}')
        if max(seeds) >= 2**32:
            raise MERRunError(f'loso.seeds: {max(seeds)} is above 2**32 - 1')
    if workers is not None and (type(workers) is not int or workers < 1):
        raise MERRunError(f'loso.workers is {workers!r}, not a positive integer')
    share = options['share']
    if share is not None:
        whole = isinstance(share, list | tuple) and len(share) == 2
        if not whole or any(type(number) is not int for number in share):
            raise MERRunError(f'loso.share is {share!r}, not two integers (k, n)')
        if not 0 <= share[0] < share[1]:
            raise MERRunError(
                f'loso.share is {tuple(share)}: shares of n are counted from 0 to n - 1'
            )
    size = options['folds_per_group']
    if size != 'auto' and (type(size) is not int or size < 1):
        raise MERRunError(
            f"loso.folds_per_group is {size!r}, neither 'auto' nor a positive integer"
        )


def check_counts(cfg: Config) -> None:
    """See that the numbers of iterations and of clips in a batch are numbers.

    Raises:
        MERRunError: One of them is not a positive integer.
    """
    places = [
        ('train_cfg', 'max_iters'), ('train_cfg', 'max_epochs'),
        ('train_cfg', 'val_interval'),
        ('train_dataloader', 'batch_size'), ('test_dataloader', 'batch_size'),
    ]  # fmt: skip
    for part, field in places:
        if not isinstance(cfg[part], dict):
            raise MERRunError(f'{part} is {cfg[part]!r}, not a dict of settings')
        value = cfg[part].get(field)
        if value is not None and (type(value) is not int or value < 1):
            raise MERRunError(f'{part}.{field} is {value!r}, not a positive integer')


def check_one_run(folders: Iterable[FoldFolder]) -> None:
    """See that folds that shall be pooled were trained in one and the same way.

    Raises:
        MERRunError: They differ in selection or fingerprint.
    """
    states = {folder.name: folder.state() for folder in folders}
    for key in ('selection', 'fingerprint'):
        groups: dict[str, list[str]] = {}
        for name, state in states.items():
            groups.setdefault(str(state.get(key)), []).append(name)
        if len(groups) > 1:
            shown = '; '.join(
                f'{value}: {", ".join(names)}' for value, names in groups.items()
            )
            raise MERRunError(
                f'these folds are not of one run, their {key} in fold.json differs, '
                f'and they cannot be pooled ({shown}): choose some by --folds, '
                f'or train all in one --work-dir'
            )


def pick_folds(folds: list[Fold], names: str | Iterable[str] | None) -> list[Fold]:
    """Pick folds by name.

    >>> folds = make_folds('loso', ['s1', 's2', 's3'])
    >>> [fold.name for fold in pick_folds(folds, ['s3', 's1'])]
    ['s1', 's3']

    Raises:
        MERRunError: A name is not known; the message lists those that are.
    """
    if names is None:
        return folds
    asked = [names] if isinstance(names, str) else [str(name) for name in names]
    known = [fold.name for fold in folds]
    if unknown := [name for name in asked if name not in known]:
        raise MERRunError(
            f'no such fold: {", ".join(unknown)}; the folds are {", ".join(known)}'
        )
    if not asked:
        raise MERRunError(f'no fold is asked for; the folds are {", ".join(known)}')
    return [fold for fold in folds if fold.name in asked]


def claim_work_dir(cfg: Config, plan: Plan) -> None:
    """See that a work directory is new or fits the plan, and write the plan into it.

    Args:
        cfg: The config of the protocol.
        plan: Its plan.

    Raises:
        MERRunError: The directory holds folds and ``resume`` was not asked for, or
            they come from another config or another annotation.
    """
    work_dir = Path(cfg.work_dir)
    started = find_folds(work_dir)
    if started and not cfg.get('resume') and not plan.options['share']:
        raise MERRunError(
            f'{work_dir} already holds {len(started)} fold(s) of a run: go on with it '
            f'by --resume, choose another --work-dir, or delete {work_dir}'
        )
    for fold in plan.folds:
        check_fold_place(FoldFolder(work_dir / 'folds' / fold.name))
    if started:
        refuse_other_run(work_dir, started, plan)
    facts = {
        'fingerprint': plan.fingerprint,
        'classes': plan.classes,
        'folds': {fold.name: list(fold.held_out) for fold in plan.folds},
        'load_from': cfg.get('load_from'),
        'config': plan.config,
        'clips': plan.clips.to_json(),
    }
    write_plan(work_dir, facts)
    # A start by this file is one of the whole run.
    whole = copy.deepcopy(cfg)
    if whole.get('loso'):
        whole.loso.pop('share', None)
    atomic_write(work_dir / 'config.py', whole.pretty_text)


def resumed_config(cfg: Config) -> Config:
    """Copy a config; a resumed run keeps the weights that it first started from.

    Raises:
        MERRunError: ``resume`` comes with a checkpoint.
    """
    cfg = copy.deepcopy(cfg)
    if cfg.get('resume'):
        if cfg.get('load_from'):
            raise MERRunError(
                f'a run over folds resumes from its work directory, not from '
                f'{cfg.load_from}: give --work-dir and a plain --resume'
            )
        cfg.load_from = _first_weights(Path(cfg.work_dir))
    return cfg


def _first_weights(work_dir: Path) -> str | None:
    """Find what a run started from; a damaged file leaves the others to say it."""
    for folder in (work_dir, *sorted(work_dir.glob('seed*/'))):
        if stored := sound_run(folder):
            return stored.get('load_from')
    for folder in (work_dir, *sorted(work_dir.glob('seed*/'))):
        for fold in find_folds(folder):
            try:
                if state := fold.state():
                    return state.get('load_from')
            except MERRunError:
                continue
    return None


def refuse_mixed_seeds(work_dir: Path, several: bool) -> None:
    """Keep a run over seeds and a run of one seed in directories of their own.

    Raises:
        MERRunError: A run of the other kind is here.
    """
    found = find_folds(work_dir) if several else [*work_dir.glob('seed*/loso.json')]
    if found:
        kind = 'one seed alone' if several else 'several seeds (loso.seeds)'
        raise MERRunError(
            f'{work_dir} holds a run of {kind}, which the results of this one would '
            f'overwrite: choose another --work-dir'
        )


def refuse_other_run(work_dir: Path, started: list[FoldFolder], plan: Plan) -> None:
    """Refuse folds that another config or another annotation file made.

    A file that cannot be read refuses nothing: what remains says enough.

    Raises:
        MERRunError: There are such folds; the message says what differs.
    """
    stored = sound_run(work_dir)
    found = stored.get('fingerprint', plan.fingerprint) != plan.fingerprint
    if not found and not any(_of_another_run(folder, plan) for folder in started):
        before = RunClips.from_json(stored.get('clips'))
        if before and before.tested.keys() != plan.clips.tested.keys():
            shown = ''.join(f'\n  {line}' for line in before.changes(plan.clips))
            raise MERRunError(
                f'{work_dir} holds folds that were tested on other clips of this '
                f'annotation: put their frames back as they were, or choose another '
                f'--work-dir. What differs:{shown}'
            )
        return
    if stored.get('format') == 1:
        raise MERRunError(
            f'{work_dir} holds folds of an earlier version, which this one cannot go '
            f'on with, since it knew an annotation by the bytes of its file: choose '
            f'another --work-dir. Its results can still be read'
        )
    changed = what_differs(stored, plan.config, plan.clips) if stored else []
    shown = ''.join(f'\n  {line}' for line in changed[:20])
    if len(changed) > 20:
        shown += f'\n  ... and {len(changed) - 20} more'
    nothing = ' (no loso.json to compare with)' if not stored else ''
    raise MERRunError(
        f'{work_dir} holds folds of another config, which cannot be mixed with this '
        f'one: use the config it was made with ({work_dir / "config.py"}) or another '
        f'--work-dir. What differs:{shown or nothing or " fold.json of some fold"}'
    )


def _of_another_run(folder: FoldFolder, plan: Plan) -> bool:
    """Tell whether a fold was trained otherwise, by all that it says itself."""
    expected = {'fingerprint': plan.fingerprint}
    try:
        state = folder.state()
        if not state.get('fingerprint') or not differing(state, expected):
            return False
        # Where it says so alone, it is damaged: the model knows better.
        meta = read_checkpoint(folder.model, mmap=True).get('meta') or {}
        return bool(differing(meta, expected))
    except MERRunError:
        return bool(folder.state_file.is_file() and not folder.model.is_file())


def trained_folds(source: Path) -> tuple[list[FoldFolder], dict[str, Any]]:
    """Find the finished folds that a path stands for.

    Args:
        source: The work directory of a run, the folder of a fold or its
            ``model.pth``.

    Returns:
        The fold folders, and the ``loso.json`` of their run if it is there.

    Raises:
        MERRunError: There is no finished fold.
    """
    alone = FoldFolder(source if source.is_dir() else source.parent)
    if alone.state_file.is_file():
        if not source.is_dir() and source != alone.model:
            raise MERRunError(
                f'{source}: give the checkpoint of the fold, {alone.model}'
            )
        found, work_dir = [alone], alone.path.parent.parent
    else:
        found, work_dir = find_folds(source), source
    trained = [folder for folder in found if folder.state().get('status') == 'done']
    if not trained:
        raise MERRunError(
            f'{source}: no finished fold here; give the work directory of a run, or '
            f'the folder or model.pth of one of its folds (beside its fold.json), or '
            f'train first'
        )
    return trained, stored_run(work_dir)


def compare_for_test(stored: dict[str, Any], plan: Plan) -> list[str]:
    """Name what differs between the config that trained and the one that scores.

    Raises:
        MERRunError: The annotation or the protocol differs, so that a subject
            might be scored by a model that was trained on it.
    """
    if 'config' not in stored:
        return []
    ignored = ('initial_weights', 'randomness', 'loso.select', 'train_', 'optim_',
               'param_', 'default_hooks', 'custom_hooks', 'auto_scale_lr')  # fmt: skip
    found = [
        line
        for line in what_differs(stored, plan.config, plan.clips)
        if not line.startswith(ignored)
    ]
    if tied := [line for line in found if line.startswith(_TIES)]:
        raise MERRunError(
            f'the folds were made with other data or another protocol, so that a '
            f'model could be scored on subjects it was trained on: {"; ".join(tied)}'
        )
    return found
