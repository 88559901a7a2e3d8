"""4DME."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from .pictures import write_clips
from .sheets import AUS, tabulate, write_workbook
from .truth import Truth, deal, place, same

# Words joined by a space are expressions of two kinds.
EMOTIONS = {
    'negative': 127, 'positive': 34, 'surprise': 30, 'repression': 6, 'others': 31,
    'positive surprise': 13, 'negative surprise': 8, 'repression surprise': 3,
    'positive repression': 8, 'negative repression': 7,
}  # fmt: skip
_KINDS = ('positive', 'negative', 'surprise', 'repression', 'others')
_UNITS = ('1', '2', '4', '5', '6', '7', '10', '12', '14', '17')


def write_4dme(root: Path, missing: Collection[tuple[str, str]] = ()) -> Truth:
    """Write 4DME's grayscale micro-expressions: 267 clips of 41 subjects.

    Args:
        root: Folder for the sheet and ``gray_micro/``.
        missing: (subject, clip) without a folder.
    """
    rows = deal(EMOTIONS, [f'S{n:02}' for n in range(1, 42)], '4dme')
    rows.sort(key=lambda row: (row.subject, row.emotion))
    counts: defaultdict[str, int] = defaultdict(int)
    for index, row in enumerate(rows):
        counts[row.subject] += 1
        row.clip = f'{row.subject}_micro_{counts[row.subject]:02}'
        place(row, index, index % 5 > 1)
        row.folder = f'gray_micro/{row.subject}/{row.clip}'
        row.template, row.au = '{}.jpg', AUS[index % len(AUS)]
    columns = [
        ('sub_ID', lambda r: r.subject),
        ('fold_name', lambda r: r.clip),
        ('Emotion', lambda r: r.emotion.capitalize()),
        ('Onset', lambda r: r.onset),
        ('Apex', lambda r: r.apex),
        ('Offset', lambda r: r.offset),
        ('AUs', lambda r: r.au),
    ]
    for unit in _UNITS:
        columns.append((f'AU{unit}', lambda r, u=unit: int(u in _units(r.au))))
    for kind in _KINDS:
        columns.append((kind.capitalize(), lambda r, k=kind: int(k in r.emotion)))
    path = root / '4DME_micro_labels.xlsx'
    write_workbook(path, {'Sheet1': tabulate(rows, columns)})
    truth = Truth('4dme', root, rows, 60.0, {'5class': same(*_KINDS)}, path, 'Sheet1')
    write_clips(truth, missing, grey=True)
    return truth


def _units(text: str) -> list[str]:
    return [unit.lstrip('LR') for unit in text.split('+')]
