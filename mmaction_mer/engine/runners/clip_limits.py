"""Which clips a config can use, by the settings of its pipeline and its model."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ...datasets.checking import check_limits
from ...motion.limits import ClipLimits
from ...utils.cli.command_line import read_config
from ...utils.errors import MERRunError, raise_problems
from .fold_config import annotation_path, mer_dataset

_FIELDS = {'dataset', 'subject', 'clip', 'onset', 'offset', 'fps'}
# They give a clip other frames than its row says: nothing is known of it here.
_DRAWING = {
    'DenseSampleFrames',
    'DrawFramePair',
    'SampleAVAFrames',
    'SampleFrames',
    'UniformSample',
    'UniformSampleFrames',
    'UntrimmedSampleFrames',
}


def read_limits(
    pipeline: Sequence[Mapping[str, Any]], model: Mapping[str, Any] | None
) -> ClipLimits | None:
    """Read what a pipeline and the model behind it ask of a clip.

    Args:
        pipeline: Config of the transforms.
        model: Config of the model.

    Returns:
        The limits; None where the pipeline draws frames of its own, so that clips of
        any length can be used.

    Raises:
        MERRunError: The pass band is none.

    >>> read_limits([dict(type='LoadMERFrames', max_frames=None),
    ...              dict(type='EulerianMagnification', high=3.0)], None)
    ClipLimits(most=None, length=None, low=0.4, high=3.0, fps=None, apex=False)
    """
    found: dict[str, Any] = dict(most=None, length=None, low=None, high=None)
    magnified = False  # before the model is given them
    for transform in pipeline:
        kind = _name(transform)
        if kind in _DRAWING:
            return None
        if kind == 'LoadMERFrames':
            found['most'] = transform.get('max_frames', ClipLimits.most)
        elif kind == 'StandardizeLength' and not magnified:
            found['length'] = transform.get('length', ClipLimits.length)
        elif kind == 'EulerianMagnification':
            magnified = True
            found.update({one: transform.get(one, getattr(ClipLimits, one))
                          for one in ('low', 'high', 'fps')})  # fmt: skip
        elif kind == 'PackMERInputs' and not magnified:
            found['fps'] = transform.get('fps')
    given = (model or {}).get('data_preprocessor')
    asks = getattr(_class(given) or _default(model), 'clip_limits', None)
    if asks is not None and not magnified:
        # The clips are filtered on the device, if not before; never twice.
        found.update(asks(given if isinstance(given, Mapping) else {}))
    try:
        return ClipLimits(**found)
    except (TypeError, ValueError) as error:
        raise MERRunError(
            f'low={found["low"]}, high={found["high"]} of the motion filter: {error}'
        ) from error


def config_limits(path: str) -> ClipLimits | None:
    """Read what a config file asks of the clips that it tests on, or trains on.

    Args:
        path: The config file.

    Returns:
        As :func:`read_limits`.

    Raises:
        MERRunError: The config cannot be read or has no data set.
    """
    cfg = read_config(path)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    key = next(
        (one for one in ('test_dataloader', 'train_dataloader') if cfg.get(one)), None
    )
    if key is None:
        raise MERRunError(f'{path}: the config has no test_dataloader')
    dataset = mer_dataset(cfg[key], key)
    return read_limits(dataset.get('pipeline') or (), cfg.get('model'))


def check_usable(
    rows: Sequence[Mapping[str, Any]],
    dataset: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    task: str | None,
    source: str,
) -> str:
    """Refuse clips that a data set's pipeline and the model behind it cannot use.

    Args:
        rows: The rows of the data set.
        dataset: Its config.
        model: Config of the model.
        task: ``metainfo.task_name`` of its annotation file.
        source: The annotation file, for messages.

    Returns:
        A sentence on pass bands that are narrowed, or nothing.

    Raises:
        MERDataError: There are such clips; each is named with its field.
        MERRunError: The pass band is none.
    """
    limits = read_limits(dataset.get('pipeline') or (), model)
    if limits is None:
        return ''
    # A user's own data set need not give the fields of an annotation.
    ours = [row for row in rows if row.keys() >= _FIELDS]
    found = check_limits(ours, limits, task)
    raise_problems(
        source,
        'the pipeline and the model of this config cannot use all clips',
        list(found.problems.values()),
    )
    return found.summary(limits)


def look_at_config(cfg: Config) -> list[str]:
    """Refuse clips that a config of mmengine's own Runner cannot use.

    A protocol looks at its clips in its plan. Here each data loader over a
    :class:`MERDataset` is looked at, before training meets such a clip.

    Args:
        cfg: The config.

    Returns:
        What is to be known of the others, each sentence once.

    Raises:
        MERDataError: There are such clips, or an annotation cannot be used.
        MERRunError: The pass band is none.
    """
    notes: dict[str, None] = {}
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        try:
            dataset = mer_dataset(cfg.get(key) or {}, key)
        except MERRunError:
            continue  # not of ours
        pipeline = dataset.get('pipeline') or ()
        if _name(dataset) != 'MERDataset' or not read_limits(
            pipeline, cfg.get('model')
        ):
            continue
        plain = {**copy.deepcopy(dataset), 'pipeline': [], 'lazy_init': False}
        built = DATASETS.build(plain)
        note = check_usable(
            [built.get_data_info(index) for index in range(len(built))],
            dataset,
            cfg.get('model'),
            built.metainfo.get('task_name'),
            str(annotation_path(dataset)),
        )
        if note:
            notes[note] = None
    return list(notes)


def _name(part: Any) -> str:
    """Name of what a config builds, without its scope and its module."""
    kind = part.get('type') if isinstance(part, Mapping) else type(part)
    text = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return text.rpartition('.')[2]


def _class(part: Any) -> type | None:
    if not isinstance(part, Mapping):
        return type(part) if part is not None else None
    kind = part.get('type')
    return MODELS.get(kind) if isinstance(kind, str) else kind


def _default(model: Any) -> type | None:
    """The data preprocessor that a recognizer takes where none is given."""
    kind = _class(model) if isinstance(model, Mapping) else None
    name = getattr(kind, 'default_preprocessor', None)
    return MODELS.get(name) if name else None
