"""A griffe extension: docstrings as Sphinx reads them become Markdown.

Roles such as ``:func:`magnify``` become links of the reference or plain code, examples
become code blocks, and ``::`` before a literal block loses a colon.
"""

import re
from typing import Any

from griffe import Alias, Extension, GriffeLoader, Module, NameResolutionError, Object

ROLE = re.compile(r':(?:py:)?(?:attr|class|data|exc|func|meth|mod|obj):`([^`]+)`')
#: ``as follows::`` announces a literal block; Markdown needs the indent alone.
LITERAL = re.compile(r'(?<=[^\s:])::$', re.M)
#: A doctest that stands in no section, at the margin.
DOCTEST = re.compile(r'^>>> .+(?:\n.+)*', re.M)
EXAMPLE = re.compile(r'^Example:$', re.M)


class SphinxRoles(Extension):
    """Rewrites the docstrings of a package, once all of it is loaded."""

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **kwargs: Any) -> None:
        """Visit every object of the package that is defined in it."""
        _visit(pkg, pkg)


def _visit(obj: Object, package: Module) -> None:
    if obj.docstring is not None:
        obj.docstring.value = rewrite(obj.docstring.value, obj, package)
    for member in obj.members.values():
        if not isinstance(member, Alias):
            _visit(member, package)


def rewrite(text: str, obj: Object, package: Module) -> str:
    """Make Markdown of a docstring.

    Args:
        text: The docstring of ``obj``.
        obj: Where names are looked up: ``magnify`` is found in its module or, for a
            name of another module, wherever the package has one object of that name.
        package: The package.

    Returns:
        Markdown; the sections of the docstring stay as they are.
    """
    text = ROLE.sub(lambda match: _link(match[1], obj, package), text)
    text = DOCTEST.sub(lambda match: f'```pycon\n{match[0]}\n```', text)
    # Griffe knows the plural.
    return LITERAL.sub(':', EXAMPLE.sub('Examples:', text))


def _link(target: str, obj: Object, package: Module) -> str:
    shown = target.removeprefix('~').lstrip('.')
    path = find(target.removeprefix('~'), obj, package)
    if target.startswith('~') or path == f'{obj.module.path}.{shown}':
        shown = shown.rpartition('.')[2]
    if path is None:
        return f'`{shown}`'
    # What no page of the reference shows stays plain code.
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'


def find(name: str, obj: Object, package: Module) -> str | None:
    """Find the full path of what a role names; None where it is not known.

    Args:
        name: A full path, a name as seen from ``obj``, or one with a dot in front,
            which Sphinx looks up in the whole package.
        obj: The object whose docstring it is.
        package: The package.
    """
    plain = name.lstrip('.')
    if plain.startswith(f'{package.path}.'):
        return plain
    if not name.startswith('.'):
        try:
            return obj.resolve(plain)
        except NameResolutionError:
            pass
    found = [path for path in _paths(package) if path.endswith(f'.{plain}')]
    return found[0] if len(found) == 1 else None


def _paths(obj: Object) -> list[str]:
    """Paths of everything that is defined in an object."""
    inside = [one for one in obj.members.values() if not isinstance(one, Alias)]
    return [obj.path, *(path for one in inside for path in _paths(one))]
