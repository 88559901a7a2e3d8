"""Names of classes and functions that the pickle of a checkpoint may contain."""

import torch

#: Functions that build a tensor from a storage.
REBUILDS = {f'torch._utils._rebuild_tensor{form}' for form in ('', '_v2', '_v3')}
# Calls that store their arguments or return them in another form. The names allowed in
# torch.serialization, by safe_globals.py and by the user, are added to them.
_HARMLESS = {
    '_codecs.encode',
    'builtins.bytearray',
    'builtins.complex',
    'builtins.set',
    'collections.Counter',
    'collections.OrderedDict',
    'torch.Size',
    'torch._tensor._rebuild_from_type_v2',
    'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_parameter_with_state',
    'torch.device',
    'torch.nn.parameter.Parameter',
    'torch.serialization._get_layout',
    *REBUILDS,
}
# Names of modules in Python 2, which pickle and torch translate.
_RENAMED = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}


def full_name(module: str, name: str) -> str:
    """Return the dotted name of a global, with the module names of Python 3."""
    return f'{_RENAMED.get(module, module)}.{name}'


def callable_names() -> set[str]:
    """Return the names that a pickle may call."""
    return _HARMLESS | {
        one[1] if isinstance(one, tuple) else f'{one.__module__}.{one.__qualname__}'
        for one in torch.serialization.get_safe_globals()
    }


def is_type_name(name: str) -> bool:
    """Return whether a name is that of a data type, a storage or ``torch.Tensor``."""
    module, _, own = name.rpartition('.')
    if module not in ('torch', 'torch.storage', 'torch.cuda'):
        return False
    found = getattr(torch, own, None) if module == 'torch' else None
    # torch.Tensor is the type of a tensor that is saved with attributes.
    if isinstance(found, torch.dtype) or own in ('Tensor', 'UntypedStorage'):
        return True
    return own.endswith('Storage') and own.isidentifier()


def element_size(storage: str) -> int:
    """Return the bytes per element of a storage type; 1 if it is unknown."""
    known = {'Double': 8, 'Long': 8, 'ComplexDouble': 16, 'ComplexFloat': 8,
             'Float': 4, 'Int': 4, 'Half': 2, 'Short': 2, 'BFloat16': 2}  # fmt: skip
    return known.get(storage.rpartition('.')[2].removesuffix('Storage'), 1)
