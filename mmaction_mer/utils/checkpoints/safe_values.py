"""Stand-ins for classes of plain Python values: command-line options and paths.

Each replaces a class of the standard library while ``torch.load`` reads a file with
``weights_only=True``, and accepts only texts and values that the file contains.
"""

import argparse
import os
import pathlib
import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from ..text import quote

# The module of the path classes in Python 3.13 differs from other versions.
_PATH_MODULES = ('pathlib', 'pathlib._local')


def plain_globals() -> list[Callable | tuple[Callable, str]]:
    """Return the stand-ins of this module with the names that they replace."""
    return [
        OptionsNamespace,
        (OptionsNamespace, 'argparse.Namespace'),
        *(
            (make, f'{module}.{name}')
            for module in _PATH_MODULES
            for name, make in _PATHS.items()
        ),
    ]


def user_allows(*globals_: Any) -> bool:
    """Return whether the user has allowed all of these globals, under any name."""
    known = [
        one[0] if isinstance(one, tuple) else one
        for one in torch.serialization.get_safe_globals()
    ]
    return all(any(one is other for other in known) for one in globals_)


class StandInError(pickle.UnpicklingError):
    """A file uses a stand-in in a way that is not allowed."""


def reject(content: str) -> NoReturn:
    """Reject a file.

    Args:
        content: The part of the file that is not allowed.

    Raises:
        StandInError: Always.
    """
    raise StandInError(
        f'rejected: the file contains {content}. It was not written by a training run '
        'of mmengine; do not load it'
    )


class OptionsNamespace(argparse.Namespace):
    """Stand-in for ``argparse.Namespace`` until its state is set."""

    def __new__(cls, *given: Any) -> Any:
        """Create an empty one; arguments are rejected."""
        if given:
            reject('an argparse.Namespace with arguments')
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Set attributes by name, and become an ``argparse.Namespace``."""
        if type(state) is not dict or any(type(key) is not str for key in state):
            reject(f'an argparse.Namespace with the state {quote(state)}')
        self.__dict__.update(state)
        # The file cannot set another state from here on.
        self.__class__ = argparse.Namespace


def _path_maker(own: type, name: str) -> Callable[..., Any]:
    def make(*parts: Any) -> Any:
        if not all(type(part) is str for part in parts):
            reject(f'a path with the parts {quote(parts)}')
        return own(*parts)

    make.__name__ = make.__qualname__ = name
    return make


def _concrete(own: type, pure: type, system: str) -> type:
    # A path of another system can be created only as a pure path.
    return own if os.name == system else pure


#: Constructors of paths by the names of the classes. They access no files.
_PATHS = {
    name: _path_maker(own, name)
    for name, own in {
        'PosixPath': _concrete(pathlib.PosixPath, pathlib.PurePosixPath, 'posix'),
        'WindowsPath': _concrete(pathlib.WindowsPath, pathlib.PureWindowsPath, 'nt'),
        'PurePosixPath': pathlib.PurePosixPath,
        'PureWindowsPath': pathlib.PureWindowsPath,
    }.items()
}
