"""Overrides of single config keys, and the name of the resulting run."""

import copy
import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from ..engine.work_dir.fingerprint import RUN_KEYS, fingerprint
from ..utils.errors import ConfigError

_MAX_NAME = 60


def apply_overrides(
    cfg: Config,
    options: Mapping[str, Any],
    path: str | Path | None = None,
    field: str = 'options',
) -> Config:
    """Set keys of a config. A dict replaces the whole node that it is given for.

    Args:
        cfg: The config. It is not modified.
        options: Values by dotted key, applied in order. A number in a key is an index
            into a list.
        path: File of the overrides, for the error. Defaults to None.
        field: Where the overrides stand in that file, for the error. Defaults to
            'options'.

    Returns:
        A modified copy.

    Raises:
        ConfigError: A key leads through something that the config does not have. The
            last part of a key may be new, since a component has arguments that its
            config does not name; the component itself rejects unknown ones.

    >>> cfg = Config(dict(model=dict(prompt=dict(type='A', num=5), adapter=None)))
    >>> apply_overrides(cfg, {'model.prompt': dict(type='B')}).model.prompt
    {'type': 'B'}
    """
    cfg = copy.deepcopy(cfg)
    for key, value in options.items():
        error = partial(ConfigError, path=path, field=f'{field}[{key!r}]')
        *parents, last = str(key).split('.')
        node: Any = cfg._cfg_dict
        for depth, part in enumerate(parents):
            node = node[_find(node, part, parents[:depth], False, error)]
        new = bool(parents) or last in RUN_KEYS
        # Through ConfigDict, so that dicts inside of lists are converted as well.
        node[_find(node, last, parents, new, error)] = ConfigDict(
            value=copy.deepcopy(value)
        )['value']
    return cfg


def _find(
    node: Any,
    part: str,
    parents: Sequence[str],
    new: bool,
    error: Callable[..., ConfigError],
) -> str | int:
    """Return the key or index of a node that one part of a dotted key names.

    Args:
        node: What ``parents`` lead to.
        part: The part.
        parents: The parts before it.
        new: Whether the key may be absent from a dict.
        error: Makes an error from its problem and hint.
    """
    name = '.'.join(parents) or 'the config'
    if isinstance(node, list):
        if part.removeprefix('-').isdecimal() and -len(node) <= int(part) < len(node):
            return int(part)
        raise error(f'{name} is a list of {len(node)} entries, without index {part!r}')
    if not isinstance(node, Mapping):
        raise error(
            f'{name} is {node!r}, in which nothing can be set',
            hint=f'set {name} as a whole',
        )
    if part not in node and not new:
        raise error(f'{name} has no {part!r}', hint=suggest(part, node))
    return part


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what was probably meant.

    >>> suggest('alhpa', ['alpha', 'low'])
    "did you mean 'alpha'?"
    >>> suggest('x', ['alpha', 'low'])
    'available: alpha, low'
    """
    known = list(map(str, known))
    if close := difflib.get_close_matches(name, known):
        return f'did you mean {" or ".join(map(repr, close))}?'
    return f'available: {", ".join(known)}'


def run_name(canonical: Mapping[str, Any], changes: Sequence[str]) -> str:
    """Return the folder name of a run, which depends on nothing but its config.

    Rows of different tables with the same config share one folder, whatever their
    names. Seeds are subfolders of it and therefore not part of the name.

    Args:
        canonical: The config, see
            :func:`~mmaction_mer.engine.work_dir.fingerprint.canonical_config`.
        changes: Differences from the base config, see
            :func:`~mmaction_mer.engine.work_dir.fingerprint.differences`.

    >>> run_name({}, ['model.data_preprocessor.alpha: 20.0 -> 10.0'])
    'alpha-10.0-...'
    >>> run_name({}, []).rpartition('-')[0]
    'base'
    """
    parts = []
    for change in changes:
        key, _, values = change.partition(': ')
        value = values.rpartition(' -> ')[2].strip("'")
        if value != '(absent)':  # a replaced dict is recognized by its new type
            parts.append(f'{key.rpartition(".")[2]}-{value}')
    # Without duplicates: both data loaders usually change in the same way.
    slug = re.sub(r'[^\w.=-]+', '-', '_'.join(dict.fromkeys(parts)))
    decisive = {key: value for key, value in canonical.items() if key != 'randomness'}
    deterministic = (canonical.get('randomness') or {}).get('deterministic', False)
    digest = fingerprint({**decisive, 'deterministic': deterministic})[:8]
    return f'{slug[:_MAX_NAME].strip("-_.") or "base"}-{digest}'
