"""The dataset class: one side of a fold of an annotation file."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from mmaction.datasets.base import BaseActionDataset
from mmaction.registry import DATASETS
from mmengine.dataset import Compose
from mmengine.logging import print_log

from ..utils.errors import MERDataError
from ..utils.text import quote
from .annotation import clip_name, read_annotation
from .clip_cache import ClipStore, MemoryCache, deterministic_prefix, find_store
from .clips import usable_clips
from .pipelines import build_transforms, check_readers
from .protocols import Fold, assert_disjoint, check_known

SIDES = ('all', 'train', 'val', 'test')
# Every fold builds its own datasets; a store that does not fit is reported once.
_reported_stores: set[str] = set()


@DATASETS.register_module()
class MERDataset(BaseActionDataset):
    """Clips of micro-expressions, as frame folders or videos.

    The annotation file is described in ``docs/annotation.md``; two of its lines:

    .. code-block:: none

        {"dataset": "synthme", "subject": "sub01", "clip": "sub01_c003",
         "frame_dir": "sub01/sub01_c003", "filename_tmpl": "img{}.jpg",
         "onset": 1, "apex": 23, "offset": 60, "fps": 200.0, "label": 0,
         "emotion": "disgust", "aus": ["4", "15"]},
        {"dataset": "synthme", "subject": "sub02", "clip": "sub02_c001",
         "video": "sub02/c001.mp4", "onset": 0, "apex": null, "offset": 44,
         "fps": 200.0, "label": 2, "emotion": "surprise", "aus": ["1", "2"]}

    The whole file is checked, not only this side, so that every fold has the same
    clips: those whose frames are missing are listed by name, and up to
    ``max_missing`` of them are skipped.

    Args:
        ann_file: The annotation file, below ``data_root`` or absolute.
        pipeline: Transforms; the first is :class:`LoadMERFrames`. Names without a
            prefix are looked up in mmaction's registry, whatever the default scope is.
        data_root: Folder that ``ann_file`` and ``data_prefix`` start from. Defaults
            to '', the current folder.
        data_prefix: ``dict(img=...)``: the folder that the paths in the
            annotation start from, below ``data_root`` or absolute. Defaults to
            ``data_root``.
        held_out: Subject or subjects to test on; not with ``side='all'``. Defaults to
            None.
        inner: Training subjects that are set aside for validation; not with
            ``side='all'``. Defaults to ().
        side: ``'train'`` (neither held out nor inner), ``'val'`` (inner),
            ``'test'`` (held out) or ``'all'`` (every subject). Defaults to 'all'.
        max_missing: Number of clips that may lack their frames. Defaults to 0.
        filter_cfg: Values to keep, by field of the annotation, such as
            ``dict(dataset=['casme2', 'samm'])``. Defaults to None.
        cache: Whether to keep every clip in memory once it is read and standardized,
            see :class:`~mmaction_mer.datasets.clip_cache.MemoryCache`. Defaults to
            False.
        store: Whether to read clips from ``<data_root>/store`` if that clip store was
            built by the same beginning of the pipeline, see
            :mod:`~mmaction_mer.datasets.clip_cache`. The result is the same. Defaults
            to True.
        test_mode: Whether the pipeline must not return None, as it may in training.
            Defaults to False.
        **kwargs: Further arguments of ``BaseActionDataset``: ``metainfo``,
            ``indices``, ``serialize_data``, ``lazy_init``...

    Raises:
        MERDataError: The annotation is not valid, too many clips lack frames, a
            subject does not exist or is on two sides, subjects are given with
            ``side='all'``, this side is empty, the store is stale, or the pipeline
            contains a sampler or decoder of mmaction.
    """

    #: The fields of a row that identify a clip; predictions contain them.
    METAINFO: ClassVar[dict[str, Any]] = {'names': ('dataset', 'subject', 'clip')}

    def __init__(
        self,
        ann_file: str,
        pipeline: list[dict | Callable],
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        held_out: str | Iterable[str] | None = None,
        inner: str | Iterable[str] = (),
        side: str = 'all',
        max_missing: int = 0,
        filter_cfg: Mapping[str, Any] | None = None,
        cache: bool = False,
        store: bool = True,
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        self.held_out = _as_subjects(held_out, 'held_out')
        self.inner = _as_subjects(inner, 'inner')
        self.side = side
        self.max_missing = max_missing
        self._use_memory, self._use_store = cache, store
        # Chosen when the clips are known.
        self.cache: MemoryCache | None = None
        self.store: ClipStore | None = None
        self._cached_pipeline: Compose | None = None
        data_prefix = {'img': ''} if data_prefix is None else dict(data_prefix)
        if set(data_prefix) != {'img'}:
            raise MERDataError(
                f"must be dict(img='folder'), but has the keys {list(data_prefix)}",
                path=ann_file,
                field='data_prefix',
            )
        problem = None
        if side not in SIDES:
            problem = f'{side!r} is not one of {", ".join(SIDES)}'
        elif side == 'test' and not self.held_out:
            problem = "'test' needs held_out, the subjects to test on"
        elif side == 'val' and not self.inner:
            problem = "'val' needs inner, the subjects to validate on"
        elif side == 'all' and (self.held_out or self.inner):
            field = 'held_out' if self.held_out else 'inner'
            problem = (
                f"'all', the default, includes the clips of {field} "
                f"({', '.join(self.held_out or self.inner)}): write side='train' to "
                f'train without them, side={"test" if self.held_out else "val"!r} to '
                f'evaluate on them, or remove {field} to read all clips'
            )
        if problem is not None:
            raise MERDataError(problem, path=ann_file, field='side')
        transforms = build_transforms(pipeline)
        check_readers(transforms, ann_file)
        super().__init__(
            ann_file,
            pipeline=transforms,
            data_root=data_root,
            data_prefix=data_prefix,
            filter_cfg=filter_cfg,
            test_mode=test_mode,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the annotation file and select the clips of this side."""
        content = read_annotation(self.ann_file)
        classes = content['metainfo']['classes']
        if list(self._metainfo.setdefault('classes', classes)) != classes:
            raise MERDataError(
                f'is {classes}, but {self._metainfo["classes"]} in the config: labels '
                'would change their meaning',
                path=self.ann_file,
                field='metainfo.classes',
            )
        for key, value in content['metainfo'].items():
            self._metainfo.setdefault(key, value)
        usable = usable_clips(
            content['data_list'],
            self.data_prefix['img'],
            source=self.ann_file,
            max_missing=self.max_missing,
        )
        for reason in usable.skipped.values():
            print_log(f'skipped: {reason}', 'current', logging.WARNING)
        for note in usable.notes:
            print_log(note, 'current', logging.WARNING)
        self._check_filter(content['data_list'])
        self._choose_caches(usable.rows)
        chosen = self._subjects_of_side({row['subject'] for row in usable.rows})
        return [row for row in usable.rows if row['subject'] in chosen]

    def filter_data(self) -> list[dict]:
        """Keep the clips whose fields have the values of ``filter_cfg``."""
        rows = self.data_list
        for field, values in (self.filter_cfg or {}).items():
            rows = [row for row in rows if row[field] in _as_list(values)]
        if not rows:
            raise MERDataError(
                f"no clip is left for side '{self.side}' after {self.filter_cfg}",
                path=self.ann_file,
                field='filter_cfg',
            )
        return rows

    def _check_filter(self, rows: list[dict]) -> None:
        """Check that each field of the filter exists and each value occurs."""
        for field, values in (self.filter_cfg or {}).items():
            if not all(field in row for row in rows):
                raise MERDataError(
                    f"'{field}' is not a field of every clip",
                    path=self.ann_file,
                    field='filter_cfg',
                )
            known = [row[field] for row in rows]
            if unknown := [value for value in _as_list(values) if value not in known]:
                raise MERDataError(
                    f'no clip has {field} {unknown[0]!r}',
                    path=self.ann_file,
                    field='filter_cfg',
                    hint='check its spelling',
                )

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on a clip, its deterministic beginning once if cached."""
        return (self._cached_pipeline or self.pipeline)(self.get_data_info(idx))

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the label of a clip, for mmengine's ``ClassBalancedDataset``."""
        return [int(super(BaseActionDataset, self).get_data_info(idx)['label'])]

    @property
    def subjects(self) -> list[str]:
        """The subject of each clip of this side, in order."""
        return [self.get_data_info(i)['subject'] for i in range(len(self))]

    @property
    def clips(self) -> list[str]:
        """The name of each clip of this side, ``dataset/subject/clip``, in order."""
        return [clip_name(self.get_data_info(i)) for i in range(len(self))]

    def _choose_caches(self, rows: list[dict]) -> None:
        """Replace the beginning of the pipeline by a store, by memory, or by both."""
        transforms = list(self.pipeline.transforms)
        prefix = deterministic_prefix(transforms)
        first, rest = transforms[: len(prefix)], transforms[len(prefix) :]
        self.store = self._fitting_store(prefix)
        if self.store is not None:
            self.store.check(rows, self.data_prefix['img'])
            first[: len(self.store.pipeline)] = [self.store]
        # The system caches the files of a store; only what follows it needs memory.
        if self._use_memory and len(first) > (self.store is not None):
            self.cache = MemoryCache(first, prefix)
            first = [self.cache]
        if self.store or self.cache:
            self._cached_pipeline = Compose([*first, *rest])

    def _fitting_store(self, prefix: list[str]) -> ClipStore | None:
        """Find the store, if it was built by the beginning of this pipeline."""
        if not self._use_store or not self.data_root or not prefix:
            return None
        store = find_store(self.data_root)
        if store is None or prefix[: len(store.pipeline)] == store.pipeline:
            return store
        note = (
            f'{store.folder}: not used: it was built by {_short(store.pipeline)}, but '
            f'this pipeline begins with {_short(prefix)}'
        )
        if note not in _reported_stores:
            _reported_stores.add(note)
            print_log(note, 'current', logging.INFO)
        return None

    def _subjects_of_side(self, known: set[str]) -> set[str]:
        """Return the subjects of this side, each of which is on one side only."""
        held_out, inner = set(self.held_out), set(self.inner)
        check_known(self.held_out, known, 'held_out', self.ann_file)
        check_known(self.inner, known, 'inner', self.ann_file)
        train = known - held_out - inner
        if held_out:
            fold = Fold('held_out', tuple(held_out), tuple(train | inner))
            assert_disjoint(fold, list(known))
        if not train:
            raise MERDataError(
                'held_out and inner leave no subject to train on', path=self.ann_file
            )
        return {'all': known, 'train': train, 'val': inner, 'test': held_out}[self.side]


def _short(transforms: list[str]) -> str:
    """Write the first few transforms for a message."""
    more = ', ...' if len(transforms) > 8 else ''
    return f'[{", ".join(map(quote, transforms[:8]))}{more}]'


def _as_list(values: Any) -> Any:
    return values if isinstance(values, list | tuple | set) else [values]


def _as_subjects(value: str | Iterable[str] | None, field: str) -> tuple[str, ...]:
    """Return the subjects of an argument that is one subject, several or None."""
    if value is None:
        return ()
    several = isinstance(value, Iterable) and not isinstance(value, str)
    subjects = tuple(value) if several else (value,)
    if wrong := [subject for subject in subjects if not isinstance(subject, str)]:
        raise MERDataError(
            f'subjects are strings as in the annotation file, but {wrong[0]!r} is not',
            field=field,
            hint="write it in quotes, such as 'sub01'",
        )
    return subjects
