"""Wrapping of methods of host classes."""

import functools
from collections.abc import Callable
from typing import Any


def wrap_method(
    owner: type, name: str, decorate: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Replace a method of a host class by a wrapper; repeated calls have no effect.

    Args:
        owner: The class.
        name: Name of the method.
        decorate: Function from the method to its wrapper.

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
