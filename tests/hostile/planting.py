"""Payloads: calls that a pickle makes when it is read."""

import builtins
import functools
import importlib
import os
import pathlib
import runpy
import shutil
import subprocess
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.logging import HistoryBuffer


class Call:
    """An object whose pickle is a call.

    Args:
        function: Called when the pickle is read; may be the result of another call.
        arguments: With these.
        state: Given to what comes out: attributes, or for its ``__setstate__``.
    """

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.made_of = (function, arguments, state)

    def __reduce__(self) -> tuple:
        return self.made_of if self.made_of[2] is not None else self.made_of[:2]

    def __call__(self) -> None:
        """Only there because pickle wants a function to be callable."""


def planted_calls(marker: str) -> dict[str, Any]:
    """Calls that create a file, by name.

    Args:
        marker: The file.
    """
    touch, script = f'touch {marker}', f'open({marker!r}, "w")'
    dtype = np.dtype('O')
    inside = (1, (1,), dtype, False, [Call(os.system, touch)])
    return {
        'os-system': Call(os.system, touch),
        'popen': Call(subprocess.Popen, ['touch', marker]),
        'call-command': Call(mmengine.call_command, ['touch', marker]),
        'eval': Call(builtins.eval, script),
        'exec': Call(builtins.exec, script),
        'getattr': Call(Call(builtins.getattr, pathlib.Path(marker), 'touch')),
        'getattr-allowed': Call(
            Call(builtins.getattr, HistoryBuffer, '__init__'), [1.0], [1]
        ),
        'partial': Call(Call(functools.partial, os.system, touch)),
        'import': Call(importlib.import_module, 'evil_module'),
        'run-path': Call(runpy.run_path, 'evil_module.py'),
        'copy': Call(shutil.copyfile, '/etc/hostname', marker),
        'object-array': np.array([Call(os.system, touch)], dtype=object),
        'array-state': Call(np.ndarray, (1,), 'u1', state=inside),
        'torch-load': Call(torch.load, marker, None, None),
        'apply': Call(list, Call(map, os.system, [touch])),
    }


def pointers(shape: tuple[int, ...] = (4,), how: str = 'named') -> Any:
    """An array of objects at addresses that the file names.

    Args:
        shape: Its shape.
        how: The type is ``named``, ``built``, ``inside`` a structure, or ``stripped``
            of the flags that say that it holds references.
    """
    size = int(np.prod(shape)) * 8
    bare = (3, '|', None, None, None, 8, 8, 0)
    objects = {
        'named': 'O',
        'built': Call(np.dtype, 'O8'),
        'inside': Call(np.dtype, [('a', 'O8')]),
        'stripped': Call(np.dtype, 'O8', False, True, state=bare),
    }[how]
    return Call(np.ndarray, shape, objects, b'A' * size)


def crowd(depth: int = 40) -> list:
    """Lists of lists of one another: few objects, endless to walk through."""
    inner: list = ['end']
    for _ in range(depth):
        inner = [inner] * 10
    return inner


def tower(depth: int = 100_000) -> list:
    """A list in a list in a list."""
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner
