"""Setting places of a config, and naming the run that comes of it."""

import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict

from ..utils.errors import MERRunError
from .work_dir.fingerprint import RUN_KEYS, fingerprint

_SLUG = 60


def apply_options(cfg: Config, options: Mapping[str, Any], where: str = '') -> Config:
    """Set places of a config; a dict replaces the whole node that it is given for.

    Args:
        cfg: The config, which is left as it is.
        options: Values by dotted key, in the order in which they are set. A number in
            a key is an index into a list.
        where: What a message begins with, such as the file and the row.

    Returns:
        The changed copy.

    Raises:
        MERRunError: A key goes through something that the config does not have. The
            last part of a key may be new, since a component has arguments that its
            config does not name; it is the component that refuses what it does not
            know.

    >>> cfg = Config(dict(model=dict(prompt=dict(type='A', num=5), adapter=None)))
    >>> apply_options(cfg, {'model.prompt': dict(type='B')}).model.prompt
    {'type': 'B'}
    >>> apply_options(cfg, {'model.promt.num': 3}, 'table6.py: ')
    Traceback (most recent call last):
    mmaction_mer.utils.errors.MERRunError: table6.py: option 'model.promt.num': model
    has no 'promt'; did you mean 'prompt'?
    """
    cfg = copy.deepcopy(cfg)
    for key, value in options.items():
        *path, last = str(key).split('.')
        node: Any = cfg._cfg_dict
        walked = ''
        says = f'{where}option {key!r}: '
        for part in path:
            node = node[_place(node, part, walked, says)]
            walked = f'{walked}.{part}' if walked else part
        if path or last not in RUN_KEYS:
            new = bool(path) and isinstance(node, Mapping)
            place = last if new else _place(node, last, walked, says)
        else:
            place = last
        # Through ConfigDict, so that dicts within lists become what configs hold.
        node[place] = ConfigDict(value=copy.deepcopy(value))['value']
    return cfg


def _place(node: Any, part: str, walked: str, says: str) -> str | int:
    """Find a part of a key in a node."""
    name = walked or 'the config'
    if isinstance(node, tuple):
        raise MERRunError(f'{says}{name} is a tuple: set it as a whole')
    if isinstance(node, list):
        if not re.fullmatch(r'-?\d+', part):
            raise MERRunError(f'{says}{name} is a list: give an index, not {part!r}')
        if not -len(node) <= int(part) < len(node):
            raise MERRunError(f'{says}{name} has {len(node)} entries, counted from 0')
        return int(part)
    if not isinstance(node, Mapping):
        raise MERRunError(
            f'{says}{name} is {node!r}, which nothing can be set in: set {name} itself '
            f'to a dict'
        )
    if part not in node:
        raise MERRunError(f'{says}{name} has no {part!r}' + near(part, list(node)))
    return part


def near(name: str, known: Sequence[str]) -> str:
    """Name what was probably meant.

    >>> near('alhpa', ['alpha', 'low'])
    "; did you mean 'alpha'?"
    >>> near('x', ['alpha', 'low'])
    '; there are alpha, low'
    """
    close = difflib.get_close_matches(name, known)
    if close:
        return f'; did you mean {" or ".join(map(repr, close))}?'
    return f'; there are {", ".join(map(str, known))}'


def run_name(canonical: Mapping[str, Any], changes: Sequence[str]) -> str:
    """Name the folder of a run, by what decides its numbers and nothing else.

    Rows of different tables that are one config have one name, whatever they are
    called in their tables. Its seeds lie within, so they have no part in it.

    Args:
        canonical: See :func:`~mmaction_mer.engine.work_dir.fingerprint.canonical_config`.
        changes: What differs from the base, from
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
        if value != '(absent)':  # a dict in another's place says the rest by its type
            parts.append(f'{key.rpartition(".")[2]}-{value}')
    # Both data loaders mostly change alike: once is enough.
    slug = re.sub(r'[^\w.=-]+', '-', '_'.join(dict.fromkeys(parts)))
    decided = {key: value for key, value in canonical.items() if key != 'randomness'}
    deterministic = (canonical.get('randomness') or {}).get('deterministic', False)
    digest = fingerprint({**decided, 'deterministic': deterministic})[:8]
    return f'{slug[:_SLUG].strip("-_.") or "base"}-{digest}'
