"""The fingerprint of a run: equal for configs that give the same numbers."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...models.utils import pretrained
from ...utils.hashing import file_digest
from ...utils.text import quote

# The keys of a config that can change the numbers of a fold. Paths and logging are left
# out, and so are validation, which LOSORunner configures itself, and metrics, which do
# not change predictions.
RUN_KEYS = frozenset({
    'model', 'data_preprocessor', 'train_dataloader', 'test_dataloader', 'train_cfg',
    'test_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'default_hooks',
    'custom_hooks', 'randomness', 'loso', 'compile', 'activation_checkpointing',
    'efficient_conv_bn_eval',
})  # fmt: skip
# Part of every fingerprint: increase it when the same config gives other numbers, so
# that folds of an older version are not pooled with new ones.
NUMERICS = 3
# Hooks that only observe: timers, logs, checkpoints, figures.
PASSIVE_HOOKS = frozenset({
    'timer', 'logger', 'checkpoint', 'visualization', 'sampler_seed', 'runtime_info',
})  # fmt: skip
# Every clip is drawn under its own seed (seeding.py), whichever worker draws it.
LOADER_KEYS = frozenset({
    'num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory',
})  # fmt: skip


def canonical_config(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a config to what determines the numbers of a run, as plain JSON.

    The strategy is left out: every strategy gives the same numbers.

    Args:
        cfg: The config of a protocol.

    Returns:
        The reduced config, with the defaults of the host filled in.

    >>> a = dict(model=dict(type='A'), work_dir='x', loso=dict(folds=['s1']))
    >>> b = dict(model=dict(type='A'), randomness=dict(seed=0))
    >>> canonical_config(a) == canonical_config(b)
    True
    """
    kept = {key: _plain(value) for key, value in cfg.items() if key in RUN_KEYS}
    for key in ('train_dataloader', 'test_dataloader'):
        if isinstance(kept.get(key), dict):
            kept[key] = {k: v for k, v in kept[key].items() if k not in LOADER_KEYS}
            inner = kept[key].get('dataset')
            while isinstance(inner, dict):
                inner.pop('cache', None)
                inner.pop('store', None)
                inner = inner.get('dataset')
    if isinstance(kept.get('test_cfg'), dict):
        # The defaults of mmengine.
        assumed = {'type': 'TestLoop', 'fp16': False}
        kept['test_cfg'] = {
            key: value
            for key, value in kept['test_cfg'].items()
            if key not in assumed or value != assumed[key]
        }
    hooks = kept.pop('default_hooks', None) or {}
    hooks = {key: hook for key, hook in hooks.items() if key not in PASSIVE_HOOKS}
    if hooks:
        kept['default_hooks'] = hooks
    kept = {key: value for key, value in kept.items() if value not in (None, [], {})}
    randomness = kept.get('randomness', {})
    kept['randomness'] = {
        'seed': randomness.get('seed') or 0,
        'deterministic': bool(randomness.get('deterministic')),
    }
    loso = kept.get('loso', {})
    protocol = loso.get('protocol', 'loso')
    kept['loso'] = {
        'protocol': {'type': protocol} if isinstance(protocol, str) else protocol,
        'select': loso.get('select', 'last'),
    }
    return kept


def fingerprint(canonical: Mapping[str, Any]) -> str:
    """Hash a canonical config, or any other JSON object, by its content.

    >>> fingerprint({'a': 1, 'b': 2}) == fingerprint({'b': 2, 'a': 1})
    True
    >>> fingerprint({'a': 1}) == fingerprint({'a': 2})
    False
    """
    text = json.dumps(canonical, sort_keys=True, ensure_ascii=False)
    # JSON can contain half of a surrogate pair, which UTF-8 cannot.
    content = text.encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def pretrained_digests(model: Any) -> dict[str, str]:
    """Hash the pre-trained weights that a model's config names as files.

    Args:
        model: ``cfg.model``.

    Returns:
        Digest of each file by the field that names it, see :func:`pretrained_files`.

    >>> pretrained_digests(dict(backbone=dict(pretrained='https://x.org/r18.pth')))
    {}
    """
    files = pretrained_files(model)
    return {field: file_digest(path) for field, path in files.items()}


def pretrained_files(model: Any, field: str = 'model') -> dict[str, Path]:
    """Find the files of pre-trained weights in a model's config.

    These are the ``checkpoint`` of any ``init_cfg`` and mmaction's ``pretrained``:
    local paths, and ``mmaction_mer://NAME``. URLs and missing files are left out; the
    canonical config contains their names.

    Args:
        model: ``cfg.model``, or a part of it.
        field: Name of ``model`` in the config. Defaults to 'model'.

    Returns:
        Each file by the field that names it.
    """
    if isinstance(model, list | tuple):
        parts = {f'{field}[{number}]': part for number, part in enumerate(model)}
    elif isinstance(model, Mapping):
        parts = {f'{field}.{key}': part for key, part in model.items()}
    else:
        return {}
    found: dict[str, Path] = {}
    for name, part in parts.items():
        last = name.rpartition('.')[2]
        if isinstance(part, str) and last in ('checkpoint', 'pretrained'):
            path = _weights_path(part)
            if path.is_file():
                found[name] = path
        else:
            found |= pretrained_files(part, name)
    return found


def _weights_path(name: str) -> Path:
    if name.startswith(pretrained.PACKAGE_SCHEME):
        file = name.removeprefix(pretrained.PACKAGE_SCHEME)
        return pretrained.WEIGHTS_DIR / file
    return Path(os.path.expanduser(name))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Describe the keys in which two canonical configs differ, with both values.

    >>> differences({'a': {'lr': 0.1}, 'b': [1]}, {'a': {'lr': 0.2}, 'b': [1, 2]})
    ['a.lr: 0.1 -> 0.2', 'b[1]: (absent) -> 2']
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    absent = '(absent)'
    found = []
    for key in sorted(before.keys() | after.keys()):
        if key not in before or key not in after or before[key] != after[key]:
            left = quote(before[key]) if key in before else absent
            right = quote(after[key]) if key in after else absent
            found.append(f'{key}: {left} -> {right}')
    return found


def _leaves(value: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f'{path}.{key}' if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f'{path}[{index}]')
    else:
        yield path, value


def _plain(value: Any) -> Any:
    """Convert a config value to JSON: tuples to lists, objects to their names."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    if value is None or isinstance(value, bool | int | float | str):
        return value
    name = getattr(value, '__qualname__', None)
    # The repr() of an object may contain its address, which differs between runs.
    return f'{value.__module__}.{name}' if name else f'{type(value).__qualname__}'
