"""SAMM."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from .pictures import write_clips
from .sheets import tabulate, write_workbook
from .truth import Row, Truth, deal, merged, place, same

EMOTIONS = {
    'anger': 57, 'contempt': 12, 'disgust': 9, 'fear': 8, 'happiness': 26,
    'sadness': 6, 'surprise': 15, 'other': 26,
}  # fmt: skip
LABELS = {
    '5class': same('anger', 'contempt', 'happiness', 'surprise', 'other'),
    '3class': merged(
        negative='anger contempt disgust fear sadness',
        positive='happiness',
        surprise='surprise',
    ),
}
SUBJECTS = [f'{n:03}' for n in range(6, 38) if n not in (8, 25, 27)]
# One subject is only in the 5-class form, two are only in the 3-class form.
_RARE = {'disgust', 'fear', 'sadness'}
_ONLY = {'018': {'other'}, '021': _RARE, '029': _RARE}
_FIXED = [
    ('006', '006_1_2', 'anger'),
    ('018', '018_2_1', 'other'),
    ('021', '021_3_1', 'fear'),
    ('028', '028_4_1', 'contempt'),
    ('029', '029_3_1', 'sadness'),
    ('032', '032_3_1', 'anger'),
    ('032', '032_3_2', 'disgust'),
]
_AUS = ('4', '(R6 or R12)+R15', '4+7', 'L14', '12', '1+2', '6 or 7', 'L10+(4 or 9)')
# Digits that the frame number is padded to, and numbers at which it may gain one.
_PADDING = ((5, (100, 1000)), (4, (10000,)), (0, (100, 1000)))
_TITLES = (
    'Subject', 'Filename', 'Inducement Code', 'Onset Frame', 'Apex Frame',
    'Offset Frame', 'Duration', 'Micro', 'Action Units', 'Estimated Emotion',
    'Objective Classes', 'Notes',
)  # fmt: skip


def write_samm(
    root: Path,
    sheet: str = 'SAMM_Micro_FACS_Codes_v2.xlsx',
    subject_numbers: bool = False,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write SAMM: 159 rows, 29 subjects, grayscale frames; header on row 14.

    Args:
        root: Folder for the sheet and ``SAMM/``.
        sheet: File name; .xls is possible.
        subject_numbers: Whether subjects are 6 rather than the text 006.
        missing: (subject, clip) without a folder.
    """
    rows = deal(EMOTIONS, SUBJECTS, 'samm', _FIXED, _ONLY)
    _name(rows)
    for index, row in enumerate(rows):
        width, powers = _PADDING[index % 3]
        place(row, index // 3, index % 5 > 1, powers)
        row.folder = f'SAMM/{row.subject}/{row.clip}'
        number = f'{{:0{width}d}}' if width else '{}'
        row.template = f'{row.subject}_{number}.jpg'
        row.au = _AUS[index % len(_AUS)]
    named = {row.clip: row for row in rows}
    for clip, apex in (
        ('028_4_1', -1),
        ('032_3_1', named['032_3_1'].onset - 5),
        ('032_3_2', named['032_3_2'].offset + 15),
    ):
        named[clip].apex = None
        named[clip].mark('bad apex', 'repaired', apex=apex)
    objective = {emotion: index + 1 for index, emotion in enumerate(EMOTIONS)}
    cells = (
        lambda r: int(r.subject) if subject_numbers else r.subject,
        lambda r: r.clip,
        lambda r: int(r.clip.split('_')[1]),
        lambda r: r.written('onset'),
        lambda r: r.written('apex'),
        lambda r: r.written('offset'),
        lambda r: r.offset - r.onset + 1,
        lambda r: 'Micro',
        lambda r: int(r.au) if r.au.isdigit() else r.au,
        lambda r: r.emotion.capitalize(),
        lambda r: objective[r.emotion],
        lambda r: 'slight head movement' if r.onset % 9 == 0 else None,
    )
    above = [[] for _ in range(13)]
    above[1] = ['SAMM micro-movements']
    above[2] = [None, 'FACS codes of all movements; see the readme']
    above[4] = ['Subject', 'is the number of the participant']
    above[6] = ['Emotion', 'is an estimate only', None, 200, 'fps']
    lines = tabulate(rows, list(zip(_TITLES, cells, strict=True)), above)
    # Another sheet is first, with one more movement that is not a micro-expression.
    macro = ['006', '006_9_1', 9, 10, 60, 140, 131, 'Macro', '12', 'Happiness', 5]
    book = {'ALL': [list(_TITLES), macro], 'MICRO_ONLY': lines, 'Notes': [['free']]}
    path = write_workbook(root / sheet, book)
    truth = Truth('samm', root, rows, 200.0, LABELS, path, 'MICRO_ONLY')
    write_clips(truth, missing, grey=True)
    return truth


def _name(rows: list[Row]) -> None:
    taken = {row.clip for row in rows}
    tries: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        while not row.clip:
            k = tries[row.subject]
            tries[row.subject] += 1
            name = f'{row.subject}_{1 + k % 7}_{1 + k // 7}'
            row.clip = '' if name in taken else name
    rows.sort(key=lambda row: row.clip)
