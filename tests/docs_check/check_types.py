"""Check the types that a Python block of the docs names, once it has been run."""

import ast
import contextlib
import inspect
from pathlib import Path

import mmaction.registry
from mmengine.registry import Registry, init_default_scope

import mmaction_mer  # noqa: F401


def find_class(name: str) -> object:
    """Return what a name is registered as in any registry; None if it is not."""
    for registry in vars(mmaction.registry).values():
        if isinstance(registry, Registry):
            # Some registries of mmaction name modules that do not exist.
            with contextlib.suppress(ImportError):
                if found := registry.get(name):
                    return found
    return None


def check(path: str) -> None:
    """Check every ``dict(type='...', ...)`` of a program.

    Raises:
        ValueError: The type is not registered.
        TypeError: It does not take one of the arguments.
    """
    init_default_scope('mmaction')
    for node in ast.walk(ast.parse(Path(path).read_text(encoding='utf-8'))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != 'dict':
            continue
        words = {keyword.arg: keyword.value for keyword in node.keywords}
        name = words.pop('type', None)
        if not isinstance(name, ast.Constant):
            continue
        found = find_class(name.value)
        if found is None:
            raise ValueError(f'line {node.lineno}: {name.value!r} is not registered')
        words.pop(None, None)  # **options
        inspect.signature(found).bind_partial(**words)
