"""Registration of modules with the registries of mmengine and mmaction2."""

import importlib

from mmaction import registry as mmaction_registry
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def add_location(module: str) -> None:
    """Make all registries of mmengine and mmaction import a module on first use.

    Those of mmengine are included because a plain ``Runner`` uses only them, and the
    module also repairs the classes that such a runner uses.

    Args:
        module: Dotted name of the module. It is imported at once if a registry of
            mmaction has been used before.
    """
    registries = {
        name: [one for one in vars(host).values() if isinstance(one, Registry)]
        for name, host in (('mmaction', mmaction_registry), ('', mmengine_registry))
    }
    for one in [*registries['mmaction'], *registries['']]:
        # Registry accepts locations only in its constructor.
        if module not in one._locations:
            one._locations.append(module)
            # A root registry without locations is marked as imported on first use.
            one._imported = one._imported and one in registries['mmaction']
    if any(one._imported for one in registries['mmaction']):
        importlib.import_module(module)
