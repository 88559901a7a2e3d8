"""Micro-expression recognition for mmaction2.

Importing this package checks what it stands on, repairs the host stack where it is
broken (:mod:`mmaction_mer.utils.host.compat`) and registers everything into mmaction's own
registries: ``custom_imports = dict(imports=['mmaction_mer'])`` is all a config needs.
"""

from .version import __version__, explain_requirements, installed_versions

if _problems := explain_requirements(installed_versions()):
    raise ImportError(_problems)

try:
    import torchvision as _torchvision  # noqa: F401
except Exception as error:
    # A CUDA build beside a CPU build of torch fails here, each time with other words.
    raise ImportError(
        'mmaction_mer cannot start: torchvision does not fit the installed torch '
        f'({error}). Install both anew from the same place, both CPU or both CUDA: '
        'pip install --force-reinstall torch torchvision'
    ) from error

from .utils.host import compat

compat.apply()

# The subpackages come after the repairs: they import mmaction.models.
from . import (  # noqa: E402
    analysis,
    apis,
    datasets,
    engine,
    evaluation,
    models,
    motion,
    visualization,
)

__all__ = [
    '__version__',
    'analysis',
    'apis',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'motion',
    'visualization',
]
