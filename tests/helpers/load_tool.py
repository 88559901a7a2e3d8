"""Tools as modules: their ``main`` is called without a process of its own."""

import importlib.util
from types import ModuleType

from paths import TOOLS


def load_tool(name: str) -> ModuleType:
    """Load a tool afresh by its path below ``tools/``."""
    path = TOOLS / name
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
