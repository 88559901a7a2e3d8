"""The plan of a run: its folds, its clips, and its fingerprint."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.logging import MMLogger

from ...datasets.protocols import Fold, assert_disjoint, make_folds
from ...utils.errors import MERRunError
from ...utils.hashing import file_digest
from ..work_dir.fingerprint import (
    NUMERICS,
    canonical_config,
    fingerprint,
    pretrained_digests,
)
from ..work_dir.fold_folder import check_fold_name
from ..work_dir.run_clips import RunClips, collect_clips
from .clip_limits import check_usable
from .console import show_once
from .fold_config import ALL_SUBJECTS, annotation_path, mer_dataset, plan_seed
from .num_classes import set_num_classes
from .plan_options import read_options
from .subject_leakage import check_leakage


@dataclass(frozen=True)
class CVPlan:
    """The cross-validation that a config describes, on its data.

    Attributes:
        folds: All folds of the protocol.
        wanted: The folds to train.
        subjects: The subject of each clip.
        classes: Names of the classes.
        annotation: Digest of the content of the annotation file.
        clips: The clips that are tested on, with their labels.
        config: The canonical config.
        select: Which iteration is scored.
        options: All options of ``loso``, with their defaults.
        seed: Seed of the run.
        many_seeds: Whether the run is one of several that differ only in their seed.
        seen: Data sets whose subjects the pre-trained weights have seen.
        notes: Remarks on the clips, to be printed before training.
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
        """Fingerprint of the config and of the content of the annotation file."""
        return fingerprint(self.config)


def make_plan(cfg: Config) -> CVPlan:
    """Make the plan of a config, which reads its annotation file.

    Args:
        cfg: The config of the protocol.

    Returns:
        The plan.

    Raises:
        MERDataError: The annotation or the protocol cannot be used, or the pipeline
            and the model cannot use some of the clips; all of these are listed.
        MERRunError: An option is wrong, the model has another number of classes than
            the annotation, or its weights have seen subjects that are tested on.
    """
    options = read_options(cfg)
    data = mer_dataset(cfg.train_dataloader, 'train_dataloader')
    tested = mer_dataset(cfg.test_dataloader, 'test_dataloader')
    path = annotation_path(data)
    if path != annotation_path(tested):
        raise MERRunError(
            f'is {path} for training and {annotation_path(tested)} for testing, but '
            f'the folds of a protocol share one annotation file',
            field='ann_file',
        )
    # Filters and missing frames are applied by the data set itself.
    for handler in MMLogger.get_current_instance().handlers:
        handler.addFilter(show_once)
    whole = DATASETS.build({**copy.deepcopy(data), **ALL_SUBJECTS, 'pipeline': []})
    classes = list(whole.metainfo['classes'])
    set_num_classes(cfg, classes, path)
    if not whole.metainfo.get('subjects_known', True):
        raise MERRunError(
            'the subjects of its clips are unknown, so that no protocol can separate '
            'them',
            path=path,
            hint='use it for pre-training; if the subjects are right, set '
            'metainfo.subjects_known to true there',
        )
    rows = _rows(whole)
    subjects = [row['subject'] for row in rows]
    datasets = [row.get('dataset') for row in rows]
    known = None if None in datasets else datasets
    folds = make_folds(options['protocol'], subjects, known)
    allowed = options['allow_leakage'] or []
    seen = check_leakage(
        cfg,
        zip(known or [], subjects, strict=False),
        [allowed] if isinstance(allowed, str) else allowed,
    )
    for fold in folds:
        check_fold_name(fold.name)
        assert_disjoint(fold, subjects)
    tested_rows = _tested_rows(tested, data, rows, folds)
    task, model = whole.metainfo.get('task_name'), cfg.get('model')
    notes = [
        check_usable(some, dataset, model, task, str(path))
        for some, dataset in ((rows, data), (tested_rows, tested))
    ]
    clips, digest = collect_clips(path, tested_rows)
    config = {**canonical_config(cfg), 'annotation': digest, 'numerics': NUMERICS}
    if start := cfg.get('load_from'):
        config['initial_weights'] = (
            file_digest(start) if Path(start).is_file() else str(start)
        )
    if weights := pretrained_digests(model):
        config['pretrained_weights'] = weights
    return CVPlan(
        folds=folds,
        wanted=pick_folds(folds, options['folds']),
        subjects=subjects,
        classes=classes,
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
    tested: dict[str, Any],
    trained: dict[str, Any],
    rows: list[dict[str, Any]],
    folds: list[Fold],
) -> list[dict[str, Any]]:
    """List the rows that the folds are tested on, which may be fewer than all.

    Args:
        tested: Config of the data set that is tested on.
        trained: Config of the one that is trained on.
        rows: The rows of the latter, of all subjects.
        folds: The folds.
    """
    plain = {**copy.deepcopy(tested), 'pipeline': [], 'test_mode': True}
    if tested.get('indices') is not None:
        # The first clips of each fold, whichever they are.
        plain = {**plain, 'inner': (), 'side': 'test'}
        parts = [
            DATASETS.build({**plain, 'held_out': list(fold.held_out)}) for fold in folds
        ]
        return [row for one in parts for row in _rows(one)]
    loading = ('pipeline', 'test_mode', 'cache', 'store', 'serialize_data')
    clips = [
        {key: value for key, value in one.items() if key not in loading}
        for one in (tested, trained)
    ]
    if clips[0] == clips[1]:
        return rows
    return _rows(DATASETS.build({**plain, **ALL_SUBJECTS}))


def _rows(dataset: Any) -> list[dict[str, Any]]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def pick_folds(folds: list[Fold], names: str | Iterable[str] | None) -> list[Fold]:
    """Select folds by name.

    >>> folds = make_folds('loso', ['s1', 's2', 's3'])
    >>> [fold.name for fold in pick_folds(folds, ['s3', 's1'])]
    ['s1', 's3']

    Raises:
        MERRunError: A name is unknown; the message lists the known ones.
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
        raise MERRunError(f'no fold is given; the folds are {", ".join(known)}')
    return [fold for fold in folds if fold.name in asked]
