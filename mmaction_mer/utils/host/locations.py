"""Where the registries of the host look for modules that register something."""

import importlib

from mmaction import registry as mmaction_registry
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def add_location(module: str) -> None:
    """Let every registry of mmengine and mmaction import a module when first used.

    Those of mmengine need it too: a plain ``Runner`` asks them alone, and the module
    also repairs the classes that such a runner uses.

    Args:
        module: Dotted name of the module. Where a registry of mmaction was used
            before, the module is imported at once.
    """
    registries = {
        name: [one for one in vars(host).values() if isinstance(one, Registry)]
        for name, host in (('mmaction', mmaction_registry), ('', mmengine_registry))
    }
    for one in [*registries['mmaction'], *registries['']]:
        # Registry takes locations when it is created and has no method to add one.
        if module not in one._locations:
            one._locations.append(module)
            # A root registry without locations counts as imported after its first use.
            one._imported = one._imported and one in registries['mmaction']
    if any(one._imported for one in registries['mmaction']):
        importlib.import_module(module)
