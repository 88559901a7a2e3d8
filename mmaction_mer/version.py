"""This package's version, and the versions of others that it works with.

Only the standard library is needed to read this file: setup.py takes its ranges
from here, and the check below must run before anything that may be missing.
"""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping

__version__ = '0.1.0'

#: Distribution name -> range. torch 2.6 is the first to read weights alone by default.
SUPPORTED = {
    'torch': '>=2.6',
    'torchvision': '>=0.21',
    'mmengine': '>=0.10.7,<0.11',
    'mmpretrain': '>=1.2.0,<1.3',
    'mmaction2': '>=1.2.0,<1.3',
}
#: The range of whichever of the two is there.
SUPPORTED_MMCV = '>=2.1.0,<2.2.0'
MMCV = ('mmcv', 'mmcv-lite')


def installed_versions() -> dict[str, str | None]:
    """Versions of the packages we stand on, without importing any of them.

    Returns:
        Distribution name to version, ``None`` where it is missing. Of mmcv and
        mmcv-lite the one that is installed is named, or 'mmcv' if neither is.
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
    # A source checkout on PYTHONPATH: only the module itself knows.
    return distributions[0], importlib.import_module(module).__version__


def explain_requirements(installed: Mapping[str, str | None]) -> str:
    """What is missing or unsupported, and what to type; empty if all is well.

    Args:
        installed: Distribution name to version, ``None`` where it is missing, as
            :func:`installed_versions` gives it.

    Returns:
        A message of a few lines, or ''.

    >>> good = {'torch': '2.11.0', 'torchvision': '0.26.0', 'mmengine': '0.10.7',
    ...         'mmpretrain': '1.2.0', 'mmaction2': '1.2.0', 'mmcv-lite': '2.1.0'}
    >>> explain_requirements(good)
    ''
    >>> print(explain_requirements({**good, 'mmengine': '0.9.0'}))
    mmaction_mer cannot start:
      mmengine 0.9.0 is installed, but mmengine>=0.10.7,<0.11 is needed. Type:
        pip install "mmengine>=0.10.7,<0.11"
    """
    # Declared in setup.py; imported late, so that setup.py can read this file.
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
