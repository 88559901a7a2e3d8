"""Micro-expression recognition for mmaction2.

``custom_imports = dict(imports=['mmaction_mer'])`` is all a config needs: importing
this package checks the versions that it depends on, repairs the host stack where it is
broken (:mod:`mmaction_mer.utils.host.compat`) and tells mmaction's registries where its
parts are. The parts themselves are imported when a registry is first asked for one
(:mod:`mmaction_mer.registration`), or when they are imported by name.
"""

import importlib
import sys
from types import ModuleType

from .version import __version__, explain_requirements, installed_versions

_ROOMS = (
    'motion', 'datasets', 'models', 'evaluation', 'visualization', 'engine', 'analysis',
    'ablation', 'apis',
)  # fmt: skip

__all__ = ['__version__', 'register_all_modules', *_ROOMS]


def register_all_modules() -> None:
    """Prepare the host stack and register this package's parts with mmaction.

    Importing the package calls it; calling it again changes nothing.

    Raises:
        ImportError: A package is missing or has an unsupported version.
    """
    if problems := explain_requirements(installed_versions()):
        raise ImportError(problems)
    # Imported here: these import torch and mmengine, the check above does not.
    from .utils.host import compat, locations

    compat.apply()
    locations.add_location(f'{__name__}.registration')


def __getattr__(name: str) -> ModuleType:
    """Import a room when it is used as an attribute of the package (PEP 562)."""
    if name in _ROOMS:
        return importlib.import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


# `python -m mmaction_mer` imports the package before it reads its command line, and
# runpy leaves '-m' in argv[0] for that time. Its commands register when they need to,
# so that --help need not wait for torch.
if sys.argv[:1] != ['-m']:
    register_all_modules()
