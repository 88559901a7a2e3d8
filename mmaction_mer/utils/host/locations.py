"""Where mmaction's registries look for modules that register something."""

import importlib

from mmaction import registry
from mmengine.registry import Registry


def add_location(module: str) -> None:
    """Let every registry of mmaction import a module when it is first used.

    Args:
        module: Dotted name of the module. Where a registry was used before, the module
            is imported at once.
    """
    registries = [one for one in vars(registry).values() if isinstance(one, Registry)]
    for one in registries:
        # Registry takes locations when it is created and has no method to add one.
        if module not in one._locations:
            one._locations.append(module)
    if any(one._imported for one in registries):
        importlib.import_module(module)
