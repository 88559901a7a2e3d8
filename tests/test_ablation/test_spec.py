"""Config files of tables: what is read from them, and what a mistake is reported as."""

import pytest

from mmaction_mer.ablation import read_table
from mmaction_mer.utils.errors import ConfigError

GOOD = """
title = 'Table X'
base = 'base.py'
paper = dict(source='MPT, table X', dataset='SMIC')
rows = [
    dict(name='none', options={'model.alpha': 0.0}, paper=dict(acc=81.10), x=0),
    dict(name='all', options={}, paper=dict(acc=86.59, f1=86.01, millions=5.5), x=20),
]
"""


@pytest.fixture
def write(tmp_path):
    folder = tmp_path / 'ablations'
    folder.mkdir()

    def write(text):
        path = folder / 'table.py'
        path.write_text(text)
        return path

    return write


def test_a_table_is_read(write, tmp_path):
    table = read_table(write('_x = 3\n' + GOOD))
    assert (table.name, table.title) == ('table', 'Table X')
    assert table.base == tmp_path / 'base.py'
    assert table.paper == dict(source='MPT, table X', dataset='SMIC')
    first, second = table.rows
    assert first.options == {'model.alpha': 0.0}
    assert (first.x, second.x) == (0, 20)
    assert second.paper == dict(acc=86.59, f1=86.01, millions=5.5)
    # The row that overrides nothing is the reference, unless another one is named.
    assert table.reference == 'all'
    assert read_table(write(GOOD + "reference = 'none'")).reference == 'none'


@pytest.mark.parametrize(
    ('old', 'new', 'field', 'words'),
    [
        ('title =', 'titel =', None, 'titel'),
        ("base = 'base.py'", '', None, 'base'),
        ("x=0)", "y=0)", "rows['none']", "'y'"),
        ("name='none', ", '', 'rows[0]', 'name'),
        ("rows = [", "rows = [3,", 'rows[0]', 'mapping'),
        ("rows = [", "rows = []\nx_label = [", 'rows', 'list of rows'),
        ("options={},", "options=[],", "rows['all'].options", 'not a dict'),
        ("dict(acc=81.10)", "dict(accuracy=8)", "rows['none'].paper", 'accuracy'),
        ("acc=81.10", "acc='81.1'", "rows['none'].paper.acc", "'81.1'"),
        ("x=0)", "x='0')", "rows['none'].x", "'0'"),
        ("name='all'", "name='none'", 'rows', "'none'"),
        ("rows = [", "reference = 'al'\nrows = [", 'reference', "did you mean 'all'"),
        ("paper = dict(source='MPT, table X', dataset='SMIC')", '', 'paper', 'source'),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_field(write, old, new, field, words):
    path = write(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_table(path)
    assert (caught.value.path, caught.value.field) == (str(path), field)
    assert words in str(caught.value)
