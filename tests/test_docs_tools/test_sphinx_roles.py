import griffe
import pytest
from load_tool import load_tool

roles = load_tool('docs/sphinx_roles.py')

SOURCE = {
    '__init__': '"""A package: see :mod:`pack.deep`."""\nfrom .deep import mend\n',
    'deep': '''"""Deep."""

def mend(thing):
    """Mends a :class:`Thing`, like :func:`~pack.other.tear`.

    Not :func:`nowhere`, not :class:`numpy.ndarray`. As follows::

        mend(1)

    >>> mend([1])
    [1]

    Example:
        >>> mend(2)
        2
    """

class Thing:
    """A thing."""

    def use(self):
        """Is used by :meth:`lose` and :func:`.other.tear`."""

    def lose(self):
        """Lost."""
''',
    'other': '"""Other."""\n\ndef tear():\n    """Tears."""\n',
}


@pytest.fixture
def pack(tmp_path):
    (tmp_path / 'pack').mkdir()
    for name, text in SOURCE.items():
        (tmp_path / f'pack/{name}.py').write_text(text)
    extensions = griffe.load_extensions(roles.SphinxRoles())
    return griffe.load('pack', search_paths=[tmp_path], extensions=extensions)


def link(path, shown):
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'


def test_roles_become_links_of_what_is_meant(pack):
    text = pack['deep.mend'].docstring.value
    assert f'Mends a {link("pack.deep.Thing", "Thing")}, like ' in text
    assert link('pack.other.tear', 'tear') in text
    used = pack['deep.Thing.use'].docstring.value
    assert link('pack.deep.Thing.lose', 'lose') in used
    assert link('pack.other.tear', 'other.tear') in used
    assert link('pack.deep', 'pack.deep') in pack.docstring.value


def test_what_is_not_known_becomes_code(pack):
    text = pack['deep.mend'].docstring.value
    assert 'Not `nowhere`, not `numpy.ndarray`.' in text


def test_examples_and_literal_blocks_become_markdown(pack):
    text = pack['deep.mend'].docstring.value
    assert 'As follows:\n\n    mend(1)' in text
    assert '```pycon\n>>> mend([1])\n[1]\n```' in text
    assert 'Examples:\n    >>> mend(2)' in text
