"""CASME II and CASME."""

from collections.abc import Collection
from itertools import count
from pathlib import Path

from .pictures import write_clips
from .sheets import AUS, au_cell, tabulate, write_workbook
from .truth import Row, Truth, deal, gains_digit, merged, place, same, spread

CASME2_EMOTIONS = {
    'others': 99, 'disgust': 63, 'happiness': 32, 'repression': 27, 'surprise': 25,
    'sadness': 7, 'fear': 2,
}  # fmt: skip
CASME_EMOTIONS = {
    'tense': 69, 'disgust': 44, 'repression': 38, 'surprise': 20, 'happiness': 9,
    'sadness': 6, 'fear': 2, 'contempt': 1,
}  # fmt: skip
CASME2_LABELS = {
    '5class': same('others', 'disgust', 'happiness', 'repression', 'surprise'),
    '3class': merged(
        negative='disgust repression', positive='happiness', surprise='surprise'
    ),
}
_FIXED = [
    ('sub01', 'EP02_01f', 'happiness'),
    ('sub04', 'EP12_01f', 'disgust'),
    ('sub05', 'EP09_05f', 'repression'),
    ('sub07', 'EP06_01', 'others'),
    ('sub12', 'EP09_02', 'disgust'),
    ('sub16', 'EP01_08', 'surprise'),
]
_RELABELLED = [
    ('sub24', 'EP07_01', 'sadness'),
    ('sub24', 'EP07_04f', 'fear'),
    ('sub24', 'EP10_03', 'sadness'),
]
_MPT = ('sub24', 'EP02_07', 'disgust')
# Two of the 26 have only others: the 3-class form has 24 subjects.
_ONLY = {'sub11': {'others'}, 'sub20': {'others'}}


def name_clips(rows: list[Row], reserved: Collection[str] = ()) -> None:
    """Name clips like ``EP02_01f``; many names occur with several subjects."""
    counters: dict[str, count] = {}
    for row in rows:
        while not row.clip:
            k = next(counters.setdefault(row.subject, count()))
            person = int(row.subject[-2:])
            take = 1 + k // 19 + 2 * ((k + person) % 4)
            name = f'EP{1 + (5 * k + person) % 19:02}_{take:02}'
            name += 'f' if (k + person) % 3 == 0 else ''
            if name not in reserved:
                row.clip = name
    rows.sort(key=lambda row: (row.subject, row.clip))


