"""Tools as modules: their ``main`` is called without a process of its own."""

import importlib.util
import io
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import NamedTuple

from paths import TOOLS


class Finished(NamedTuple):
    """What a tool returned and printed."""

    status: int
    stdout: str
    stderr: str


def load_tool(name: str) -> ModuleType:
    """Load a tool afresh by its path below ``tools/``."""
    path = TOOLS / name
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_tool(name: str, *arguments) -> Finished:
    """Call the ``main`` of a tool as the shell would."""
    main = load_tool(name).main
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            status = main([str(one) for one in arguments])
        except SystemExit as error:
            status = error.code
    return Finished(status, output.getvalue(), errors.getvalue())
