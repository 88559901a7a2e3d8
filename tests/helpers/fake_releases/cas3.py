"""CAS(ME)^3, parts A and C."""

import random
import string
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from .pictures import Files, write_clips
from .sheets import AUS, tabulate, write_workbook
from .truth import Row, Truth, deal, merged, place, same

EMOTIONS = {
    'disgust': 250, 'surprise': 187, 'others': 161, 'fear': 86, 'anger': 64,
    'sad': 57, 'happy': 55,
}  # fmt: skip
EMOTIONS_C = {
    'disgust': 48, 'surprise': 34, 'others': 31, 'fear': 18, 'anger': 13,
    'sad': 11, 'happy': 10,
}  # fmt: skip
_NEGATIVE = 'disgust fear anger sad'
LABELS = {
    '7class': same(*EMOTIONS),
    '4class': merged(
        negative=_NEGATIVE, positive='happy', surprise='surprise', others='others'
    ),
    '3class': merged(negative=_NEGATIVE, positive='happy', surprise='surprise'),
}
# Numbers with gaps: 94 in part A, 31 others in part C.
SUBJECTS = [f'spNO.{n + n // 4}' for n in range(1, 95)]
SUBJECTS_C = [f'spNO.{n}' for n in range(150, 181)]
# Rows per (subject, filename) that has several: 588 rows, 191 pairs.
_SHARED = {2: 60, 3: 71, 4: 45, 5: 15}
# Frame numbers of the rows of one folder: a digit is gained, or the lowest number.
_PLACES = ((10, None), (100, None), (0, 200), (1000, None), (0, 2000))


def write_cas3(
    root: Path,
    part: str = 'A',
    below: str | None = None,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write a part of CAS(ME)^3.

    A: 860 rows, 94 subjects, cells of text, 588 rows that share 191 (subject,
    filename), 4 bad rows, 86 rows that lack frames. C: 165 rows, 31 subjects.

    Args:
        root: Folder for the sheet and the frames.
        part: 'A' or 'C'.
        below: Name of the folder. Defaults to ``part_A``; '' is the root itself.
        missing: (subject, clip) without a folder.
    """
    assert part in ('A', 'C')
    below = f'part_{part}' if below is None else below
    rows, sheet, name = (_part_a if part == 'A' else _part_c)(root)
    for row in rows:
        row.folder = f'{below}/{row.subject}/{row.clip}/color'.lstrip('/')
        row.template = '{}.jpg'
    truth = Truth('cas3', root, rows, 30.0, LABELS, sheet, name)
    write_clips(truth, missing)
    for row in truth.quirk('lacks all frames')[::2]:
        (root / row.folder).mkdir(parents=True, exist_ok=True)
    files = Files()
    for row in rows[::40]:
        if row.frames:
            # Depth maps are beside the images, with the same numbers.
            folder = (root / row.folder).parent / 'depth'
            files.frames(folder, row.frames, '{}.png', grey=True)
    return truth


def _part_a(root: Path) -> tuple[list[Row], Path, str]:
    draw = random.Random('cas3')
    sizes = [size for size, pairs in _SHARED.items() for _ in range(pairs)]
    sizes += [1] * (sum(EMOTIONS.values()) - sum(sizes))
    draw.shuffle(sizes)
    emotions = [emotion for emotion, count in EMOTIONS.items() for _ in range(count)]
    draw.shuffle(emotions)
    pairs = deal({'': len(sizes)}, SUBJECTS, 'cas3')
    pairs.sort(key=lambda row: SUBJECTS.index(row.subject))
    letters: defaultdict[str, int] = defaultdict(int)
    rows: list[Row] = []
    for pair, size in zip(pairs, sizes, strict=True):
        letter = string.ascii_lowercase[letters[pair.subject]]
        letters[pair.subject] += 1
        for spot in sorted(draw.sample(range(len(_PLACES)), size)):
            row = Row(pair.subject, letter, emotions[len(rows)])
            power, low = _PLACES[spot]
            index = len(rows)
            first = None if low is None else low + index * 31 % (3 * low)
            place(row, index, True, (power,), length=6 + index % 3, first=first)
            row.au = AUS[len(rows) % len(AUS)]
            rows.append(row)
    _part_a_quirks(rows, draw)
    # Two spellings of one emotion.
    large = {id(row) for row in rows if row.emotion == 'others' and row.onset % 2}
    lines = tabulate(rows, [
        ('Subject', lambda r: r.subject),
        ('Filename', lambda r: r.clip),
        ('Onset', lambda r: str(r.written('onset'))),
        ('Apex', lambda r: str(r.written('apex'))),
        ('Offset', lambda r: str(r.written('offset'))),
        ('AU', lambda r: r.au),
        ('Objective class', lambda r: str(1 + list(EMOTIONS).index(r.emotion))),
        ('emotion', lambda r: 'Others' if id(r) in large else r.emotion),
    ])  # fmt: skip
    path = root / 'cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx'
    return rows, write_workbook(path, {'label': lines}), 'label'


def _part_a_quirks(rows: list[Row], draw: random.Random) -> None:
    chosen = draw.sample(rows, 90)
    for row in chosen[:2]:
        row.mark('apex before onset', 'repaired', apex=max(row.onset - 9, 0))
        row.apex = None
    chosen[2].mark('onset after offset', 'skipped', onset=chosen[2].offset + 25)
    chosen[3].mark('offset 0', 'skipped', offset=0)
    for row in chosen[4:34]:
        row.frames = []
        row.mark('lacks all frames', 'skipped')
    for row in chosen[34:64]:
        keep = {row.onset, row.apex, row.offset}
        inside = [n for n in range(row.onset, row.offset) if n not in keep]
        gone = set(draw.sample(inside, 2))
        row.frames = [n for n in row.frames if n not in gone]
        row.mark('lacks some frames', 'noted')
    for row in chosen[64:]:
        row.apex = row.onset + 2
        row.frames = [n for n in row.frames if n < row.offset - 1]
        row.mark('lacks the end', 'noted')


def _part_c(root: Path) -> tuple[list[Row], Path, str]:
    rows = deal(EMOTIONS_C, SUBJECTS_C, 'cas3 C')
    rows.sort(key=lambda row: row.subject)
    counts: defaultdict[str, int] = defaultdict(int)
    for index, row in enumerate(rows):
        counts[row.subject] += 1
        row.clip = str(counts[row.subject])
        place(row, index, index % 5 > 1)
        row.apex = None
        row.au = AUS[index % len(AUS)].replace('+', ',')
    rows[71].au = '4,7'
    rows[71].mark('Chinese comma', au='4\N{FULLWIDTH COMMA}7')
    lines = tabulate(rows, [
        ('sub', lambda r: r.subject),
        ('count', lambda r: int(r.clip)),
        ('onset', lambda r: r.onset),
        ('offset', lambda r: r.offset),
        ('au', lambda r: int(r.au) if r.au.isdigit() else r.written('au')),
        ('emotion', lambda r: r.emotion),
    ])  # fmt: skip
    path = root / 'cas(me)3_part_C_ME_label.xlsx'
    return rows, write_workbook(path, {'label': lines}), 'label'
