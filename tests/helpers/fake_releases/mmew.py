"""MMEW: micro- and macro-expressions of the same subjects."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from .pictures import write_clips
from .sheets import AUS, au_cell, tabulate, write_workbook
from .truth import Row, Truth, deal, place, same

EMOTIONS = {
    'happiness': 36, 'anger': 8, 'surprise': 89, 'disgust': 72, 'fear': 16,
    'sadness': 13, 'others': 66,
}  # fmt: skip
_BASIC = ('happiness', 'anger', 'surprise', 'disgust', 'fear', 'sadness')
LABELS = {
    '4class': same('happiness', 'surprise', 'disgust', 'others'),
    '6class': same(*_BASIC),
    '7class': same(*EMOTIONS),
}
SUBJECTS = [f'S{n:02}' for n in range(1, 31)]


def write_mmew(
    root: Path,
    kind: str = 'both',
    layout: str = 'subject',
    numbering: str = 'relative',
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write MMEW: 300 micro and 900 macro clips of 30 subjects.

    Micro and macro clips have some names in common.

    Args:
        root: Folder for the sheet, the micro clips, and ``Macro_Expression/``.
        kind: 'micro', 'macro' or 'both'; ``Truth.only`` separates them.
        layout: 'subject': ``S03/happiness/S03-01-002/1.jpg``, or
            ``Micro_Expression/happiness/S03-01-002/1.jpg`` ('emotion').
        numbering: 'relative': frames on disk restart at 1 while the columns are
            absolute; 'absolute': both are.
        missing: (subject, clip) without a folder.
    """
    assert kind in ('micro', 'macro', 'both') and layout in ('subject', 'emotion')
    assert numbering in ('relative', 'absolute')
    truth = Truth('mmew', root, [], 90.0, LABELS)
    if kind != 'micro':
        counts = dict.fromkeys(_BASIC, 5 * len(SUBJECTS))
        rows = deal(counts, SUBJECTS, 'mmew macro')
        _fill(rows, 'macro', f'Macro_Expression/{layout}', numbering)
        for row in rows:
            row.onset, row.apex, row.offset = row.frames[0], None, row.frames[-1]
        truth.rows += rows
    if kind != 'macro':
        fixed = [('S03', 'S03-01-002', 'happiness')]
        rows = deal(EMOTIONS, SUBJECTS, 'mmew', fixed)
        top = '' if layout == 'subject' else 'Micro_Expression'
        _fill(rows, 'micro', f'{top}/{layout}', numbering)
        path = root / 'MMEW_Micro_Exp.xlsx'
        truth.sheet = _write_sheet(path, rows)
        truth.rows = rows + truth.rows
    truth.sheet_name = 'Sheet1' if truth.sheet else None
    write_clips(truth, missing)
    return truth


def _fill(rows: list[Row], part: str, top: str, numbering: str) -> None:
    taken = {row.clip for row in rows}
    counts: defaultdict[str, int] = defaultdict(int)
    top, layout = top.rsplit('/', 1)
    for row in rows:
        while not row.clip:
            k = counts[row.subject]
            counts[row.subject] += 1
            name = f'{row.subject}-{1 + k % 16:02}-{1 + k // 16:03}'
            row.clip = '' if name in taken else name
    rows.sort(key=lambda row: row.clip)
    for index, row in enumerate(rows):
        relative = numbering == 'relative'
        place(row, index, index % 5 > 1, around=not relative)
        row.part, row.template, row.au = part, '{}.jpg', AUS[index % len(AUS)]
        person = f'{row.subject}/' if layout == 'subject' else ''
        row.folder = f'{top}/{person}{row.emotion}/{row.clip}'.lstrip('/')
        if relative:
            _restart(row, index)


def _restart(row: Row, index: int) -> None:
    """Count the frames on disk from 1, and keep the numbers of the columns."""
    place(row, index, False, length=8 + index % 5, around=False)
    start = row.onset
    if index % 30 == 4:
        # The numbers of columns and disk overlap, so that absolute ones seem to fit.
        start = 2 + index % 4
        row.mark('numbers overlap')
    length = len(row.frames)
    row.frames = list(range(1, length + 1))
    row.onset, row.apex, row.offset = 1, 2 + index % (length - 2), length
    row.wrong |= {
        name: start - 1 + getattr(row, name) for name in ('onset', 'apex', 'offset')
    }


def _write_sheet(path: Path, rows: list[Row]) -> Path:
    lines = tabulate(rows, [
        ('Subject', lambda r: r.subject),
        ('Filename', lambda r: r.clip),
        ('OnsetFrame', lambda r: r.written('onset')),
        ('ApexFrame', lambda r: r.written('apex')),
        ('OffsetFrame', lambda r: r.written('offset')),
        ('Action Units', au_cell),
        ('Estimated Emotion', lambda r: r.emotion),
        ('remarks', lambda r: 'glasses' if r.clip.endswith('-002') else None),
    ])  # fmt: skip
    return write_workbook(path, {'Sheet1': lines})
