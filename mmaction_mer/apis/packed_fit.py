"""Whether the parts and the weights of a packed model fit together.

The model is built for its shapes alone, which takes no memory, and shown a clip; so
sizes are known, and what does not fit is said, before it is built in earnest.
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
from .framing import framing_of
from .packing import Packer

#: Numbers that a packed model is built of, at most: a ViT-B with room around it.
MAX_NUMBERS = 128_000_000
#: Numbers of all folds with what is frozen in them, at most: 150 of a ViT-B.
MAX_WORK = 100 * MAX_NUMBERS
#: Pixels of all frames of a clip, at most: 28 of 384 by 384.
MAX_PIXELS = 1 << 22
#: Frames of the clip that a model is tried on, and their rate in Hz.
_FRAMES, _RATE = 20, 100.0
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full)


class _ShapesAlone(TorchFunctionMode):
    """Makes tensors without numbers where a layer makes its weights.

    ``torch.device('meta')`` would do so for small constants too, which models read.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in _MAKERS:
            return func(*args, **{**(kwargs or {}), 'device': 'meta'})
        return func(*args, **(kwargs or {}))


def check_fit(told: Mapping[str, Any], source: str) -> None:
    """See that a model can be built, takes what its pipeline gives, and has weights.

    Args:
        told: ``model``, ``pipeline``, ``dataset`` and ``folds`` of a packed model,
            whose parts have been checked.
        source: Where it is from, for messages.

    Raises:
        MERRunError: It does not fit, or is too large.
    """
    try:
        packed = _packed_clip(told['pipeline'], told['dataset'])
        with DefaultScope.overwrite_default_scope('mmaction'), quiet(), torch.no_grad():
            with _ShapesAlone():
                model = MODELS.build(_unloaded(told['model'])).eval()
            _check_size(model)
            scores = _scores(model, packed)
        if scores.shape[-1] != told['model']['cls_head']['num_classes']:
            raise ValueError(f'its scores are {tuple(scores.shape)}')
    except Exception as error:
        # Whatever goes wrong here is the file's doing: no part of it is ours.
        raise MERRunError(
            f'{source}: its parts do not fit together ({type(error).__name__}: '
            f'{first_line(error)}); pack the run again'
        ) from error
    _check_work(len(told['folds']), model, source)
    owners: dict[int, str] = {}
    for name, state in told['folds'].items():
        try:
            _check_state(state, model)
            _check_own(name, state, owners)
        except ValueError as error:
            raise MERRunError(
                f'{source}, fold {name}: {error}; pack the run again'
            ) from error


def _check_work(folds: int, model: nn.Module, source: str) -> None:
    count = folds * sum(one.numel() for one in model.state_dict().values())
    if count > MAX_WORK:
        raise MERRunError(
            f'{source}: its {folds} folds work with {count:,} weights together, more '
            f'than {MAX_WORK:,}; pack fewer of them (--folds)'
        )


def _check_own(name: str, state: Mapping[str, Tensor], owners: dict[int, str]) -> None:
    """Refuse folds that share memory: a small file would be the work of a large one."""
    for value in state.values():
        if value.numel():
            owner = owners.setdefault(value.untyped_storage().data_ptr(), name)
            if owner != name:
                raise ValueError(f'has the same numbers as the fold {owner}')


def _packed_clip(pipeline: Any, dataset: str) -> dict[str, Any]:
    side = framing_of(dataset).size
    _check_pixels(pipeline, side)
    frames = np.random.default_rng(0).integers(
        0, 256, (_FRAMES, side, side, 3), dtype=np.uint8
    )
    return Packer(pipeline, dataset)(frames, _RATE, _FRAMES / 2, 'a clip')


def _check_pixels(pipeline: Any, side: int) -> None:
    sizes, lengths = [(side, side)], [_FRAMES]
    for step in pipeline:
        if step['type'].endswith('Resize'):
            sizes.append(tuple(step['scale']))
        if step['type'].endswith('StandardizeLength'):
            lengths.append(step.get('length', 16))
    pixels = max(lengths) * max(max(size) ** 2 for size in sizes)
    if pixels > MAX_PIXELS:
        raise ValueError(f'{pixels:,} pixels a clip, more than {MAX_PIXELS:,}')


def _unloaded(value: Any) -> Any:
    """A config without the files that its parts start from, a copy."""
    if isinstance(value, dict):
        return {key: _unloaded(one) for key, one in value.items() if key != 'init_cfg'}
    if isinstance(value, list | tuple):
        return type(value)(_unloaded(one) for one in value)
    return value


def _check_size(model: nn.Module) -> None:
    count = sum(value.numel() for value in model.state_dict().values())
    if count > MAX_NUMBERS:
        raise ValueError(f'{count:,} weights, more than {MAX_NUMBERS:,}')


def _scores(model: nn.Module, packed: dict[str, Any]) -> Tensor:
    """Shape of the scores of a clip, of a model without numbers."""
    inputs = model.data_preprocessor(pseudo_collate([packed]), False)['inputs']
    if isinstance(inputs, dict):
        inputs = {key: value.to('meta') for key, value in inputs.items()}
    else:
        inputs = inputs.to('meta')
    with torch.device('meta'):
        scores, _ = model.extract_feat(inputs, stage='head', test_mode=True)
    return scores


def _check_state(state: Any, model: nn.Module) -> None:
    if not isinstance(state, dict):
        raise ValueError(f'is {quote(state)}, not weights by name')
    whole = model.state_dict()
    frozen = frozen_tensors(model)
    learned = whole.keys() - frozen.keys()
    if frozen and KEY in state:
        expected = learned | {KEY}
        whole[KEY] = torch.empty(32, dtype=torch.uint8, device='meta')
    else:
        expected = set(whole)
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
        raise ValueError(f'{key} is {quote(value)}, no plain tensor')
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
            f'{key} is a tensor of {str(value.dtype)[:30]} and the shape '
            f'{quote(tuple(value.shape))} in an unusual form, but must be of '
            f'{wanted.dtype} and {tuple(wanted.shape)}'
        )
    if value.is_floating_point() and not value.isfinite().all():
        raise ValueError(f'{key} holds values that are no numbers (NaN or infinity)')
