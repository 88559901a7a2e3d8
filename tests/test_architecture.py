"""No import of the package runs upward: rooms are in the order of the data."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest
from paths import ROOT

PACKAGE = 'mmaction_mer'
#: Lowest floor first. A module imports from its own floor and from those before it,
#: at the top of the file and inside functions alike.
FLOORS = (
    'version', 'utils', 'motion', 'datasets', 'models', 'evaluation', 'visualization',
    'engine', 'analysis', 'ablation', 'apis', 'app',
)  # fmt: skip

#: Modules that start everything, and that no room imports.
ABOVE = ('__main__', 'registration')


def modules() -> dict[str, ast.Module]:
    """Parse every module of the package, by its dotted name; a package is its own."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob('*.py')):
        parts = path.relative_to(ROOT).with_suffix('').parts
        name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
        found[name] = ast.parse(path.read_text(encoding='utf-8'))
    return found


def imports(name: str, tree: ast.Module, known: dict[str, ast.Module]) -> Iterator[str]:
    """Name the modules of the package that one imports, wherever it does."""
    is_package = (ROOT / name.replace('.', '/')).is_dir()
    package = name.split('.') if is_package else name.split('.')[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = '.'.join([*above, *([node.module] if node.module else [])])
            for one in node.names:
                inner = f'{base}.{one.name}'
                if inner in known or base in known:
                    yield inner if inner in known else base


@pytest.fixture(scope='module')
def graph() -> dict[str, set[str]]:
    known = modules()
    found = {name: set(imports(name, tree, known)) for name, tree in known.items()}
    assert sum(map(len, found.values())) > 500, 'the imports are not found any more'
    return found


def upward(graph: dict[str, set[str]]) -> list[str]:
    """List the imports from a lower floor to a higher one."""
    found = []
    for name, targets in graph.items():
        for target in targets:
            rooms = [one.split('.')[1:2] for one in (name, target)]
            if not all(rooms) or rooms[0][0] in ABOVE:
                continue
            low, high = (FLOORS.index(one[0]) for one in rooms)
            if high > low:
                found.append(f'{name} imports {target}')
    return found


def test_no_import_runs_upward(graph):
    assert upward(graph) == []


def test_modules_do_not_import_each_other_in_circles(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(' -> '.join(error.args[1]))


def test_every_room_has_a_floor():
    rooms = {path.name for path in (ROOT / PACKAGE).iterdir() if path.is_dir()}
    assert rooms - {'__pycache__'} <= set(FLOORS)


def test_the_contract_can_fail():
    lazy = ast.parse('def f():\n    from ..app import launch\n')
    known = {f'{PACKAGE}.app': lazy, f'{PACKAGE}.motion.temporal': lazy}
    name = f'{PACKAGE}.motion.temporal'
    assert upward({name: set(imports(name, lazy, known))}) == [
        f'{name} imports {PACKAGE}.app'
    ]


def test_the_walk_names_files_that_exist():
    text = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    named = set(re.findall(r'`((?:[\w-]+/)+[\w.-]*)`', text)) | {'registration.py'}
    folders = (ROOT / PACKAGE, ROOT)
    missing = [
        one for one in named
        if '<' not in one and not any((folder / one).exists() for folder in folders)
    ]  # fmt: skip
    assert len(named) > 40 and missing == []
