"""Slim checkpoints: save trainable tensors, verify the frozen ones.

Whether a tensor is trainable is decided by structure: a parameter by its
``requires_grad``, a buffer by the module that it belongs to. Names do not matter.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from ...utils.checkpoints.reading import read_checkpoint as read_checkpoint
from ...utils.checkpoints.wrapped_keys import without_wrappers
from ...utils.errors import ConfigError, MERRunError
from ...utils.files import atomic_write
from ...utils.text import quote

KEY = 'frozen_fingerprint'


def frozen_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Collect the frozen tensors of the state of a model.

    These are the parameters without ``requires_grad`` and the persistent
    buffers under a module whose parameters are all frozen. A module without
    parameters counts as part of the module that holds it.

    Returns:
        Tensors by their key in ``model.state_dict()``.

    >>> model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    >>> _ = model[0].requires_grad_(False)
    >>> sorted(frozen_tensors(model))[:3]
    ['0.bias', '0.num_batches_tracked', '0.running_mean']
    """
    found: dict[str, Tensor] = {}

    def visit(module: nn.Module, prefix: str, frozen: bool) -> None:
        trainable = [parameter.requires_grad for parameter in module.parameters()]
        if trainable:
            frozen = not any(trainable)
        for name, parameter in module._parameters.items():
            if parameter is not None and not parameter.requires_grad:
                found[prefix + name] = parameter.detach()
        for name, buffer in module._buffers.items():
            persistent = name not in module._non_persistent_buffers_set
            if frozen and buffer is not None and persistent:
                found[prefix + name] = buffer.detach()
        for name, child in module._modules.items():
            if child is not None:
                visit(child, f'{prefix}{name}.', frozen)

    visit(_unwrap(model), '', False)
    return found


def frozen_fingerprint(model: nn.Module) -> Tensor:
    """Hash the frozen tensors of a model: names, shapes, types and every bit.

    Returns:
        A uint8 tensor ``(32,)``, which can be part of a state dict and be loaded with
        ``weights_only=True``.
    """
    digest = hashlib.blake2b(digest_size=32)
    for key, tensor in sorted(frozen_tensors(model).items()):
        digest.update(f'{key} {tuple(tensor.shape)} {tensor.dtype}\n'.encode())
        flat = tensor.cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return torch.frombuffer(bytearray(digest.digest()), dtype=torch.uint8)


def check_frozen(
    module: nn.Module, expected: Tensor, source: str, known: Tensor | None = None
) -> None:
    """Check that weights were trained with the frozen tensors of a module.

    Args:
        module: The module.
        expected: The fingerprint stored with the weights.
        source: The weights, for the message.
        known: The fingerprint of the module. Defaults to None: computed.

    Raises:
        MERRunError: The fingerprints differ.
    """
    own = frozen_fingerprint(module) if known is None else known
    if not isinstance(expected, Tensor) or not torch.equal(expected.cpu(), own):
        raise MERRunError(
            f'{source} was trained with another frozen backbone than that of '
            f'{type(module).__name__}',
            hint='use the config and the pre-trained weights it was trained with',
        )


