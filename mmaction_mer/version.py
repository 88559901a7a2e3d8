"""Version of this package, and supported versions of its dependencies.

This module imports only the standard library: setup.py reads the ranges from here, and
the check of the dependencies must run before any of them is imported.
"""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping

__version__ = '0.1.0'

#: Distribution name -> range. torch 2.6 is the first with weights_only=True by default.
SUPPORTED = {
    'torch': '>=2.6',
    'torchvision': '>=0.21',
    'mmengine': '>=0.10.7,<0.11',
    'mmpretrain': '>=1.2.0,<1.3',
    'mmaction2': '>=1.2.0,<1.3',
}
#: The range of either distribution of mmcv.
SUPPORTED_MMCV = '>=2.1.0,<2.2.0'
MMCV = ('mmcv', 'mmcv-lite')


def installed_versions() -> dict[str, str | None]:
    """Return the versions of the dependencies, without importing them.

    Returns:
        Distribution name to version, ``None`` if it is missing. Of mmcv and mmcv-lite
        only the installed one is included, or mmcv if neither is installed.
    """
    modules = {'mmaction2': 'mmaction'}
    found = [_installed(modules.get(name, name), name) for name in SUPPORTED]
    return dict([*found, _installed('mmcv', *MMCV)])


def _installed(module: str, *distributions: str) -> tuple[str, str | None]:
    if importlib.util.find_spec(module) is None:
        return distributions[0], None
    for name in distributions:
        try:
            return name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    # A source checkout on PYTHONPATH has no metadata.
    return distributions[0], importlib.import_module(module).__version__


def explain_requirements(installed: Mapping[str, str | None]) -> str:
    """Return a message about missing or unsupported dependencies.

    Args:
        installed: Result of :func:`installed_versions`.

    Returns:
        A few lines with the commands to type; '' if all dependencies are supported.

    >>> good = {'torch': '2.11.0', 'torchvision': '0.26.0', 'mmengine': '0.10.7',
    ...         'mmpretrain': '1.2.0', 'mmaction2': '1.2.0', 'mmcv-lite': '2.1.0'}
    >>> explain_requirements(good)
    ''
    >>> print(explain_requirements({**good, 'mmengine': '0.9.0'}))
    mmaction_mer cannot start:
      mmengine 0.9.0 is installed, but mmengine>=0.10.7,<0.11 is needed. Type:
        pip install "mmengine>=0.10.7,<0.11"
    """
    # Imported here so that setup.py can read this file without it.
    from packaging.specifiers import SpecifierSet

    lines = []
    for name, version in installed.items():
        wanted = SUPPORTED_MMCV if name in MMCV else SUPPORTED[name]
        if version and SpecifierSet(wanted).contains(version, prereleases=True):
            continue
        state = f'{name} {version} is installed' if version else f'{name} is missing'
        lines.append(f'  {state}, but {name}{wanted} is needed. Type:')
        if name in MMCV:
            lines += [
                f'    pip install "mmcv-lite{wanted}"     (all that is used here)',
                f'    or pip install "mmcv{wanted}"       (also has the CUDA ops)',
                '    One of the two, never both: they write the same folder.',
            ]
        else:
            lines.append(f'    pip install "{name}{wanted}"')
        if name == 'torchvision':
            lines.append('    from the same place as torch (both CPU or both CUDA).')
    return '\n'.join(['mmaction_mer cannot start:', *lines]) if lines else ''
