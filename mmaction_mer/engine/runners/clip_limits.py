"""The clips that a config can use, by the settings of its pipeline and its model."""

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
# With these a clip gets other frames than those of its row, which are unknown here.
_SAMPLERS = {
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
    """Read the requirements of a pipeline and its model on a clip.

    Args:
        pipeline: Config of the transforms.
        model: Config of the model.

    Returns:
        The limits; None if the pipeline samples frames itself, so that clips of any
        length can be used.

    Raises:
        MERRunError: The pass band is empty.

    >>> read_limits([dict(type='LoadMERFrames', max_frames=None),
    ...              dict(type='EulerianMagnification', high=3.0)], None)
    ClipLimits(most=None, length=None, low=0.4, high=3.0, fps=None, apex=False)
    """
    found: dict[str, Any] = dict(most=None, length=None, low=None, high=None)
    magnified = False  # by the pipeline, before the model
    for transform in pipeline:
        kind = _name(transform)
        if kind in _SAMPLERS:
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
    asks = getattr(_class(given) or _default_preprocessor(model), 'clip_limits', None)
    if asks is not None and not magnified:
        # The clips are filtered on the device, unless the pipeline does it.
        found.update(asks(given if isinstance(given, Mapping) else {}))
    try:
        return ClipLimits(**found)
    except (TypeError, ValueError) as error:
        raise MERRunError(
            f'low={found["low"]}, high={found["high"]} of the motion filter: {error}'
        ) from error


def config_limits(path: str) -> ClipLimits | None:
    """Read the requirements of a config file on its test (or training) clips.

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
        raise MERRunError('is missing', path=path, field='test_dataloader')
    dataset = mer_dataset(cfg[key], key)
    return read_limits(dataset.get('pipeline') or (), cfg.get('model'))


def check_usable(
    rows: Sequence[Mapping[str, Any]],
    dataset: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    task: str | None,
    source: str,
) -> str:
    """Check that a data set's pipeline and its model can use all clips.

    Args:
        rows: The rows of the data set.
        dataset: Its config.
        model: Config of the model.
        task: ``metainfo.task_name`` of its annotation file.
        source: The annotation file, for messages.

    Returns:
        A sentence on pass bands that are narrowed; empty if none is.

    Raises:
        MERDataError: Some clips cannot be used; each is listed with its field.
        MERRunError: The pass band is empty.
    """
    limits = read_limits(dataset.get('pipeline') or (), model)
    if limits is None:
        return ''
    # The rows of a user's own data set may lack the fields of an annotation.
    complete = [row for row in rows if row.keys() >= _FIELDS]
    found = check_limits(complete, limits, task)
    raise_problems(
        source,
        'the pipeline and the model of this config cannot use all clips',
        list(found.problems.values()),
    )
    return found.summary(limits)


def check_config_clips(cfg: Config) -> list[str]:
    """Check that a config of mmengine's own Runner can use all clips.

    The plan of a protocol checks its clips. Here each data loader over a
    :class:`MERDataset` is checked, before training meets such a clip.

    Args:
        cfg: The config.

    Returns:
        Remarks on the clips, each once.

    Raises:
        MERDataError: Some clips cannot be used, or an annotation cannot.
        MERRunError: The pass band is empty.
    """
    notes: dict[str, None] = {}
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        try:
            dataset = mer_dataset(cfg.get(key) or {}, key)
        except MERRunError:
            continue  # not a data set of this package
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
    """Return the class name in a config, without scope and module."""
    kind = part.get('type') if isinstance(part, Mapping) else type(part)
    text = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return text.rpartition('.')[2]


def _class(part: Any) -> type | None:
    if not isinstance(part, Mapping):
        return type(part) if part is not None else None
    kind = part.get('type')
    return MODELS.get(kind) if isinstance(kind, str) else kind


def _default_preprocessor(model: Any) -> type | None:
    """Return the default data preprocessor of a recognizer."""
    kind = _class(model) if isinstance(model, Mapping) else None
    name = getattr(kind, 'default_preprocessor', None)
    return MODELS.get(name) if name else None
