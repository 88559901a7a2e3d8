"""The fingerprint of a run: whether two configs would give the same numbers."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...utils.hashing import file_digest
from ...utils.text import quote

# What a fold reads from a config and what can change its numbers. Where and how
# loudly it runs is left out, and so are validation, which the LOSO runner builds
# itself, and metrics, which do not change predictions.
RUN_KEYS = frozenset({
    'model', 'data_preprocessor', 'train_dataloader', 'test_dataloader', 'train_cfg',
    'test_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'default_hooks',
    'custom_hooks', 'randomness', 'loso', 'compile', 'activation_checkpointing',
    'efficient_conv_bn_eval',
})  # fmt: skip
# Part of every fingerprint: raise it when the same config gives other numbers, so that
# folds of an older version are not pooled with new ones.
NUMERICS = 3
# Hooks that only look: the clock, the log, the checkpoints, the pictures.
LOOKING_HOOKS = frozenset({
    'timer', 'logger', 'checkpoint', 'visualization', 'sampler_seed', 'runtime_info',
})  # fmt: skip
# Draws are seeded one by one (draws.py), so workers do not change them.
LOADER_KEYS = frozenset({
    'num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory',
})  # fmt: skip


def canonical_config(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a config to what decides the numbers of a run, as plain JSON.

    The strategy is left out as well: by definition every strategy trains the
    same folds to the same numbers.

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
        # What mmengine assumes where it is not said.
        assumed = {'type': 'TestLoop', 'fp16': False}
        kept['test_cfg'] = {
            key: value
            for key, value in kept['test_cfg'].items()
            if key not in assumed or value != assumed[key]
        }
    hooks = kept.pop('default_hooks', None) or {}
    hooks = {key: hook for key, hook in hooks.items() if key not in LOOKING_HOOKS}
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
    """Hash a canonical config, or any JSON object by what it says.

    >>> fingerprint({'a': 1, 'b': 2}) == fingerprint({'b': 2, 'a': 1})
    True
    >>> fingerprint({'a': 1}) == fingerprint({'a': 2})
    False
    """
    text = json.dumps(canonical, sort_keys=True, ensure_ascii=False)
    # JSON can hold half a character, which UTF-8 cannot.
    content = text.encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def pretrained_digests(model: Any) -> dict[str, str]:
    """Hash the pre-trained weights that a model's config names as files.

    Args:
        model: ``cfg.model``.

    Returns:
        Digest of each file by the field that names it; see :func:`pretrained_files`.

    >>> pretrained_digests(dict(backbone=dict(pretrained='https://x.org/r18.pth')))
    {}
    """
    files = pretrained_files(model)
    return {field: file_digest(path) for field, path in files.items()}


def pretrained_files(model: Any, field: str = 'model') -> dict[str, Path]:
    """Find the pre-trained weights that a model's config names as files.

    These are the ``checkpoint`` of any ``init_cfg`` and mmaction's ``pretrained``:
    local paths, and ``mmaction_mer://NAME``. URLs and files that are not there are
    left out; the config has their names.

    Args:
        model: ``cfg.model``, or a part of it.
        field: Where it stands in the config.

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
    # Imported here: the models import parts of this package.
    from ...models.utils.pretrained import PACKAGE_SCHEME, WEIGHTS_DIR

    if name.startswith(PACKAGE_SCHEME):
        return WEIGHTS_DIR / name.removeprefix(PACKAGE_SCHEME)
    return Path(os.path.expanduser(name))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name the keys in which two canonical configs differ, with both values.

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
    """Turn a config value into JSON: tuples are lists, objects are their names."""
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
    # repr() of an object may hold its address, which no other run shares.
    return f'{value.__module__}.{name}' if name else f'{type(value).__qualname__}'
