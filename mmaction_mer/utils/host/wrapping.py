"""Wrapping of methods of the host, so that they check what this package knows."""

import functools
from collections.abc import Callable
from typing import Any


def wrap_method(
    owner: type, name: str, decorate: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Replace a method of a host's class by a wrapper; only once, however often called.

    Args:
        owner: The class.
        name: Name of the method.
        decorate: Returns the wrapper of the method that it is given.

    >>> class Host:
    ...     def run(self):
    ...         return 'run'
    >>> for _ in range(2):
    ...     wrap_method(Host, 'run', lambda run: lambda self: f'checked {run(self)}')
    >>> Host().run()
    'checked run'
    """
    method = getattr(owner, name)
    if not hasattr(method, '__wrapped__'):
        setattr(owner, name, functools.wraps(method)(decorate(method)))
