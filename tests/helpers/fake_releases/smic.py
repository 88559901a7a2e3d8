"""SMIC: HS, VIS and NIR; short form and long form."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from .pictures import Files, write_clips
from .sheets import tabulate, write_workbook
from .truth import Row, Truth, deal, place, same

EMOTIONS = {
    'HS': {'negative': 70, 'positive': 51, 'surprise': 43},
    'VIS': {'negative': 28, 'positive': 23, 'surprise': 20},
    'NIR': {'negative': 28, 'positive': 23, 'surprise': 20},
}
SUBJECTS = [f's{n:02}' for n in range(1, 21) if n not in (7, 10, 16, 17)]
_FPS = {'HS': 100.0, 'VIS': 25.0, 'NIR': 25.0}
_CODES = {'negative': 'ne', 'positive': 'po', 'surprise': 'sur'}
# 5 to 8 digits.
_POWERS = (10**5, 10**6, 10**7)


def write_smic(
    root: Path,
    kind: str = 'HS',
    form: str = 'short',
    cropped: bool = True,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write SMIC: 164 expressions of 16 subjects (HS), 71 of 8 (VIS, NIR).

    Several kinds and forms may be written below one root.

    Args:
        root: Folder for ``SMIC_all_cropped/``, ``SMIC_all_raw/`` or ``HS_long/``.
        kind: 'HS', 'VIS' or 'NIR'.
        form: 'short': folders are the labels, a clip is its expression.
            'long': with a sheet (HS only); 157 clips, of which 7 contain two.
        cropped: Which of the two folders of the short form.
        missing: (subject, clip) without a folder.
    """
    assert form == 'short' or (form == 'long' and kind == 'HS')
    subjects = SUBJECTS if kind == 'HS' else SUBJECTS[-8:]
    rows = deal(EMOTIONS[kind], subjects, f'smic {kind}')
    rows.sort(key=lambda row: (row.subject, row.emotion))
    labels = {'3class': same('negative', 'positive', 'surprise')}
    truth = Truth('smic', root, rows, _FPS[kind], labels)
    if form == 'long':
        _write_long(truth, missing)
        return truth
    _name(rows)
    files = Files()
    top = f'SMIC_all_{"cropped" if cropped else "raw"}/{kind}'
    for index, row in enumerate(rows):
        place(row, index, index % 5 > 1, _POWERS, around=False)
        row.apex = None
        disk = f's{int(row.subject[1:])}'
        row.folder = f'{top}/{disk}/micro/{row.emotion}/{row.clip}'
        row.template = 'reg_image{}.bmp' if cropped else 'image{}.bmp'
        if index % 4 == 0:
            folder = root / top / disk / 'non_micro' / f'{disk}_non_{index:02}'
            files.frames(folder, range(99995, 100003), row.template)
    write_clips(truth, missing)
    return truth


def _name(rows: list[Row]) -> None:
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        counts[row.subject, row.emotion] += 1
        code = f's{int(row.subject[1:])}_{_CODES[row.emotion]}'
        row.clip = f'{code}_{counts[row.subject, row.emotion]:02}'


def _write_long(truth: Truth, missing: Collection[tuple[str, str]]) -> None:
    rows, first, second, group = truth.rows, [], {}, None
    for row in rows:
        key = (row.subject, row.emotion)
        # The second expression of a clip is of the first one's kind.
        if key == group and len(second) < 7 and id(first[-1]) not in second:
            second[id(first[-1])] = row
            row.mark('second expression')
            row.part = 'second'
            group = None
        else:
            first.append(row)
            group = key if len(first) % 5 == 0 else None
    _name(first)
    for index, row in enumerate(first):
        place(row, index, index % 5 > 1, _POWERS)
        row.apex = None
        row.folder = f'HS_long/SMIC_HS_E/s{int(row.subject[1:])}/{row.clip}'
        row.template = 'image{}.jpg'
        if other := second.get(id(row)):
            row.mark('two expressions')
            row.frames = list(range(row.frames[0], row.frames[0] + 12))
            row.offset = row.onset + 3
            other.clip, other.folder, other.template = (
                row.clip,
                row.folder,
                'image{}.jpg',
            )
            other.onset, other.offset = row.onset + 5, row.frames[-1] - 1
            other.frames, other.apex = row.frames, None

    def two(row: Row, cell):
        return cell(second[id(row)]) if id(row) in second else None

    columns = [
        ('Subject', lambda r: int(r.subject[1:])),
        ('Filename', lambda r: r.clip),
        ('-', None),
        ('OnsetF', lambda r: r.onset),
        ('OffsetF', lambda r: r.offset),
        ('Onset2F', lambda r: two(r, lambda other: other.onset)),
        ('Offset2F', lambda r: two(r, lambda other: other.offset)),
        ('-', None),
        ('FirstF', lambda r: r.frames[0]),
        ('LastF', lambda r: r.frames[-1]),
        ('TotalMF1', lambda r: r.offset - r.onset + 1),
        ('TotalMF2', lambda r: two(r, lambda o: o.offset - o.onset + 1)),
        ('TotalVL', lambda r: len(r.frames)),
        ('Emotion', lambda r: r.emotion),
    ]
    header = [title for title, _ in columns]
    book = {'VIS': [header], 'NIR': [header], 'HS': tabulate(first, columns)}
    for row in first:
        if other := second.get(id(row)):
            other.line, other.cells = row.line, row.cells
    truth.sheet = write_workbook(truth.root / 'SMIC-HS-E_annotation.xlsx', book)
    truth.sheet_name = 'HS'
    write_clips(truth, missing)
