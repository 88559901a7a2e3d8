import csv
import datetime
import os
import zipfile

import openpyxl
import pytest
import xlwt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmaction_mer.datasets.preparation.sheets.grid import normalize_heading
from mmaction_mer.datasets.preparation.sheets.tables import (
    find_table,
    list_spreadsheets,
    read_table,
)
from mmaction_mer.utils.errors import MERDataError

NEEDED = {'subject': ('Subject',), 'onset': ('OnsetFrame', 'OnsetF')}


def write(path, *grids, names=('one', 'two', 'three')):
    if path.suffix == '.csv':
        with open(path, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows(grids[0])
        return path
    if path.suffix == '.xls':
        book = xlwt.Workbook()
        for name, grid in zip(names, grids, strict=False):
            sheet = book.add_sheet(name)
            for y, cells in enumerate(grid):
                for x, cell in enumerate(cells):
                    if cell is not None:
                        sheet.write(y, x, cell)
        book.save(path)
        return path
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, grid in zip(names, grids, strict=False):
        sheet = book.create_sheet(name)
        for y, cells in enumerate(grid, 1):
            for x, cell in enumerate(cells, 1):
                sheet.cell(y, x, cell)
    book.save(path)
    return path


GRID = [
    [None, 'A title', None],
    [],
    ['Notes', 'Subject ', 'Onset frame'],
    [None, '01', 46],
    [],
    [None, None, None],
    ['note', 2, '/'],
]


@pytest.mark.parametrize('ending', ['.xlsx', '.xls', '.csv'])
def test_header_and_rows_are_found_with_their_numbers(tmp_path, ending):
    table = read_table(write(tmp_path / f'a{ending}', GRID), NEEDED)
    assert [row.number for row in table.rows] == [4, 7]
    assert [str(row.cells['subject']).strip('.0') for row in table.rows] == ['1', '2']
    assert table.rows[1].cells['onset'] == '/'


def test_headings_that_count_as_one():
    names = ('On-set\nFrame', 'onsetframe', 'ＯｎｓｅｔFrame')
    assert len(set(map(normalize_heading, names))) == 1


def test_a_column_that_may_be_missing_is_none(tmp_path):
    path = write(tmp_path / 'a.xlsx', GRID)
    assert read_table(path, NEEDED, {'au': ('AU',)}).rows[0].cells['au'] is None


def test_the_named_sheet_is_taken(tmp_path):
    other = [['Subject', 'OnsetF'], ['09', 9]]
    path = write(tmp_path / 'a.xlsx', GRID, other, [['x']])
    assert len(read_table(path, NEEDED, sheet='TWO').rows) == 1
    # If that sheet is broken, it is not replaced by another one silently.
    with pytest.raises(MERDataError, match="'three' lacks"):
        read_table(path, NEEDED, sheet='three')
    assert read_table(path, NEEDED, sheet='two').title == 'a.xlsx, sheet two'
    with pytest.raises(MERDataError, match="'one', 'two'"):
        read_table(path, NEEDED)


def test_missing_columns_are_named(tmp_path):
    path = write(tmp_path / 'a.xlsx', [['Subject', 'Apex'], [1, 2]])
    with pytest.raises(MERDataError, match=r"a\.xlsx.*'one' lacks 'OnsetFrame'"):
        read_table(path, NEEDED)


def test_a_heading_that_occurs_twice_is_rejected(tmp_path):
    path = write(tmp_path / 'a.csv', [['Subject', 'OnsetF', 'onset_f'], [1, 2, 3]])
    with pytest.raises(MERDataError, match='2 times in row 1'):
        read_table(path, NEEDED)


def test_a_stray_cell_far_out_does_not_take_all_memory(tmp_path):
    book = openpyxl.load_workbook(write(tmp_path / 'a.xlsx', GRID))
    book.active['XFD1048576'] = ' '
    book.save(tmp_path / 'a.xlsx')
    with pytest.raises(MERDataError, match='cell XFD1048576'):
        read_table(tmp_path / 'a.xlsx', NEEDED)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(['.xlsx', '.xls', '.csv']))
@example(b'', '.csv').via('nothing')
@example(b'PK\x03\x04broken', '.xlsx').via('a broken archive')
@example(b'PK\x03\x04broken', '.csv').via('a broken archive')
@example(b'\xd0\xcf\x11\xe0broken', '.xls').via('a broken compound file')
@example(b'\xff\xfe\x00,\x81', '.csv').via('half a character')
def test_broken_files_are_one_message(tmp_path_factory, data, ending):
    path = tmp_path_factory.getbasetemp() / f'a{ending}'
    path.write_bytes(data)
    with pytest.raises(MERDataError) as error:
        read_table(path, NEEDED)
    assert error.value.path == str(path)


