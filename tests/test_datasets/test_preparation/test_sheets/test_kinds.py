"""Rows of macro-expressions in a sheet of micro-expressions are not read as these."""

import shutil

import pytest

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.sheets.kinds import (
    kind_of,
    kind_of_name,
    read_kinds,
)
from mmaction_mer.utils.errors import MERDataError

LINK = Options(crop=False, progress=False)
SHEETS = {
    'cas3': ('write_cas3', 860), 'casme2': ('write_casme2', 255),
    'casme': ('write_casme', 189), 'mmew': ('write_mmew', 300),
    '4dme': ('write_4dme', 267), 'samm': ('write_samm', 159),
}  # fmt: skip


def add_column(fake_releases, truth, heading, words, header=None):
    """Every third row is of a macro-expression; returns the lines that are."""
    macro = [row.line for row in truth.rows if row.line][::3]

    def change(grid):
        top = next(
            n
            for n, row in enumerate(grid)
            if 'Filename' in row or 'clip' in row or 'fold_name' in row
        )
        grid[top] += [heading]
        for number, row in enumerate(grid[top + 1 :], top + 2):
            if any(str(cell).strip() for cell in row if cell is not None):
                row += [words[number in macro]]

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    return macro


@pytest.mark.parametrize('reader', [name for name in SHEETS if name != 'samm'])
def test_macro_rows_become_no_micro_clips(fake_releases, tmp_path, reader):
    """A column of any release's sheet that tells the kinds apart is obeyed.

    One finding counts what is left out, and what is left is as if it were alone.
    """
    writer, rows = SHEETS[reader]
    truth = getattr(fake_releases, writer)(tmp_path)
    words = ('micro-expression', 'macro-expression')
    macro = add_column(fake_releases, truth, 'Expression type', words)
    reading = READERS[reader].read(Source(truth.root))
    assert {clip.row for clip in reading.clips}.isdisjoint(macro)
    assert len(reading.clips) == reading.rows == rows - len(macro)
    (kind,) = [one for one in reading.findings if one.field == 'kind']
    assert kind.action == 'noted'
    assert kind.reason.startswith(
        f'{len(macro)} rows of macro-expressions are left out'
    )


@pytest.mark.parametrize('value', ['Macro', 'macro-expression', 'MaE', 0, 'no'])
def test_the_column_micro_of_samm(fake_releases, tmp_path, value):
    """SAMM's own column Micro, in words or as yes and no."""
    truth = fake_releases.write_samm(tmp_path)
    lines = {row.line for row in truth.rows[:40]}
    yes = {0: 1, 'no': 'yes'}.get(value, 'Micro - 1/2')

    def change(grid):
        column = grid[13].index('Micro')
        for row in truth.rows:
            grid[row.line - 1][column] = value if row.line in lines else yes

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    reading = READERS['samm'].read(Source(truth.root))
    assert len(reading.clips) == 119
    assert {clip.row for clip in reading.clips}.isdisjoint(lines)