def write_casme2(
    root: Path,
    variant: str = '20140508',
    cropped: bool = True,
    added: bool = False,
    sheet: str = 'CASME2-coding-20140508.xlsx',
    subject_numbers: bool = False,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write CASME II: 255 rows, 26 subjects.

    Args:
        root: Folder for the sheet and ``Cropped/`` or ``CASME2_RAW_selected/``.
        variant: '20140508'; 'mpt' has one more row, sub24/EP02_07; in 'third' three
            clips of sub24 are surprise.
        cropped: Which of the two folders.
        added: Whether these three are rows of the third variant only (258 rows);
            otherwise the other variants have them as sadness and fear.
        sheet: File name; .xls is possible.
        subject_numbers: Whether subjects are 1 rather than the text 01.
        missing: (subject, clip) without a folder.
    """
    assert variant in ('20140508', 'mpt', 'third')
    fixed = _FIXED + ([] if added else _RELABELLED)
    subjects = [f'sub{n:02}' for n in range(1, 27)]
    rows = deal(CASME2_EMOTIONS, subjects, 'casme2', fixed, _ONLY)
    name_clips(rows, {clip for _, clip, _ in [*_FIXED, *_RELABELLED, _MPT]})
    extra = [_MPT] if variant == 'mpt' else []
    extra += _RELABELLED if variant == 'third' and added else []
    rows += [Row(*entry) for entry in extra]
    for index, row in enumerate(rows):
        # Text order is wrong for 156 of 255.
        place(row, index, index < 255 and spread(index, 156, 255))
        row.au = AUS[index % len(AUS)]
        folder = 'Cropped' if cropped else 'CASME2_RAW_selected'
        row.folder = f'{folder}/{row.subject}/{row.clip}'
        row.template = 'reg_img{}.jpg' if cropped else 'img{}.jpg'
        if variant == 'third' and (row.subject, row.clip, row.emotion) in _RELABELLED:
            row.emotion = 'surprise'
    _casme2_quirks(rows)
    rows.sort(key=lambda row: (row.subject, row.clip))
    lines = tabulate(rows, [
        ('Subject', lambda r: int(r.subject[3:]) if subject_numbers else r.subject[3:]),
        ('Filename', lambda r: r.clip),
        ('', None),
        ('OnsetFrame', lambda r: r.written('onset')),
        ('ApexFrame', lambda r: r.written('apex')),
        ('OffsetFrame', lambda r: r.written('offset')),
        ('', None),
        ('Action Units', au_cell),
        ('Estimated Emotion', lambda r: r.emotion),
    ])  # fmt: skip
    path = write_workbook(root / sheet, {'Sheet1': lines, 'Sheet2': []})
    truth = Truth('casme2', root, rows, 200.0, CASME2_LABELS, path, 'Sheet1')
    write_clips(truth, missing)
    return truth


def _casme2_quirks(rows: list[Row]) -> None:
    named = {(row.subject, row.clip): row for row in rows}
    row = named['sub04', 'EP12_01f']
    row.apex = None
    row.mark('apex /', 'repaired', apex='/')
    for name, head, tail in (
        (('sub07', 'EP06_01'), 2, 0),
        (('sub12', 'EP09_02'), 0, 2),
        (('sub16', 'EP01_08'), 1, 1),
    ):
        row = named[name]
        # A digit that is gained stays inside, so that the 156 remain 156.
        place(row, 4, gains_digit(row.frames), length=8)
        row.frames = list(range(row.onset + head, row.offset - tail + 1))
        row.mark('range differs', 'noted')
    plain = [row for row in rows if not row.quirk][:255]
    for row in plain[20:200:60]:
        row.apex = row.onset
        row.mark('apex is onset')
    for row in plain[40:220:60]:
        row.apex = row.offset
        row.mark('apex is offset')


def write_casme(
    root: Path,
    sheet: str = 'CASME-coding.xls',
    trimmed: bool = True,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write CASME: 189 clips, 19 subjects, 3 onsets and 5 offsets wrong.

    Args:
        root: Folder for the sheet and the frames.
        sheet: File name; .xls is possible.
        trimmed: Whether folders contain only the clips, so that what is wrong in the
            sheet can be inferred from them.
        missing: (subject, clip) without a folder.
    """
    outcome = 'repaired' if trimmed else 'skipped'
    subjects = [f'sub{n:02}' for n in range(1, 20)]
    rows = deal(CASME_EMOTIONS, subjects, 'casme')
    name_clips(rows)
    for index, row in enumerate(rows):
        place(row, index, spread(index, 110, 189), around=not trimmed)
        row.au = AUS[index % len(AUS)]
        row.folder = f'CASME_raw_selected/{row.subject}/{row.clip}'
        row.template = f'{row.clip}-{{}}.jpg'
    for row in rows[10:70:20]:
        row.mark('wrong onset', outcome, onset=row.offset + 40)
    for row in rows[80:140:20]:
        row.mark('wrong offset', outcome, offset=max(row.onset - 30, 0))
    for row in rows[140:180:20]:
        row.mark('wrong offset', outcome, offset=0)
    second = {id(row) for row in rows[5::15] if not row.quirk}
    lines = tabulate(rows, [
        ('Subject', lambda r: int(r.subject[3:])),
        ('Filename', lambda r: r.clip),
        ('', None),
        ('OnsetF', lambda r: r.written('onset')),
        ('ApexF1', lambda r: r.apex),
        ('ApexF2', lambda r: r.offset - 1 if id(r) in second else None),
        ('OffsetF', lambda r: r.written('offset')),
        ('', None),
        ('AU', au_cell),
        ('Emotion', lambda r: r.emotion),
    ])  # fmt: skip
    path = write_workbook(root / sheet, {'Sheet1': lines})
    labels = {'4class': same('tense', 'disgust', 'repression', 'surprise')}
    truth = Truth('casme', root, rows, 60.0, labels, path, 'Sheet1')
    write_clips(truth, missing)
    return truth