def slim_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Copy the trainable state and the fingerprint of the frozen tensors.

    For a fully trainable model this is the complete state dict without a fingerprint.

    Returns:
        Copies on the CPU by their key in ``model.state_dict()``.

    Raises:
        ConfigError: The model has no trainable parameters.
    """
    model = _unwrap(model)
    fingerprints = {KEY: frozen_fingerprint(model)} if frozen_tensors(model) else {}
    return _learned_state(model, [('', model)], fingerprints)


def load_slim(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    known: Mapping[str, Tensor] | None = None,
) -> None:
    """Load a state saved by :func:`slim_state_dict`, strictly.

    Args:
        model: The model.
        state_dict: The saved state.
        known: Result of :func:`frozen_fingerprints` for this model, if its frozen
            part has not changed since. Defaults to None: computed.

    Raises:
        MERRunError: The frozen part of ``model`` has changed since saving, or keys or
            shapes do not fit.
    """
    model = _unwrap(model)
    state = dict(state_dict)
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise MERRunError(
                f'the checkpoint has an entry that is not a tensor: {quote(key)}',
                hint='use the checkpoint that was trained with this config',
            )
    marks = {prefix + KEY for prefix, _ in (('', model), *_prepared(model))}
    if not state.keys() <= {*model.state_dict(), *marks}:
        state = dict(without_wrappers(state))
    for prefix, module in (('', model), *_prepared(model)):
        _fill_frozen(module, state, prefix, (known or {}).get(prefix + KEY))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        if isinstance(error, MERRunError):
            raise
        raise MERRunError(
            f'the checkpoint does not fit the model of this config: '
            f'{_misfit(state, model.state_dict())}',
            hint='use the config it was trained with',
        ) from error


def _misfit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """Describe unexpected, missing and misshaped tensors of a checkpoint.

    The message of torch is not used, since it has the names of the file unquoted.
    """
    names = {
        'has no': [key for key in wanted if key not in state],
        'has unknown': [key for key in state if key not in wanted],
        'has other shapes of': [
            key
            for key in state.keys() & wanted.keys()
            if state[key].shape != wanted[key].shape
        ],
    }
    parts = [
        f'it {what} {", ".join(quote(key[:100]) for key in keys[:3])}'
        + (f' and {len(keys) - 3} more' if len(keys) > 3 else '')
        for what, keys in names.items()
        if keys
    ]
    return '; '.join(parts) or 'its values cannot be loaded'


_MARK = '_loads_slim_checkpoints'


def enable_slim_loading(model: nn.Module) -> None:
    """Let a model read slim checkpoints through any ordinary loader.

    Call it at the end of ``__init__``, after the pre-trained weights are loaded and
    frozen. It also declares that the frozen part is rebuilt exactly whenever the model
    is built; only then is it omitted from checkpoints (:func:`checkpoint_state_dict`).
    Nested modules and the loaders of torch and mmengine are supported; a second call
    has no effect.
    """
    if hasattr(model, _MARK):
        return
    setattr(model, _MARK, True)

    def before_loading(module, state_dict, prefix, *_args):
        _fill_frozen(module, state_dict, prefix)

    model.register_load_state_dict_pre_hook(before_loading)


def frozen_fingerprints(model: nn.Module) -> dict[str, Tensor]:
    """Hash the frozen part of every module prepared by :func:`enable_slim_loading`.

    Returns:
        Fingerprints by their key in a checkpoint, ``'<prefix>frozen_fingerprint'``.
    """
    return {
        prefix + KEY: frozen_fingerprint(module)
        for prefix, module in _prepared(_unwrap(model))
        if frozen_tensors(module)
    }


def checkpoint_state_dict(
    model: nn.Module, fingerprints: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Copy the state of a model for a checkpoint, slim where that is safe.

    Frozen tensors are omitted only for modules that rebuild them
    (:func:`enable_slim_loading`); any other model is saved completely, since
    ``Runner.test()`` would otherwise score it with a random backbone.

    Args:
        model: The model.
        fingerprints: Result of :func:`frozen_fingerprints` for this model. Defaults to
            None: computed.

    Raises:
        ConfigError: The model has no trainable parameters.
    """
    model = _unwrap(model)
    if fingerprints is None:
        fingerprints = frozen_fingerprints(model)
    return _learned_state(model, list(_prepared(model)), fingerprints)


def write_checkpoint(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with io.BytesIO() as buffer:
        torch.save(checkpoint, buffer)
        # Without a second copy: the state of many folds is large.
        with buffer.getbuffer() as content:
            atomic_write(path, content)


def _unwrap(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _prepared(model: nn.Module, prefix: str = '') -> Iterator[tuple[str, nn.Module]]:
    """Find the outermost modules that read slim checkpoints, with their prefix."""
    if hasattr(model, _MARK):
        yield prefix, model
        return
    for name, child in model._modules.items():
        if child is not None:
            yield from _prepared(child, f'{prefix}{name}.')


def _learned_state(
    model: nn.Module,
    roots: list[tuple[str, nn.Module]],
    fingerprints: dict[str, Tensor],
) -> dict[str, Tensor]:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(
            f'{type(model).__name__} has no trainable parameters',
            hint='check what the config freezes',
        )
    frozen = {prefix + key for prefix, root in roots for key in frozen_tensors(root)}
    state = {
        key: value.detach().to('cpu', copy=True)
        for key, value in model.state_dict().items()
        if key not in frozen
    }
    return state | fingerprints


def _fill_frozen(
    module: nn.Module,
    state_dict: dict[str, Tensor],
    prefix: str,
    known: Tensor | None = None,
) -> None:
    """Verify and remove the fingerprint, and insert the model's frozen tensors."""
    expected = state_dict.pop(prefix + KEY, None)
    if expected is None:
        return
    check_frozen(module, expected, 'the checkpoint', known)
    for key, tensor in frozen_tensors(module).items():
        state_dict[prefix + key] = tensor
