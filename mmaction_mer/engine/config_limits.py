"""Which clips a config can use, by the settings of its pipeline and its model."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.registry import MODELS
from mmengine.registry import init_default_scope

from ..datasets.checking import LimitCheck, check_limits
from ..motion.limits import ClipLimits
from .command_line import read_config
from .errors import MERRunError
from .fold_config import mer_dataset

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
    packed = True
    for transform in pipeline:
        kind = _name(transform)
        if kind in _DRAWING:
            return None
        if kind == 'LoadMERFrames':
            found['most'] = transform.get('max_frames', ClipLimits.most)
        elif kind == 'StandardizeLength':
            found['length'] = transform.get('length', ClipLimits.length)
        elif kind == 'EulerianMagnification':
            packed = transform.get('output', 'motion') != 'motion'
            found.update({one: transform.get(one, getattr(ClipLimits, one))
                          for one in ('low', 'high', 'fps')})  # fmt: skip
    given = (model or {}).get('data_preprocessor')
    asks = getattr(_class(given) or _default(model), 'clip_limits', None)
    if asks is not None and packed:
        # The clips are filtered on the device, if not before.
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


def check_rows(
    rows: Sequence[Mapping[str, Any]],
    dataset: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    task: str | None,
) -> tuple[LimitCheck, str]:
    """Compare the clips of a data set with its pipeline and the model behind it.

    Args:
        rows: Its rows.
        dataset: Its config.
        model: Config of the model.
        task: ``metainfo.task_name`` of its annotation file.

    Returns:
        What was found, and a sentence on narrowed pass bands, or nothing.

    Raises:
        MERRunError: The pass band is none.
    """
    limits = read_limits(dataset.get('pipeline') or (), model)
    if limits is None:
        return LimitCheck(), ''
    found = check_limits(rows, limits, task)
    return found, found.summary(limits)


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
