"""Names of weights without what wraps a model for training.

``DistributedDataParallel`` puts ``module.`` before the names of the module that it
wraps, ``torch.compile`` ``_orig_mod.``; both may be around the whole model or a part of
it, in any order.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from .errors import MERRunError

_Value = TypeVar('_Value')
# A part of a model may rightly be called module, but none is called _orig_mod.
_COMPILED = re.compile(
    r'(?:(?<=\.)|^)(?:module\.)*_orig_mod\.(?:(?:module|_orig_mod)\.)*'
)
_PARALLEL = 'module.'


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
    names = {key: key for key in state}
    before: dict[str, str] = {}
    while names != before:
        before = names
        if all(name.startswith(_PARALLEL) for name in names.values()):
            names = {key: name.removeprefix(_PARALLEL) for key, name in names.items()}
        else:
            names = {key: _COMPILED.sub('', name) for key, name in names.items()}
    if all(key == name for key, name in names.items()):
        return state
    first: dict[str, str] = {}
    for key, name in names.items():
        if name in first:
            raise MERRunError(
                f'the weights {first[name]} and {key} are both {name} without what '
                f'wraps the model: keep one of them'
            )
        first[name] = key
    return {name: state[key] for key, name in names.items()}
