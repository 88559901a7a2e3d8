"""Rows of macro-expressions are not read as micro-expressions."""

import shutil

import pytest
from preparing import run

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.sheets.kinds import (
    kind_in_name,
    parse_kind,
    read_kinds,
)
from mmaction_mer.utils.errors import MERDataError


def add_column(fake_releases, truth, heading, words):
    """Every third row is a macro-expression; return the lines that are."""
    macro = [row.line for row in truth.rows if row.line][::3]

    def change(grid):
        names = {'Filename', 'clip', 'fold_name'}
        top = next(n for n, row in enumerate(grid) if names & set(row))
        grid[top] += [heading]
        for number, row in enumerate(grid[top + 1 :], top + 2):
            if any(str(cell).strip() for cell in row if cell is not None):
                row += [words[number in macro]]

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    return macro


@pytest.mark.parametrize(
    ('reader', 'rows'), [('cas3', 860), ('casme2', 255), ('casme', 189), ('4dme', 267)]
)
def test_macro_rows_become_no_micro_clips(fake_releases, tmp_path, reader, rows):
    """One issue counts the rows that are left out."""
    truth = getattr(fake_releases, f'write_{reader}')(tmp_path)
    words = ('micro-expression', 'macro-expression')
    macro = add_column(fake_releases, truth, 'Expression type', words)
    release = READERS[reader].read(Source(truth.root))
    assert {clip.row for clip in release.clips}.isdisjoint(macro)
    assert len(release.clips) == release.rows == rows - len(macro)
    (kind,) = [one for one in release.issues if one.field == 'kind']
    assert kind.action == 'noted'
    assert kind.reason.startswith(f'{len(macro)} rows of macro-expressions')


@pytest.mark.parametrize('value', ['Macro', 'MaE', 0, 'no'])
def test_the_column_micro_of_samm(fake_releases, tmp_path, value):
    """In words or as yes and no."""
    truth = fake_releases.write_samm(tmp_path)
    lines = {row.line for row in truth.rows[:40]}
    yes = {0: 1, 'no': 'yes'}.get(value, 'Micro - 1/2')

    def change(grid):
        column = grid[13].index('Micro')
        for row in truth.rows:
            grid[row.line - 1][column] = value if row.line in lines else yes

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    release = READERS['samm'].read(Source(truth.root))
    assert len(release.clips) == 119
    assert {clip.row for clip in release.clips}.isdisjoint(lines)


def test_rows_that_name_neither_kind_are_left_out(fake_releases, tmp_path):
    """An empty cell and an unknown word: an issue for each row."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    add_column(fake_releases, truth, 'ME/MaE', ('ME', 'MaE'))
    lost = [row.line for row in truth.rows if row.line][1:5:3]
    for line, value in zip(lost, ('partial', None), strict=True):
        fake_releases.break_cell(truth.sheet, line, 'ME/MaE', value)
    release = READERS['casme2'].read(Source(truth.root))
    assert release.rows == 170 and len(release.clips) == 168
    reasons = {one.row: one.reason for one in release.issues if one.row in lost}
    assert "is 'partial'" in reasons[lost[0]] and 'is empty' in reasons[lost[1]]


def test_a_sheet_of_the_other_kind_is_skipped_or_rejected(fake_releases, tmp_path):
    """CAS(ME)^3 has a file for each kind; SAMM a sheet for each."""
    truth = fake_releases.write_cas3(tmp_path / 'cas3')
    macro = truth.sheet.with_name('cas(me)3_part_A_MaE_label_JpgIndex_v2.xlsx')
    shutil.copy(truth.sheet, macro)
    release = READERS['cas3'].read(Source(truth.root))
    assert release.spreadsheet.startswith(truth.sheet.name) and release.rows == 860
    (kind,) = [one for one in release.issues if one.field == 'kind']
    assert kind.clip == macro.name
    with pytest.raises(MERDataError, match='table of macro-expressions') as error:
        READERS['cas3'].read(Source(truth.root, macro))
    assert error.value.path == str(macro)

    truth = fake_releases.write_samm(tmp_path / 'samm')
    held = fake_releases.read_workbook(truth.sheet)
    grid = [[*row[:7], *row[8:]] for row in held['MICRO_ONLY']]
    fake_releases.write_workbook(truth.sheet, {'Micro': grid, 'Macro': grid})
    release = READERS['samm'].read(Source(truth.root))
    assert release.spreadsheet.endswith('sheet Micro')
    fake_releases.write_workbook(truth.sheet, {'Macro': grid})
    with pytest.raises(MERDataError, match='table of macro-expressions'):
        READERS['samm'].read(Source(truth.root))


@pytest.mark.parametrize(
    ('words', 'task', 'clips'),
    [
        (('micro', 'macro'), 'micro', 26),
        (('macro', 'macro'), 'macro', 40),
        (('micro', 'micro'), 'micro', 40),
    ],
)
def test_a_table_of_any_set(fake_releases, tmp_path, words, task, clips):
    """Of both kinds micro-expressions are read; one kind alone is read and named."""
    truth = fake_releases.write_generic(tmp_path / 'set')
    add_column(fake_releases, truth, 'type', words)
    done = run('generic', truth.root, tmp_path / 'out', fps=100)
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
def test_columns_of_kinds(heading, cells, wanted):
    """By their heading, by their cells, and by neither if that is unclear."""
    grid = [['Subject', heading], *(['a', cell] for cell in cells)]
    found = read_kinds(grid, 0, {0})
    assert (found and list(found.values())) == wanted


def test_names_of_kinds():
    words = {'ME': 'micro', 'MaE': 'macro', 'mae': 'macro', 'micro': 'micro', 3: None}
    assert {word: parse_kind(word) for word in words} == words
    names = {
        'SAMM_Micro_FACS_Codes_v2.xlsx': 'micro', 'MACRO_ONLY': 'macro',
        'CASME2-coding-20140508.xlsx': None, 'with macros.xlsm': None,
        'MacroExp.csv': 'macro', 'cas(me)3_part_A_ME_label.xlsx': 'micro',
    }  # fmt: skip
    assert {name: kind_in_name(name) for name in names} == names
