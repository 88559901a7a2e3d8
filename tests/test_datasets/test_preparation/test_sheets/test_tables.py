"""Tables as people and programs leave them, up to the frames that are written.

Every clip here has frames 1 to 40 whose grey level is five times their number.
"""

import datetime

import cv2
import numpy as np
import openpyxl
import pytest

from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.utils.errors import MERDataError

HEADER = ['subject', 'clip', 'emotion', 'onset', 'apex', 'offset', 'fps']
SOUND = ['p1', 'b', 'sad', 12, 15, 20, 100]


def frames(root, *clips, first=1):
    pictures = [np.full((8, 8, 3), 5 * number, np.uint8) for number in range(1, 41)]
    encoded = [cv2.imencode('.png', one)[1].tobytes() for one in pictures]
    for clip in clips:
        folder = root / clip
        folder.mkdir(parents=True)
        for number, content in enumerate(encoded, first):
            (folder / f'{number}.png').write_bytes(content)


def book(path, rows, merge=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merge:
        book.active.merge_cells(cells)
    book.save(path)


def run(root, out, reader='generic', **more):
    options = Options(crop=False, progress=False, max_skipped=99, **more)
    return prepare(READERS[reader], Source(root), out, options)


def greys(done, out):
    """Grey level at onset and offset of the frames that were written, by clip."""
    found = {}
    for row in done.rows:
        paths = [
            out / 'frames' / row['frame_dir'] / row['filename_tmpl'].format(row[field])
            for field in ('onset', 'offset')
        ]
        grey = [int(cv2.imread(str(path)).mean()) for path in paths]
        found[f'{row["subject"]}/{row["clip"]}'] = grey
    return found


def said(done, action):
    return [
        (one['row'], one['field'])
        for one in done.report['findings']
        if one['action'] == action
    ]


NO_NUMBERS = [
    'frame 20', datetime.time(0, 0, 20), datetime.date(2026, 1, 20), True, '#REF!',
    datetime.timedelta(seconds=20), '=A1+1', '20-25', 20.5, -20, '1e3', '20 ms',
    '1.000', '1,000', '25%', '2\u00b2',
    '\u2473', '20\r25', '20\u00ad5', 'Err:502', '####',
]  # fmt: skip
NO_NAMES = [datetime.date(2026, 1, 2), True, '#N/A', '=A1', 1e16]


@pytest.mark.parametrize(
    ('field', 'values'),
    [(field, NO_NUMBERS) for field in ('onset', 'offset', 'apex')]
    + [(field, [*NO_NAMES, 1.5]) for field in ('subject', 'clip', 'emotion')]
    + [('fps', [*NO_NAMES, 0, '100 Hz', '1,000'])],
)
def test_a_cell_that_cannot_be_read_leaves_its_row_out(tmp_path, field, values):
    """It says something, which is not the same as nothing; only that row goes.

    Words, times, dates, truth values, errors, formulas without a value, ranges,
    fractions, units, thousands, raised and circled digits, hidden signs.
    """
    broken = []
    for number, value in enumerate(values):
        broken.append(['p1', f'a{number}', 'happy', 12, 15, 20, 100])
        broken[-1][HEADER.index(field)] = value
    frames(tmp_path / 'set', 'p1/b', 'p2/c', *(f'p1/{row[1]}' for row in broken))
    rows = [HEADER, SOUND, ['p2', 'c', 'happy', 2, None, 9, 100], *broken]
    book(tmp_path / 'set' / 'x.xlsx', rows)
    done = run(tmp_path / 'set', tmp_path / 'out', fps=100.0)
    assert greys(done, tmp_path / 'out') == {'p1/b': [60, 100], 'p2/c': [10, 45]}
    assert said(done, 'skipped') == [(n + 4, field) for n in range(len(values))]
    assert not said(done, 'repaired')
    # Nor is its folder said to have no row, where the row can be told.
    assert field in ('subject', 'clip') or not said(done, 'noted')


def test_what_is_not_given_is_said(tmp_path):
    """One end alone leaves the row out; without both all of the clip is taken."""
    frames(tmp_path / 'set', 'p1/a', 'p1/b', 'p2/c', 'p2/d')
    rows = [
        ['p1', 'a', 'happy', 12, None, None, 100],
        SOUND,
        ['p2', 'c', 'happy', None, None, None, 100],
        ['p2', 'd', 'happy', '/', '-1', 'n/a', 100],
    ]
    book(tmp_path / 'set' / 'x.xlsx', [HEADER, *rows])
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert greys(done, tmp_path / 'out') == {
        'p1/b': [60, 100],
        'p2/c': [5, 200],
        'p2/d': [5, 200],
    }
    assert said(done, 'skipped') == [(2, 'offset')]
    assert said(done, 'noted') == [(4, 'onset'), (5, 'onset')]


def test_merged_cells_fill_down_and_the_report_says_so(tmp_path):
    """A blank below a cell that is not merged stays one."""
    frames(tmp_path / 'set', 'p1/a', 'p1/b', 'p1/c', 'p2/d')
    rows = [
        ['p1', 'a', 'happy', 2, None, 9, 100],
        [None, 'b', None, 12, None, 20, None],
        [None, 'c', 'sad', 3, None, 8, 100],
        [],
        ['p2', 'd', 'sad', 4, None, 7, 100],
        [None, 'e', 'sad', 4, None, 7, 100],
    ]
    merge = ['A2:A5', 'C2:C3', 'G2:G3']
    book(tmp_path / 'set' / 'x.xlsx', [HEADER, *rows], merge)
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert greys(done, tmp_path / 'out') == {
        'p1/a': [10, 45],
        'p1/b': [60, 100],
        'p1/c': [15, 40],
        'p2/d': [20, 35],
    }
    assert [row['emotion'] for row in done.rows] == ['happy', 'happy', 'sad', 'sad']
    assert said(done, 'noted') == [(2, 'subject'), (2, 'emotion'), (2, 'fps')]
    reasons = [one['reason'] for one in done.report['findings']]
    assert 'rows 2 to 5' in reasons[0]
    assert said(done, 'skipped') == [(7, 'subject')]


def test_headings_over_two_rows(tmp_path):
    frames(tmp_path / 'set', 'p1/b', 'p2/c')
    rows = [
        ['subject', 'clip', 'emotion', 'frames', None, None, 'fps'],
        [None, None, None, 'onset', 'apex', 'offset', None],
        SOUND,
        ['p2', 'c', 'happy', 2, None, 9, 100],
    ]
    merge = ['A1:A2', 'B1:B2', 'C1:C2', 'D1:F1', 'G1:G2']
    book(tmp_path / 'set' / 'x.xlsx', rows, merge)
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert greys(done, tmp_path / 'out') == {'p1/b': [60, 100], 'p2/c': [10, 45]}
    assert not done.report['findings']


@pytest.mark.parametrize(
    'junk',
    [
        ['Total', None, None, 5150, None, 6000, None],
        [None, None, None, 'mean', 15.3, 20.1, None],
        ['Coded by two people', None, None, None, None, None, None],
        HEADER,
    ],
)
def test_a_row_that_is_no_clip_is_one_finding(tmp_path, junk):
    """Totals, means, notes, a second header; one finding names all of it."""
    frames(tmp_path / 'set', 'p1/b', 'p2/c')
    rows = [HEADER, SOUND, ['p2', 'c', 'happy', 2, None, 9, 100], junk]
    book(tmp_path / 'set' / 'x.xlsx', rows)
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert len(done.rows) == 2
    assert [row for row, _ in said(done, 'skipped')] == [4]
    assert len(done.report['findings']) == 1 and done.report['skipped'] == 1


@pytest.mark.parametrize(
    ('subject', 'clip', 'folder'),
    [
        ('1.0', '3.0', '001/003'),
        (1, 3, 'sub01/003'),
        ('P1', 'x', 'p01/x'),
        ('sub07', 'x', '7/x'),
        ('x', '1.0', '001'),
    ],
)
def test_ids_meet_where_one_reading_is_possible(tmp_path, subject, clip, folder):
    """``1.0`` and ``1`` are what programs make of ``001``; one note says so."""
    frames(tmp_path / 'set', folder, 'q2/c')
    rows = [[subject, clip, 'happy', 12, 15, 20, 100], ['q2', 'c', 'sad', 2, 3, 9, 100]]
    book(tmp_path / 'set' / 'x.xlsx', [HEADER, *rows])
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert list(greys(done, tmp_path / 'out').values()) == [[60, 100], [10, 45]]
    assert done.rows[0]['subject'] == str(subject).removesuffix('.0')
    assert said(done, 'noted') == [(None, 'clip')]


@pytest.mark.parametrize('folders', [('1/a', '001/a'), ('s1/a', 'sub01/a')])
def test_ids_that_may_mean_two_folders_are_named(tmp_path, folders):
    frames(tmp_path / 'set', *folders, 'p1/b', 'p2/c')
    rows = [[1, 'a', 'happy', 12, 15, 20, 100], ['p2', 'c', 'happy', 2, 3, 9, 100]]
    book(tmp_path / 'set' / 'x.xlsx', [HEADER, *rows, ['p1', *SOUND[1:]]])
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert sorted(greys(done, tmp_path / 'out')) == ['p1/b', 'p2/c']
    (reason,) = (
        one['reason'] for one in done.report['findings'] if one['action'] == 'skipped'
    )
    assert all(folder in reason for folder in folders)


def test_an_empty_folder_keeps_its_name(tmp_path):
    """A clip that is empty, packed or a link is not replaced by one of another name.

    The row says what stands in its place, whichever way its subject is spelled, and
    not what stands in that of another person.
    """
    root = tmp_path / 'set'
    frames(root, '001/a', '5/b', '6/b')
    for empty in ('1/a', '002/c', '004/d'):
        (root / empty).mkdir(parents=True)
    (root / '007').mkdir()
    (root / '007/e.zip').write_bytes(b'PK')
    names = [('1', 'a'), ('2', 'c'), ('3', 'd'), ('4', 'x'), ('7', 'e')]
    rows = [[who, clip, 'sad', 2, None, 9, 100] for who, clip in names]
    good = [['5', 'b', 'sad', 2, None, 9, 100], ['6', 'b', 'happy', 12, None, 20, 100]]
    book(root / 'x.xlsx', [HEADER, *rows, *good])
    done = run(root, tmp_path / 'out')
    assert greys(done, tmp_path / 'out') == {'5/b': [10, 45], '6/b': [60, 100]}
    why = {
        one['row']: one['reason']
        for one in done.report['findings']
        if one['action'] == 'skipped'
    }
    assert sorted(why) == [2, 3, 4, 5, 6]
    assert 'may be 001/a or 1/a' in why[2]
    assert '002/c is an empty folder' in why[3]
    assert why[4] == why[5] == 'not on disk'
    assert '007/e.zip is an archive' in why[6]


def test_subjects_of_4dme_that_lost_their_zeros(fake_releases, tmp_path):
    truth = fake_releases.write_4dme(tmp_path / 'set')
    for row in {row.subject: row for row in truth.rows}.values():
        folder = (truth.root / row.folder).parent
        folder.rename(folder.with_name(f'{int(row.subject[1:]):03d}'))

    def change(grid):
        for line in grid[1:]:
            if line and str(line[0]).strip():
                line[0] = int(line[0][1:])

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    reading = READERS['4dme'].read(Source(truth.root))
    assert len(reading.clips) == 267 and all(clip.path for clip in reading.clips)
    for clip in reading.clips:
        assert int(clip.path.parent.name) == int(clip.subject)
    assert [one.action for one in reading.findings] == ['noted']


@pytest.mark.parametrize('first', [0, 1, 8, 101])
def test_a_constant_shift_is_learned_and_said(tmp_path, first):
    """The sheet counts from 5, the files of each clip from elsewhere."""
    clips = {f'p{n % 3}/c{n:02d}': (5 + n, 44 + n) for n in range(12)}
    for n, clip in enumerate(clips):
        frames(tmp_path / 'set', clip, first=first + n)
    rows = [
        [*clip.split('/'), 'sad' if n % 2 else 'happy', onset, onset + 3, offset, 100]
        for n, (clip, (onset, offset)) in enumerate(clips.items())
    ]
    rows[3][4] = 2
    book(tmp_path / 'set' / 'x.xlsx', [HEADER, *rows])
    done = run(tmp_path / 'set', tmp_path / 'out')
    assert set(map(tuple, greys(done, tmp_path / 'out').values())) == {(5, 200)}
    assert len(done.rows) == 12
    assert {row['apex'] - row['onset'] for row in done.rows if row['apex']} == {3}
    assert said(done, 'repaired') == [(5, 'apex')] and not said(done, 'skipped')
    (note,) = (one for one in done.report['findings'] if one['action'] == 'noted')
    assert f'{first - 5:+d} is added' in note['reason']
    assert ('more' if first > 5 else 'less') in done.report['numbering']


def test_a_spreadsheet_that_is_not_there_or_is_none(tmp_path):
    """It is said what it is, and what lies there under a like name."""
    frames(tmp_path, 'p1/b')
    book(tmp_path / 'coding.xlsx', [HEADER, SOUND])
    (tmp_path / 'page.xls').write_text('<html><table><tr><td>subject')
    (tmp_path / 'text.xls').write_text('subject\tclip\n')
    (tmp_path / 'empty.xlsx').write_bytes(b'')
    for name, message in (
        ('codings.xlsx', 'there is no such spreadsheet; in .* are: coding.xlsx'),
        ('gone/x.xlsx', 'no such spreadsheet, and no folder .*gone'),
        ('page.xls', 'a page'),
        ('text.xls', 'name that ends in .csv'),
        ('empty.xlsx', 'empty: copy it again'),
    ):
        with pytest.raises(MERDataError, match=message):
            READERS['generic'].read(Source(tmp_path, tmp_path / name))