def test_rows_that_name_neither_kind_are_left_out(fake_releases, tmp_path):
    """An empty cell and an unknown word: a finding for each row."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    add_column(fake_releases, truth, 'ME/MaE', ('ME', 'MaE'))
    lost = [row.line for row in truth.rows if row.line][1:5:3]
    for line, value in zip(lost, ('partial', None), strict=True):
        fake_releases.break_cell(truth.sheet, line, 'ME/MaE', value)
    done = prepare(READERS['casme2'], Source(truth.root), tmp_path / 'out', LINK)
    assert done.report['rows'] == 170 and done.report['clips'] == 168
    reasons = {
        one['row']: one['reason']
        for one in done.report['findings']
        if one['field'] == 'kind' and one['action'] == 'skipped'
    }
    assert reasons == {
        lost[0]: "is 'partial', and neither micro nor macro: left out",
        lost[1]: 'is empty, and neither micro nor macro: left out',
    }
    assert done.report['skipped'] == 2
    assert '85 rows of macro-expressions' in (tmp_path / 'out/report.md').read_text()


def test_a_sheet_of_the_other_kind_is_passed_over_or_refused(fake_releases, tmp_path):
    """CAS(ME)^3 has a file for each kind; SAMM a tab for each."""
    truth = fake_releases.write_cas3(tmp_path / 'cas3')
    macro = truth.sheet.with_name('cas(me)3_part_A_MaE_label_JpgIndex_v2.xlsx')
    shutil.copy(truth.sheet, macro)
    reading = READERS['cas3'].read(Source(truth.root))
    assert reading.source.startswith(truth.sheet.name) and reading.rows == 860
    (kind,) = [one for one in reading.findings if one.field == 'kind']
    assert kind.clip == macro.name
    with pytest.raises(MERDataError, match='is named as a table of macro-expressions'):
        READERS['cas3'].read(Source(truth.root, macro))

    truth = fake_releases.write_samm(tmp_path / 'samm')
    book = fake_releases.read_workbook(truth.sheet)
    grid = [[*row[:7], *row[8:]] for row in book['MICRO_ONLY']]
    tabs = {'Micro': grid, 'Macro': grid}
    fake_releases.write_workbook(truth.sheet, tabs)
    assert READERS['samm'].read(Source(truth.root)).source.endswith('sheet Micro')
    fake_releases.write_workbook(truth.sheet, {'Macro': tabs['Macro']})
    with pytest.raises(MERDataError, match='is named as a table of macro-expressions'):
        READERS['samm'].read(Source(truth.root))


def test_a_table_of_any_set(fake_releases, tmp_path):
    """Of both kinds micro-expressions are read; one kind alone is read and named."""
    for words, task, clips in (
        (('micro', 'macro'), 'micro', 26),
        (('macro', 'macro'), 'macro', 40),
        (('micro', 'micro'), 'micro', 40),
    ):
        root = tmp_path / f'{words[0]}{words[1]}'
        truth = fake_releases.write_generic(root / 'set')
        add_column(fake_releases, truth, 'type', words)
        options = Options(crop=False, progress=False, fps=100)
        done = prepare(READERS['generic'], Source(truth.root), root / 'out', options)
        assert done.report['clips'] == done.report['rows'] == clips
        metainfo = read_annotation(done.files[0])['metainfo']
        assert metainfo['task_name'] == f'{task}-expression recognition'


@pytest.mark.parametrize(
    ('heading', 'cells', 'wanted'),
    [
        ('Type', ['Micro - 1/2', 'Macro'], ['micro', 'macro']),
        ('type', ['spontaneous', 'posed'], None),
        ('ME/MaE', ['ME', 'MaE'], ['micro', 'macro']),
        ('what', ['microexpression', 'Macro expression'], ['micro', 'macro']),
        ('State', ['ME', 'ME'], None),
        ('Micro', ['1/2', '2'], None),
        ('is macro', [True, False], ['macro', 'micro']),
        ('Macro', ['yes', 'no'], ['macro', 'micro']),
        ('type (1 = micro, 2 = macro)', [2.0, '1'], ['macro', 'micro']),
        ('micro/macro', [1, 2], ['1', '2']),
        ('表情类型', ['微表情', '宏表情'], ['micro', 'macro']),
        ('Notes', ['micro', 'eyes closed'], None),
    ],
)
def test_columns_that_tell_the_kinds_apart(heading, cells, wanted):
    """By their heading, by what they hold, and not by either where that is unclear."""
    grid = [['Subject', heading], *(['a', cell] for cell in cells)]
    found = read_kinds(grid, 0, {0})
    assert (found and list(found.values())) == wanted


def test_names_of_kinds():
    assert [kind_of(word) for word in ('ME', 'MaE', 'mae', 'micro', 'happy', 3)] == [
        'micro', 'macro', 'macro', 'micro', None, None,
    ]  # fmt: skip
    names = {
        'SAMM_Micro_FACS_Codes_v2.xlsx': 'micro', 'MACRO_ONLY': 'macro',
        'CASME2-coding-20140508.xlsx': None, 'with macros.xlsm': None,
        'MacroExp.csv': 'macro', 'cas(me)3_part_A_ME_label.xlsx': 'micro',
    }  # fmt: skip
    assert {name: kind_of_name(name) for name in names} == names
