"""Cells whose content is not a value, in every kind of workbook."""

import zipfile

import openpyxl
import pytest
import xlwt

from mmaction_mer.datasets.preparation.sheets.workbook import (
    UnreadableCell,
    read_workbook,
)

MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
OPEN = 'urn:oasis:names:tc:opendocument:xmlns'


def cells(path):
    (sheet, *_) = read_workbook(path.read_bytes())
    return sheet.rows, sheet.merged


def kinds(row):
    return [cell.reason.split()[1] if isinstance(cell, UnreadableCell) else cell
            for cell in row]  # fmt: skip


def test_errors_and_formulas_in_xlsx(tmp_path):
    """A formula whose value was never stored, and an error, are not empty cells."""
    book = openpyxl.Workbook()
    book.active.append(['x', None, '=1+1', '#REF!', 5, '=NA()'])
    book.create_sheet('other').append(['=A1'])
    book.save(tmp_path / 'a.xlsx')
    rows, _ = cells(tmp_path / 'a.xlsx')
    assert kinds(rows[0]) == ['x', '', 'a', 'the', 5, 'a']
    assert '#REF!' in rows[0][3].reason and 'save it' in rows[0][2].reason


def rewrite(path, change):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content.decode()))


@pytest.mark.parametrize('recompute', ['0', '1'])
def test_stored_values_are_used(tmp_path, recompute):
    """An empty text is a value; 0 is not if all formulas are to be recomputed."""
    path = tmp_path / 'a.xlsx'
    openpyxl.Workbook().save(path)
    row = (
        '<row><c t="str"><f>A2</f><v></v></c><c><f>A2</f><v>20</v></c>'
        '<c><f>A2</f><v>0</v></c><c t="str"><f>A2</f><v>x</v></c>'
        '<c t="e"><f>A2</f><v>#N/A</v></c><c t="str"><f>A2</f></c></row>'
    )

    def change(name, text):
        if name == 'xl/worksheets/sheet1.xml':
            return f'<worksheet xmlns="{MAIN}"><sheetData>{row}</sheetData></worksheet>'
        return text.replace('fullCalcOnLoad="1"', f'fullCalcOnLoad="{recompute}"')

    rewrite(path, change)
    (row,), _ = cells(path)
    zero = 'a' if recompute == '1' else 0
    assert kinds(row) == ['', 20, zero, 'x', 'the', 'a']


def test_errors_and_formulas_in_xls(tmp_path):
    book = xlwt.Workbook()
    for number in range(2):
        sheet = book.add_sheet(f'Tabelle ä{number}')
        sheet.write(3, 2, xlwt.Formula('1/0'))
        sheet.row(3).set_cell_error(1, '#REF!')
        sheet.write(3, 0, True)
        sheet.write_merge(4, 6, 0, 0, 'p1')
        for row in range(10, 300):
            sheet.write(row, 1, row)
    book.save(str(tmp_path / 'a.xls'))
    for sheet in read_workbook((tmp_path / 'a.xls').read_bytes()):
        assert kinds(sheet.rows[3]) == [True, 'the', 'a']
        assert '#REF!' in sheet.rows[3][1].reason
        assert sheet.merged == (((4, 0), (6, 0)),)


def test_errors_formulas_and_merged_cells_in_ods(tmp_path):
    used = ('office', 'table', 'text', 'calcext')
    spaces = ' '.join(f'xmlns:{name}="{OPEN}:{name}:1.0"' for name in used)
    rows = (
        '<table:table-row table:number-rows-repeated="2"><table:table-cell/>'
        '</table:table-row><table:table-row>'
        '<table:table-cell table:number-columns-repeated="2"/>'
        '<table:table-cell table:formula="of:=1+1"/>'
        '<table:table-cell table:formula="of:=1/0" office:value-type="float" '
        'office:value="0" calcext:value-type="error"><text:p>#DIV/0!</text:p>'
        '</table:table-cell><table:table-cell table:formula="of:=2" '
        'office:value-type="float" office:value="2"><office:annotation><text:p>#REF!'
        '</text:p></office:annotation><text:p>2</text:p></table:table-cell>'
        '<table:table-cell table:formula="of:=X" office:value-type="string" '
        'office:string-value=""><text:p>Err:508</text:p></table:table-cell>'
        '</table:table-row><table:table-row><table:table-cell '
        'office:value-type="string" table:number-rows-spanned="2">'
        '<text:p>p1</text:p></table:table-cell>'
        '</table:table-row>'
    )
    content = (
        f'<office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="a">{rows}</table:table>'
        f'</office:spreadsheet></office:body></office:document-content>'
    )
    kind = 'application/vnd.oasis.opendocument.spreadsheet'
    with zipfile.ZipFile(tmp_path / 'a.ods', 'w') as archive:
        archive.writestr('mimetype', kind)
        archive.writestr('content.xml', content)
        archive.writestr('META-INF/manifest.xml', '<manifest/>')
    found, merged = cells(tmp_path / 'a.ods')
    assert kinds(found[2]) == ['', '', 'a', 'the', 2, 'the']
    assert found[3][0] == 'p1' and merged == (((3, 0), (4, 0)),)