@pytest.mark.parametrize('sign', [',', ';', '\t'])
def test_csv_files_with_signs_and_line_breaks_in_cells(tmp_path, sign):
    path = tmp_path / 'a.csv'
    rows = [['Subject', 'OnsetF', 'AU'], ['01', '4', '1;2;3;4,5'], ['02', '5', 'a\nb']]
    rows.append(['03\x85x', '6', ''])
    with open(path, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file, delimiter=sign).writerows(rows)
    cells = [row.cells for row in read_table(path, {**NEEDED, 'au': ('AU',)}).rows]
    assert [list(one.values()) for one in cells] == rows[1:]


def test_chinese_csv_files_are_read(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes('Subject,OnsetF\n01,"4，5"\n'.encode('gb18030'))
    table = read_table(path, NEEDED)
    assert table.rows[0].cells['onset'] == '4，5'
    assert 'GB 18030' in table.title


def test_the_one_sheet_that_fits_is_found(tmp_path):
    root = tmp_path / 'set' / 'frames'
    (root / 'a' / 'b' / 'c').mkdir(parents=True)
    write(root / 'a' / 'other.xlsx', [['x', 'y']])
    write(root / 'a' / 'b' / 'c' / 'deep.xlsx', GRID)
    (root / '~$lock.xlsx').write_bytes(b'x')
    with pytest.raises(MERDataError, match=r'(?s)no spreadsheet.*other\.xlsx.*lacks'):
        find_table(root, NEEDED)
    above = write(tmp_path / 'set' / 'real.xls', GRID)
    assert find_table(root, NEEDED).path == above
    second = write(root / 'copy.csv', GRID)
    assert {path.name for path in list_spreadsheets(root)} == {'other.xlsx', 'copy.csv'}
    # A spreadsheet inside takes precedence over one beside the folder.
    assert find_table(root, NEEDED).path == second
    write(root / 'third.xls', GRID)
    with pytest.raises(MERDataError, match=r'(?s)--sheet.*copy\.csv.*third\.xls'):
        find_table(root, NEEDED)


def xlsx(path, sheet, strings=()):
    """A workbook made of the given parts."""
    write(path, [['x']])
    parts = {
        name: zipfile.ZipFile(path).read(name)
        for name in zipfile.ZipFile(path).namelist()
    }
    # Some versions of openpyxl write texts into the cells.
    parts.setdefault('xl/sharedStrings.xml', b'')
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            if name == 'xl/worksheets/sheet1.xml':
                content = sheet
            elif name == 'xl/sharedStrings.xml':
                items = ''.join(f'<si><t>{text}</t></si>' for text in strings)
                content = f'<sst xmlns="{MAIN}">{items}</sst>'
            with archive.open(name, 'w', force_zip64=True) as file:
                for part in [content] if isinstance(content, str | bytes) else content:
                    file.write(part if isinstance(part, bytes) else part.encode())
    return path


MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
HEAD, TAIL = f'<worksheet xmlns="{MAIN}"><sheetData>', '</sheetData></worksheet>'


def test_workbooks_that_unpack_to_all_memory(tmp_path):
    cell = '<c r="A{}" t="s"><v>0</v></c>'
    shared = HEAD + ''.join(
        f'<row r="{n}">{cell.format(n)}</row>' for n in range(1, 3001)
    )
    sheets = {
        # Three thousand cells of one text of a million letters.
        'shared': (shared + TAIL, ['x' * 1_000_000]),
        # A cell at the far end that the head of the sheet does not declare.
        'far': (f'{HEAD}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>{TAIL}',),
        'many': ([HEAD, *(['<row><c><v>1</v></c></row>' * 100_000] * 80), TAIL],),
    }
    for name, parts in sheets.items():
        path = xlsx(tmp_path / f'{name}.xlsx', *parts)
        assert path.stat().st_size < 5_000_000
        with pytest.raises(MERDataError, match=name):
            read_table(path, NEEDED)


def test_huge_tables_and_pipes(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b',' * 6_000_000)
    (tmp_path / 'b.csv').write_bytes(b'x' * 1_000_000)
    os.mkfifo(tmp_path / 'c.csv')
    os.mkfifo(tmp_path / 'd.xlsx')
    (tmp_path / 'e.xls').symlink_to('/dev/zero')
    for name in ('a.csv', 'b.csv', 'c.csv', 'd.xlsx', 'e.xls'):
        with pytest.raises(MERDataError, match=name):
            read_table(tmp_path / name, NEEDED)


def test_dates_and_numbers_are_kept(tmp_path):
    day = datetime.datetime(2020, 1, 2, 3, 4)
    cells = [day, datetime.time(1, 2), datetime.timedelta(hours=30), 1.5, True, 'x']
    grid = [['Subject', 'OnsetF'], *([cell, 1] for cell in cells)]
    table = read_table(write(tmp_path / 'a.xlsx', grid), NEEDED)
    assert [row.cells['subject'] for row in table.rows] == cells
