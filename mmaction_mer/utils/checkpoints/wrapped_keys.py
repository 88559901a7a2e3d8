"""Removal of the prefixes of training wrappers from the names of weights.

``DistributedDataParallel`` prepends ``module.`` to the names of the module that it
wraps, and ``torch.compile`` prepends ``_orig_mod.``. Both may wrap the whole model or a
part of it, in any order.
"""

from collections.abc import Mapping
from itertools import groupby, takewhile
from typing import TypeVar

from ..errors import MERRunError
from ..text import quote

_Value = TypeVar('_Value')
_PARALLEL, _COMPILED = 'module', '_orig_mod'


def without_wrappers(state: Mapping[str, _Value]) -> Mapping[str, _Value]:
    """Remove the names of wrappers from the keys of a state dict.

    Args:
        state: Weights, or other values, by name.

    Returns:
        The same values by their names in the plain model; ``state`` itself if there is
        nothing to remove.

    Raises:
        MERRunError: Two weights would have the same name.

    Example:
        >>> without_wrappers({'module._orig_mod.a': 1, 'module.b._orig_mod.c': 2})
        {'a': 1, 'b.c': 2}
        >>> without_wrappers({'a.module.b': 1})
        {'a.module.b': 1}
    """
    parts = _remove_common_prefix([key.split('.') for key in state])
    parts = _remove_common_prefix([_remove_compiled(one) for one in parts])
    names = dict(zip(state, map('.'.join, parts), strict=True))
    if all(key == name for key, name in names.items()):
        return state
    first: dict[str, str] = {}
    for key, name in names.items():
        if name in first:
            raise MERRunError(
                f'the weights {quote(first[name])} and {quote(key)} are both '
                f'{quote(name)} without the wrappers of the model',
                hint='remove one of them',
            )
        first[name] = key
    return {name: state[key] for key, name in names.items()}


def _remove_common_prefix(names: list[list[str]]) -> list[list[str]]:
    """Remove the ``module`` parts at the start of all names."""
    counts = [
        sum(1 for _ in takewhile(lambda part: part == _PARALLEL, name[:-1]))
        for name in names
    ]
    start = min(counts, default=0)
    return [name[start:] for name in names]


def _remove_compiled(name: list[str]) -> list[str]:
    """Remove ``_orig_mod`` and adjacent ``module``, which may be a name otherwise."""
    kept: list[str] = []
    for wraps, run in groupby(name[:-1], lambda part: part in (_PARALLEL, _COMPILED)):
        found = list(run)
        if not wraps or _COMPILED not in found:
            kept += found
    return kept + name[-1:]
