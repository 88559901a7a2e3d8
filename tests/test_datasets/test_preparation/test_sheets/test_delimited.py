import pytest

from mmaction_mer.datasets.preparation.sheets.tables import read_table
from mmaction_mer.utils.errors import MERDataError

NEEDED = {'subject': ('subject',), 'onset': ('onset',)}
TABLE = 'subject;onset;fps\np1;12;29,97\n"p;2";13;30\n'
WANTED = [('p1', '12', '29,97'), ('p;2', '13', '30')]


def rows(path, content):
    path.write_bytes(content)
    table = read_table(path, NEEDED, {'fps': ('fps',)})
    return [tuple(row.cells.values()) for row in table.rows], table


@pytest.mark.parametrize('sign', [';', ',', '\t', '|'])
@pytest.mark.parametrize(
    'above',
    [
        '',
        'A title, with commas, and a date: 1, 2, 3, 4\n',
        'Note; of; many; parts; which; is; no; header\n\n',
        'a\tb\tc\td\te\tf\n"a quoted, line\nbreak"\n',
        'A 5" ruler\n',
    ],
)
def test_the_delimiter_is_that_of_the_header(tmp_path, sign, above):
    """Whatever is above it: titles, notes, other delimiters, blank lines."""
    text = TABLE.replace('29,97', '29.97').replace(';', sign)
    content = (above + text).encode()
    wanted = [('p1', '12', '29.97'), (f'p{sign}2', '13', '30')]
    assert rows(tmp_path / 'a.csv', content)[0] == wanted


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le',
                                      'utf-16-be', 'gb18030'])  # fmt: skip
def test_encodings(tmp_path, encoding):
    """Excel writes "Unicode text" as UTF-16 with tabs."""
    text = TABLE.replace('p1', 'p\u5f20').replace(';', '\t').replace('"p\t2"', 'p;2')
    found, _ = rows(tmp_path / 'a.csv', text.encode(encoding))
    assert found == [('p\u5f20', '12', '29,97'), WANTED[1]]
    assert rows(tmp_path / 'a.txt', text.encode(encoding))[0] == found


@pytest.mark.parametrize('hint', ['sep=;\n', '"sep=;"\r\n'])
def test_a_line_that_declares_the_delimiter_is_not_a_row(tmp_path, hint):
    found, table = rows(tmp_path / 'a.csv', (hint + TABLE).encode())
    assert found == WANTED and [row.number for row in table.rows] == [2, 3]


def test_numbers_kept_as_text(tmp_path):
    text = 'subject,onset\n="001",4\n"=""002""",5\n'
    found, _ = rows(tmp_path / 'a.csv', text.encode())
    assert [one[0] for one in found] == ['001', '002']


def test_a_decimal_comma_that_shifts_the_cells_is_reported(tmp_path):
    """Otherwise a part of the frame rate would be the onset."""
    text = 'subject,fps,onset\np1,29,97,12\np2,30,13\np3,30,14,,\n'
    _, table = rows(tmp_path / 'a.csv', text.encode())
    assert ['has 4 cells' in row.problem for row in table.rows] == [True, False, False]


def test_an_open_quotation_mark_does_not_swallow_rows(tmp_path):
    text = 'subject,onset\np1,"4\np2,5\np3,6\n'
    with pytest.raises(MERDataError, match='not a CSV.*row 2.*quotation mark'):
        rows(tmp_path / 'a.csv', text.encode())
