"""Names of weights without what wraps a model for training.

``DistributedDataParallel`` puts ``module.`` before the names of the module that it
wraps, ``torch.compile`` ``_orig_mod.``; both may be around the whole model or a part of
it, in any order.
"""

from collections.abc import Mapping
from itertools import groupby, takewhile
from typing import TypeVar

from ..errors import MERRunError
from ..text import quote

_Value = TypeVar('_Value')
_PARALLEL, _COMPILED = 'module', '_orig_mod'


def without_wrappers(state: Mapping[str, _Value]) -> Mapping[str, _Value]:
    """Take the names of wrappers out of the keys of a state dict.

    Args:
        state: Weights, or anything else, by name.

    Returns:
        The same values by the names that they have in the plain model; ``state``
        itself where there is nothing to take out.

    Raises:
        MERRunError: Two weights have one name then.

    Example:
        >>> without_wrappers({'module._orig_mod.a': 1, 'module.b._orig_mod.c': 2})
        {'a': 1, 'b.c': 2}
        >>> without_wrappers({'a.module.b': 1})
        {'a.module.b': 1}
    """
    parts = _unwrapped([key.split('.') for key in state])
    parts = _unwrapped([_uncompiled(one) for one in parts])
    names = dict(zip(state, map('.'.join, parts), strict=True))
    if all(key == name for key, name in names.items()):
        return state
    first: dict[str, str] = {}
    for key, name in names.items():
        if name in first:
            raise MERRunError(
                f'the weights {quote(first[name])} and {quote(key)} are both '
                f'{quote(name)} without what wraps the model: keep one of them'
            )
        first[name] = key
    return {name: state[key] for key, name in names.items()}


def _unwrapped(names: list[list[str]]) -> list[list[str]]:
    """Take off what stands before all names."""
    counts = [
        sum(1 for _ in takewhile(lambda part: part == _PARALLEL, name[:-1]))
        for name in names
    ]
    start = min(counts, default=0)
    return [name[start:] for name in names]


def _uncompiled(name: list[str]) -> list[str]:
    """Take out ``_orig_mod``, and ``module`` beside it: a part may be called so."""
    kept: list[str] = []
    for wraps, run in groupby(name[:-1], lambda part: part in (_PARALLEL, _COMPILED)):
        found = list(run)
        if not wraps or _COMPILED not in found:
            kept += found
    return kept + name[-1:]
