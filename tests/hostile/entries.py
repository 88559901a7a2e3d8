"""The entry points, and how they are started with a hostile file."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .staging import Argv

#: Puts a file among sound ones in a scratch folder and returns the command line. None
#: as file is a sound one.
Stage = Callable[[Path | None, Path, Path], Argv]


@dataclass(frozen=True)
class Entry:
    """An entry point.

    Attributes:
        name: Its name.
        kinds: Kinds of files that it takes, see ``case.KINDS``.
        tool: The path of a tool, or a function of the arguments.
        stage: See :data:`Stage`.
        works: Whether the exit status for a sound file is 0.
    """

    name: str
    kinds: tuple[str, ...]
    tool: str | Callable[..., int]
    stage: Stage
    works: bool = True


ENTRIES: dict[str, Entry] = {}


def entry(
    name: str, kinds: str, tool: str | Callable[..., int], works: bool = True
) -> Callable[[Stage], Stage]:
    """Register an entry point with the function that stages files for it."""

    def register(stage: Stage) -> Stage:
        ENTRIES[name] = Entry(name, tuple(kinds.split()), tool, stage, works)
        return stage

    return register


def known_entries() -> dict[str, Entry]:
    """Return all entry points by name."""
    from . import reads_data, reads_media, reads_runs, reads_weights  # noqa: F401

    return ENTRIES


def tools() -> Path:
    """Return the folder of the tools of the imported package."""
    import mmaction_mer

    return Path(mmaction_mer.__file__).parents[1] / 'tools'


def load_tool(name: str) -> ModuleType:
    """Load a tool as a module; importing it twice would register twice."""
    known = f'hostile_tool_{name.replace("/", "_")}'
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, tools() / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        spec.loader.exec_module(module)
    return sys.modules[known]


def preload() -> None:
    """Import everything that entry points need, before the first fork."""
    import matplotlib.pyplot  # noqa: F401
    import scipy.signal  # noqa: F401

    import mmaction_mer.visualization  # noqa: F401

    sys.path.append(str(Path(__file__).parents[1] / 'helpers'))
    for one in known_entries().values():
        if isinstance(one.tool, str) and one.tool != 'predict':
            load_tool(one.tool)
    import mmaction_mer.__main__
    import mmaction_mer.app.limits  # noqa: F401


def start(entry: Entry, argv: Argv) -> int:
    """Run an entry point in this process."""
    if entry.tool == 'export_onnx':
        # Skip torch's exporter, which takes 15 seconds and does not read the file.
        load_tool(entry.tool).export_onnx = _exported
    if not isinstance(entry.tool, str):
        return entry.tool(*argv)
    sys.argv = [entry.tool, *argv]
    if entry.tool == 'predict':
        import mmaction_mer.__main__

        return mmaction_mer.__main__.main(['predict', *argv])
    return load_tool(entry.tool).main()


def _exported(model: object, path: str, *_: object) -> Path:
    Path(path).write_bytes(b'')
    return Path(path)
