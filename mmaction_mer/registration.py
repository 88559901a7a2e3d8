"""Import everything that registers: mmaction's registries import this module.

:func:`mmaction_mer.register_all_modules` adds it to the locations of the registries,
which import their locations when they are first asked for a name.
"""

try:
    import torchvision  # noqa: F401
except Exception as error:
    # A CUDA build beside a CPU build of torch fails here, each time differently.
    raise ImportError(
        'mmaction_mer cannot start: torchvision does not fit the installed torch '
        f'({error}). Reinstall both from the same source, both CPU or both CUDA: '
        'pip install --force-reinstall torch torchvision'
    ) from error

from .utils.host import compat

# Before the rooms: they import mmaction.models.
compat.apply_to_models()

from . import (  # noqa: E402, F401
    analysis,
    apis,
    datasets,
    engine,
    evaluation,
    models,
    visualization,
)
