"""Repairs of how mmengine reads configs without ``_base_``."""

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
    """Make every repair that this installation needs."""
    know_own_modules()
    leave_out_imports()
    say_what_is_lazy()


# mmengine 0.10.7, mmengine/config/utils.py: a config without _base_ is read as one of
# pure Python where it imports other than Python's own modules, and these are known by
# their files. Since Python 3.11 os and what else is frozen has none, in a virtual
# environment no module lies where it is looked for; what is imported cannot be called
# then, and the RuntimeError that says so is empty.


def know_own_modules() -> None:
    """Let mmengine know the modules of Python itself by their names."""
    known = mmengine_config_utils._is_builtin_module
    if hasattr(known, '__wrapped__') or (known('os') and known('json')):
        return

    @functools.wraps(known)
    def is_own(module_name: str) -> bool:
        return module_name.partition('.')[0] in sys.stdlib_module_names or known(
            module_name
        )

    mmengine_config_utils._is_builtin_module = is_own
    mmengine_config._is_builtin_module = is_own


# mmengine 0.10.7, Config._file2dict: of what an ordinary config imports, modules and
# functions are left out of it, but classes and functions in C stay, and are written
# into a text that is no Python.


def leave_out_imports() -> None:
    """Let a config hold its settings, and not what it has imported."""
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
    """Names that a Python file imports; none of a file that is no plain Python."""
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


def say_what_is_lazy() -> None:
    """Give words to the empty error of what a config of pure Python calls."""
    for kind in (LazyObject, LazyAttr):
        if not hasattr(kind.__call__, '__wrapped__'):
            kind.__call__ = _refuse_lazy_call(kind.__call__)


def _refuse_lazy_call(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f'{self} is called while the config is read. A config that imports other '
            "than Python's own modules is one of pure Python, in which imported names "
            'may only be named, as in type=..., and not called. Write _base_ = [] into '
            'it to have it read as an ordinary config'
        )

    return refuse
