"""Run a Python block of a page: ``block.py FILE``.

It is executed, and what it assigns is looked through: every ``dict(type=...)`` has to
name something that is registered and give it arguments that it knows. A block that only
shows such a dict is that dict.
"""

import ast
import contextlib
import inspect
import sys
from pathlib import Path
from typing import Any

import mmaction.registry
from mmengine.registry import Registry, init_default_scope

import mmaction_mer  # noqa: F401


def find_class(name: str) -> Any:
    """What a name is registered as, for mmaction or its parents; None if nothing."""
    for registry in vars(mmaction.registry).values():
        if isinstance(registry, Registry):
            found = None
            # Some registries of mmaction name places that are not there.
            with contextlib.suppress(ImportError):
                found = registry.get(name)
            if found is not None:
                return found
    return None


def check(node: Any) -> None:
    """Look through all dicts.

    Raises:
        ValueError: A type is not known, or an argument of it.
    """
    if isinstance(node, dict):
        name = node.get('type')
        if isinstance(name, str):
            found = find_class(name)
            if found is None:
                raise ValueError(f'type={name!r} is registered nowhere')
            try:
                inspect.signature(found).bind_partial(
                    **{key: value for key, value in node.items() if key != 'type'}
                )
            except TypeError as error:
                raise ValueError(f'{name}: {error}') from error
        for value in node.values():
            check(value)
    elif isinstance(node, list | tuple):
        for value in node:
            check(value)


def main(path: str) -> None:
    """Run a block."""
    init_default_scope('mmaction')
    tree = ast.parse(Path(path).read_text(encoding='utf-8'), path)
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
        value = eval(compile(ast.Expression(tree.body[0].value), path, 'eval'))
        check(value)
        return
    names: dict[str, Any] = {'__name__': '__main__'}
    exec(compile(tree, path, 'exec'), names)
    for name, value in names.items():
        if not name.startswith('__') and isinstance(value, dict | list | tuple):
            check(value)


if __name__ == '__main__':
    main(sys.argv[1])
