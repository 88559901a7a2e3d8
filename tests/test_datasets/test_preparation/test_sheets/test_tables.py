"""Tables as people and programs leave them, up to the frames that are written.

Every clip here has frames 1 to 40 whose gray level is five times their number.
"""

import datetime

import cv2
import openpyxl
import pytest
from preparing import issues, run, write_frames

from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.utils.errors import MERDataError

HEADER = ['subject', 'clip', 'emotion', 'onset', 'apex', 'offset', 'fps']
SOUND = ['p1', 'b', 'sad', 12, 15, 20, 100]
OTHER = ['p2', 'c', 'happy', 2, None, 9, 100]
SOUND_LEVELS = {'p1/b': [60, 100], 'p2/c': [10, 45]}


def frames(root, *clips, first=1):
    for clip in clips:
        write_frames(root / clip, range(5, 205, 5), first)


def book(path, rows, merge=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merge:
        book.active.merge_cells(cells)
    book.save(path)


@pytest.fixture
def root(tmp_path):
    frames(tmp_path / 'set', 'p1/b', 'p2/c')
    return tmp_path / 'set'


def prepare(root, rows, merge=(), **options):
    """Prepare a set with a table; also return the levels at onset and offset."""
    book(root / 'x.xlsx', rows, merge)
    out = root.parent / 'out'
    done = run('generic', root, out, max_skipped=99, **options)
    levels = {}
    for row in done.rows:
        paths = [
            out / 'frames' / row['frame_dir'] / row['filename_tmpl'].format(row[field])
            for field in ('onset', 'offset')
        ]
        found = [int(cv2.imread(str(path)).mean()) for path in paths]
        levels[f'{row["subject"]}/{row["clip"]}'] = found
    return done, levels


def fields(done, action):
    return [(one['row'], one['field']) for one in issues(done, action)]


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
def test_a_cell_that_cannot_be_parsed_leaves_its_row_out(root, field, values):
    """It is not the same as an empty one; only that row is left out.

    Words, times, dates, booleans, errors, formulas without a value, ranges, fractions,
    units, thousands, superscript and circled digits, invisible characters.
    """
    broken = []
    for number, value in enumerate(values):
        broken.append(['p1', f'a{number}', 'happy', 12, 15, 20, 100])
        broken[-1][HEADER.index(field)] = value
        (root / 'p1' / f'a{number}').symlink_to(root / 'p1' / 'b')
    done, levels = prepare(root, [HEADER, SOUND, OTHER, *broken], fps=100.0)
    assert levels == SOUND_LEVELS
    assert fields(done, 'skipped') == [(n + 4, field) for n in range(len(values))]
    assert not fields(done, 'repaired')


def test_empty_ends(root):
    """One end alone leaves the row out; without both the whole clip is taken."""
    frames(root, 'p1/a', 'p2/d')
    rows = [
        ['p1', 'a', 'happy', 12, None, None, 100],
        SOUND,
        ['p2', 'c', 'happy', None, None, None, 100],
        ['p2', 'd', 'happy', '/', '-1', 'n/a', 100],
    ]
    done, levels = prepare(root, [HEADER, *rows])
    assert levels == {'p1/b': [60, 100], 'p2/c': [5, 200], 'p2/d': [5, 200]}
    assert fields(done, 'skipped') == [(2, 'offset')]
    assert fields(done, 'noted') == [(4, 'onset'), (5, 'onset')]


def test_merged_cells_fill_down_and_are_reported(root):
    """A blank below a cell that is not merged is empty."""
    frames(root, 'p1/a', 'p1/c', 'p2/d')
    rows = [
        ['p1', 'a', 'happy', 2, None, 9, 100],
        [None, 'b', None, 12, None, 20, None],
        [None, 'c', 'sad', 3, None, 8, 100],
        [],
        ['p2', 'd', 'sad', 4, None, 7, 100],
        [None, 'e', 'sad', 4, None, 7, 100],
    ]
    done, levels = prepare(root, [HEADER, *rows], ['A2:A5', 'C2:C3', 'G2:G3'])
    assert levels == {
        'p1/a': [10, 45],
        'p1/b': [60, 100],
        'p1/c': [15, 40],
        'p2/d': [20, 35],
    }
    assert [row['emotion'] for row in done.rows] == ['happy', 'happy', 'sad', 'sad']
    noted = fields(done, 'noted')
    assert noted[:3] == [(2, 'subject'), (2, 'emotion'), (2, 'fps')]
    assert 'rows 2 to 5' in issues(done, 'noted')[0]['reason']
    assert fields(done, 'skipped') == [(7, 'subject')]


def test_a_header_of_two_rows(root):
    rows = [
        ['subject', 'clip', 'emotion', 'frames', None, None, 'fps'],
        [None, None, None, 'onset', 'apex', 'offset', None],
        SOUND,
        OTHER,
    ]
    merge = ['A1:A2', 'B1:B2', 'C1:C2', 'D1:F1', 'G1:G2']
    done, levels = prepare(root, rows, merge)
    assert levels == SOUND_LEVELS and not done.report['issues']


@pytest.mark.parametrize(
    'junk',
    [
        ['Total', None, None, 5150, None, 6000, None],
        [None, None, None, 'mean', 15.3, 20.1, None],
        ['Coded by two people', None, None, None, None, None, None],
        HEADER,
    ],
)
def test_a_row_that_is_not_a_clip_is_one_issue(root, junk):
    """Totals, means, notes, a second header."""
    done, levels = prepare(root, [HEADER, SOUND, OTHER, junk])
    assert levels == SOUND_LEVELS
    (issue,) = done.report['issues']
    assert (issue['row'], issue['action']) == (4, 'skipped')
    assert done.report['skipped'] == 1


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
def test_names_match_if_one_reading_is_possible(root, subject, clip, folder):
    """Programs turn ``001`` into ``1.0`` and ``1``; one note reports it."""
    frames(root, folder)
    (root / 'p1' / 'b').rename(root.parent / 'b')
    (root / 'p1').rmdir()
    rows = [[subject, clip, 'sad', 12, 15, 20, 100], OTHER]
    done, levels = prepare(root, [HEADER, *rows])
    assert list(levels.values()) == [[60, 100], [10, 45]]
    assert done.rows[0]['subject'] == str(subject).removesuffix('.0')
    assert fields(done, 'noted') == [(None, 'clip')]


def test_ambiguous_and_empty_folders(root):
    """A clip that is empty or packed is not replaced by one with another name.

    The row tells what is in its place, however its subject is spelled.
    """
    frames(root, '001/a', 's9/f', 'sub09/f')
    for empty in ('1/a', '002/c', '004/d'):
        (root / empty).mkdir(parents=True)
    (root / '007').mkdir()
    (root / '007/e.zip').write_bytes(b'PK')
    names = [('1', 'a'), ('2', 'c'), ('3', 'd'), ('4', 'x'), ('7', 'e'), (9, 'f')]
    rows = [[who, clip, 'sad', 2, None, 9, 100] for who, clip in names]
    done, levels = prepare(root, [HEADER, *rows, SOUND, OTHER])
    assert levels == SOUND_LEVELS
    reasons = {one['row']: one['reason'] for one in issues(done, 'skipped')}
    assert sorted(reasons) == [2, 3, 4, 5, 6, 7]
    assert 'may be 001/a or 1/a' in reasons[2]
    assert '002/c is an empty folder' in reasons[3]
    assert reasons[4] == reasons[5] == 'not on disk'
    assert '007/e.zip is an archive' in reasons[6]
    assert 'may be s9/f or sub09/f' in reasons[7]


@pytest.mark.parametrize('first', [0, 8, 101])
def test_a_constant_shift_is_inferred_and_reported(tmp_path, first):
    """The sheet counts from 5, the files of each clip from another number."""
    clips = {f'p{n % 3}/c{n:02d}': (5 + n, 44 + n) for n in range(12)}
    for n, clip in enumerate(clips):
        frames(tmp_path / 'set', clip, first=first + n)
    rows = [
        [*clip.split('/'), 'sad' if n % 2 else 'happy', onset, onset + 3, offset, 100]
        for n, (clip, (onset, offset)) in enumerate(clips.items())
    ]
    rows[3][4] = 2
    done, levels = prepare(tmp_path / 'set', [HEADER, *rows])
    assert len(done.rows) == 12 and set(map(tuple, levels.values())) == {(5, 200)}
    assert {row['apex'] - row['onset'] for row in done.rows if row['apex']} == {3}
    assert fields(done, 'repaired') == [(5, 'apex')] and not fields(done, 'skipped')
    (note,) = issues(done, 'noted')
    assert f'{first - 5:+d} is added' in note['reason']
    assert ('more' if first > 5 else 'less') in done.report['numbering']


@pytest.mark.parametrize(
    ('name', 'problem', 'hint'),
    [
        ('codings.xlsx', 'not found', 'coding.xlsx'),
        ('gone/x.xlsx', 'not found', 'gone'),
        ('page.xls', 'HTML', 'save it as .xlsx'),
        ('text.xls', 'text', '.csv'),
        ('empty.xlsx', 'empty', 'copy it again'),
    ],
)
def test_a_missing_or_invalid_spreadsheet(root, name, problem, hint):
    book(root / 'coding.xlsx', [HEADER, SOUND])
    (root / 'page.xls').write_text('<html><table><tr><td>subject')
    (root / 'text.xls').write_text('subject\tclip\n')
    (root / 'empty.xlsx').write_bytes(b'')
    with pytest.raises(MERDataError, match=problem) as error:
        READERS['generic'].read(Source(root, root / name))
    assert error.value.path == str(root / name) and hint in error.value.hint
