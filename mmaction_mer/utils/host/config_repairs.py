"""Repairs of the reading of configs without ``_base_`` in mmengine."""

import ast
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, NoReturn

import mmengine.config.config as mmengine_config
import mmengine.config.utils as mmengine_config_utils
from mmengine.config.lazy import LazyAttr, LazyObject


def apply() -> None:
    """Apply all repairs that this installation needs."""
    recognize_standard_modules()
    drop_imported_names()
    explain_lazy_calls()


# mmengine 0.10.7, mmengine/config/utils.py: a config without _base_ that imports
# modules outside the standard library is read in pure Python style, in which imported
# names cannot be called. The modules of the standard library are recognized by their
# files, but since Python 3.11 frozen modules such as os have no file, and in a virtual
# environment the files are not in the expected folder. The resulting RuntimeError has
# no message.


def recognize_standard_modules() -> None:
    """Make mmengine recognize the modules of the standard library by their names."""
    known = mmengine_config_utils._is_builtin_module
    if hasattr(known, '__wrapped__') or (known('os') and known('json')):
        return

    @functools.wraps(known)
    def is_standard(module_name: str) -> bool:
        return module_name.partition('.')[0] in sys.stdlib_module_names or known(
            module_name
        )

    mmengine_config_utils._is_builtin_module = is_standard
    mmengine_config._is_builtin_module = is_standard


# mmengine 0.10.7, Config._file2dict: imported modules and Python functions are removed
# from a text style config, but imported classes and C functions are kept, and their
# representation in a dumped config is not valid Python.


def drop_imported_names() -> None:
    """Make mmengine remove all imported names from a config."""
    read = mmengine_config.Config._file2dict
    if hasattr(read, '__wrapped__'):
        return

    @functools.wraps(read)
    def read_settings(filename: str, *args: Any, **kwargs: Any) -> Any:
        found = read(filename, *args, **kwargs)
        for name in _imported_names(filename):
            if isinstance(found[0].get(name), type | BuiltinFunctionType):
                found[0].pop(name)
        return found

    mmengine_config.Config._file2dict = staticmethod(read_settings)


def _imported_names(filename: str) -> set[str]:
    """Return the names that a file imports; none if it is not valid Python."""
    if not str(filename).endswith('.py'):
        return set()
    try:
        tree = ast.parse(Path(filename).read_text(encoding='utf-8'))
    except (SyntaxError, ValueError):
        return set()
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def explain_lazy_calls() -> None:
    """Give a message to the error of a call in a pure Python style config."""
    for kind in (LazyObject, LazyAttr):
        if not hasattr(kind.__call__, '__wrapped__'):
            kind.__call__ = _raise_on_call(kind.__call__)


def _raise_on_call(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def reject(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f'{self} is called while the config is read. A config that imports modules '
            'outside the standard library is read in pure Python style, in which '
            'imported names may be used, as in type=..., but not called. Write '
            '_base_ = [] into it to have it read as a text style config'
        )

    return reject
