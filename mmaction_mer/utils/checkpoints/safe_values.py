"""Plain Python values of checkpoints: options of a command line, paths.

Each stands in for a class of the standard library while ``torch.load`` reads a file
with ``weights_only=True``, and takes nothing but text and what the file holds already.
"""

import argparse
import os
import pathlib
import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from ..text import quote

# Python 3.13 keeps its paths in another module than the versions before and after it.
_PATH_MODULES = ('pathlib', 'pathlib._local')


def plain_globals() -> list[Callable | tuple[Callable, str]]:
    """Return the stand-ins of this module, under the names that they stand for."""
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
    """Tell whether the user has allowed all of these, by whatever name."""
    known = [
        one[0] if isinstance(one, tuple) else one
        for one in torch.serialization.get_safe_globals()
    ]
    return all(any(one is other for other in known) for one in globals_)


class StandInError(pickle.UnpicklingError):
    """A stand-in does not make what a file asks of it."""


def refuse(what: str) -> NoReturn:
    """Refuse a file for what it asks for.

    Raises:
        StandInError: Always.
    """
    raise StandInError(
        f'refused: the file asks for {what}. The file was not written by a training '
        'run of mmengine; do not load it.'
    )


class OptionsNamespace(argparse.Namespace):
    """Stand for ``argparse.Namespace`` until the attributes are there."""

    def __new__(cls, *given: Any) -> Any:
        """Make an empty one, from no arguments."""
        if given:
            refuse('an argparse.Namespace by its arguments')
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Take attributes by their names, and become an ``argparse.Namespace``."""
        if type(state) is not dict or any(type(key) is not str for key in state):
            refuse(f'an argparse.Namespace of the state {quote(state)}')
        self.__dict__.update(state)
        # From here on a file cannot give it another state.
        self.__class__ = argparse.Namespace


def _path_maker(own: type, name: str) -> Callable[..., Any]:
    def make(*parts: Any) -> Any:
        if not all(type(part) is str for part in parts):
            refuse(f'a path of {quote(parts)}')
        return own(*parts)

    make.__name__ = make.__qualname__ = name
    return make


def _here(own: type, pure: type, system: str) -> type:
    # A path of another system can only be had as a pure one.
    return own if os.name == system else pure


#: What makes a path, by the name of its class. Making one looks at no file.
_PATHS = {
    name: _path_maker(own, name)
    for name, own in {
        'PosixPath': _here(pathlib.PosixPath, pathlib.PurePosixPath, 'posix'),
        'WindowsPath': _here(pathlib.WindowsPath, pathlib.PureWindowsPath, 'nt'),
        'PurePosixPath': pathlib.PurePosixPath,
        'PureWindowsPath': pathlib.PureWindowsPath,
    }.items()
}
