"""Runs at the start of every Python under the check: patches what it will import."""

import importlib.abc
import importlib.util
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from docs_check.shrinking import PATCHES


class Patches(importlib.abc.MetaPathFinder):
    """Finds modules as ever, and patches some when they are executed."""

    def find_spec(self, name, path, target=None):
        """Leave it to the finders after this one."""
        if name not in PATCHES:
            return None
        found = (
            one.find_spec(name, path, target)
            for one in sys.meta_path
            if one is not self
        )
        spec = next(filter(None, found), None)
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                PATCHES[name](module)

            spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Patches())
# Those that were there before.
for known in PATCHES.keys() & sys.modules.keys():
    PATCHES[known](sys.modules[known])
