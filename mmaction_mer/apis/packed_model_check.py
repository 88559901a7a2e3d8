"""Check that the config and the weights of a packed model fit together.

The model is built on the meta device, which takes no memory, and run on a clip, so that
all sizes are known and every mismatch is reported before the real model is built.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..models.utils.slim_checkpoint import KEY, frozen_tensors
from ..utils.errors import MERRunError
from ..utils.quiet import quiet
from ..utils.text import first_line, quote
from .clip_pipeline import ClipPipeline
from .framing import get_framing

#: Largest number of weights of a packed model: a ViT-B with a margin.
MAX_WEIGHTS = 128_000_000
#: Largest number of weights of all folds including the frozen part: 150 of a ViT-B.
MAX_TOTAL_WEIGHTS = 100 * MAX_WEIGHTS
#: Largest number of pixels in all frames of a clip: 28 frames of 384 by 384.
MAX_PIXELS = 1 << 22
# Number of frames of the clip that the model is run on, and their rate in Hz.
_FRAMES, _RATE = 20, 100.0
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full)


class _OnMetaDevice(TorchFunctionMode):
    """Create the weights of layers on the meta device.

    ``torch.device('meta')`` would also affect small constants whose values are read.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            kwargs = {**kwargs, 'device': 'meta'}
        return func(*args, **kwargs)


def check_fit(parts: Mapping[str, Any], source: str) -> None:
    """Check that a model can be built, accepts its pipeline's clips, and has weights.

    Args:
        parts: ``model``, ``pipeline``, ``dataset`` and ``folds`` of a packed model,
            whose types and arguments have been checked.
        source: Origin of the model, for messages.

    Raises:
        MERRunError: The parts do not fit together, or are too large.
    """
    try:
        packed = _pack_clip(parts['pipeline'], parts['dataset'])
        with DefaultScope.overwrite_default_scope('mmaction'), quiet(), torch.no_grad():
            with _OnMetaDevice():
                model = MODELS.build(_without_init(parts['model'])).eval()
            count = sum(value.numel() for value in model.state_dict().values())
            if count > MAX_WEIGHTS:
                raise ValueError(f'{count:,} weights, more than {MAX_WEIGHTS:,}')
            scores = _scores(model, packed)
        if scores.shape[-1] != parts['model']['cls_head']['num_classes']:
            raise ValueError(f'its scores are {tuple(scores.shape)}')
    except Exception as error:
        # Any exception here is caused by the content of the file.
        reason = f'{type(error).__name__}: {first_line(error)}'
        raise MERRunError(
            f'its parts do not fit together ({reason})',
            path=source,
            hint='pack the run again',
        ) from error
    total = len(parts['folds']) * count
    if total > MAX_TOTAL_WEIGHTS:
        raise MERRunError(
            f'its {len(parts["folds"])} folds use {total:,} weights, more than '
            f'{MAX_TOTAL_WEIGHTS:,}',
            path=source,
            hint='pack fewer of them (--folds)',
        )
    owners: dict[int, str] = {}
    for name, state in parts['folds'].items():
        try:
            _check_state(state, model)
            _check_memory(name, state, owners)
        except ValueError as error:
            raise MERRunError(
                str(error),
                path=source,
                field=f'folds.{name}',
                hint='pack the run again',
            ) from error


def _pack_clip(pipeline: Any, dataset: str) -> dict[str, Any]:
    side = get_framing(dataset).size
    sizes, lengths = [(side, side)], [_FRAMES]
    for step in pipeline:
        if step['type'].endswith('Resize'):
            sizes.append(tuple(step['scale']))
        if step['type'].endswith('StandardizeLength'):
            lengths.append(step.get('length', 16))
    pixels = max(lengths) * max(max(size) ** 2 for size in sizes)
    if pixels > MAX_PIXELS:
        raise ValueError(f'{pixels:,} pixels per clip, more than {MAX_PIXELS:,}')
    frames = np.random.default_rng(0).integers(
        0, 256, (_FRAMES, side, side, 3), dtype=np.uint8
    )
    return ClipPipeline(pipeline, dataset)(frames, _RATE, _FRAMES / 2, 'a clip')


def _without_init(value: Any) -> Any:
    """Copy a config without the files that its parts start from."""
    if isinstance(value, dict):
        return {
            key: _without_init(one) for key, one in value.items() if key != 'init_cfg'
        }
    if isinstance(value, list | tuple):
        return type(value)(_without_init(one) for one in value)
    return value


def _scores(model: nn.Module, packed: dict[str, Any]) -> Tensor:
    """Run a model on the meta device on one clip."""
    inputs = model.data_preprocessor(pseudo_collate([packed]), False)['inputs']
    if isinstance(inputs, dict):
        inputs = {key: value.to('meta') for key, value in inputs.items()}
    else:
        inputs = inputs.to('meta')
    with torch.device('meta'):
        scores, _ = model.extract_feat(inputs, stage='head', test_mode=True)
    return scores


def _check_memory(name: str, state: Mapping[str, Tensor], owners: dict) -> None:
    """Reject folds that share memory: a small file would cause the work of a large one.

    Args:
        name: Name of the fold.
        state: Its state dict.
        owners: Fold of each storage; updated.
    """
    for value in state.values():
        if value.numel():
            owner = owners.setdefault(value.untyped_storage().data_ptr(), name)
            if owner != name:
                raise ValueError(f'shares memory with the fold {owner}')


def _check_state(state: Any, model: nn.Module) -> None:
    if not isinstance(state, dict):
        raise ValueError(f'is {quote(state)}, not weights by name')
    whole = model.state_dict()
    frozen = frozen_tensors(model)
    expected = set(whole)
    if frozen and KEY in state:
        expected = (expected - frozen.keys()) | {KEY}
        whole[KEY] = torch.empty(32, dtype=torch.uint8, device='meta')
    if state.keys() != expected:
        others = [*(expected - state.keys()), *(state.keys() - expected)]
        raise ValueError(
            f'{len(others)} of its weights are missing or belong to another model, '
            f'such as {quote(others[0])}'
        )
    for key, value in state.items():
        _check_tensor(key, value, whole[key])


def _check_tensor(key: str, value: Any, wanted: Tensor) -> None:
    if type(value) is not Tensor or vars(value):
        raise ValueError(f'{key} is {quote(value)}, not a plain tensor')
    if (
        value.layout != torch.strided
        or value.is_quantized
        or value.device.type != 'cpu'
        or value.dtype != wanted.dtype
        or value.shape != wanted.shape
        or not value.is_contiguous()
        or value.is_conj()
        or value.is_neg()
    ):
        raise ValueError(
            f'{key} is a tensor of type {str(value.dtype)[:30]} and shape '
            f'{quote(tuple(value.shape))} in an unusual form, but must be of '
            f'{wanted.dtype} and {tuple(wanted.shape)}'
        )
    if value.is_floating_point() and not value.isfinite().all():
        raise ValueError(f'{key} has values that are NaN or infinite')
