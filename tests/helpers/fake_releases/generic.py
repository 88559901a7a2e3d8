"""Any folder of clips with a table."""

from collections.abc import Collection, Sequence
from pathlib import Path

from .pictures import write_clips
from .sheets import write_csv
from .truth import Truth, deal, place, same

EMOTIONS = {'happy': 16, 'sad': 12, 'angry': 12}
COLUMNS = ('clip', 'subject', 'emotion', 'onset', 'apex', 'offset')


def write_generic(
    root: Path,
    video: bool = False,
    delimiter: str = ',',
    bom: bool = False,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write a folder of 40 clips of 8 subjects with ``clips.csv``.

    Args:
        root: Folder for the table and ``clips/<clip>/frame_0001.png``.
        video: Whether clips are ``clips/<clip>.mp4`` rather than folders.
        delimiter: Delimiter of the table.
        bom: Whether the table starts with a byte order mark, as Excel's do.
        missing: (subject, clip) without a folder or video.
    """
    rows = deal(EMOTIONS, [f'p{n}' for n in range(1, 9)], 'generic')
    rows.sort(key=lambda row: (row.subject, row.emotion))
    for index, row in enumerate(rows):
        row.clip = f'{row.subject}_{index:03}'
        place(row, index, index % 2 == 0, (10, 100))
        row.folder = f'clips/{row.clip}' + ('.mp4' if video else '')
        if video:
            first = row.frames[0]
            row.frames = [number - first for number in row.frames]
            row.onset, row.offset = row.onset - first, row.offset - first
            row.apex = (row.onset + row.offset) // 2
        else:
            row.template = 'frame_{}.png' if index % 4 == 0 else 'frame_{:04d}.png'
    lines: list[Sequence] = [COLUMNS]
    for row in rows:
        lines.append([row.written(name) for name in COLUMNS])
        row.line, row.cells = len(lines), dict(zip(lines[0], lines[-1], strict=True))
    encoding = 'utf-8-sig' if bom else 'utf-8'
    path = write_csv(root / 'clips.csv', lines, delimiter, encoding)
    labels = {'3class': same(*EMOTIONS)}
    truth = Truth('generic', root, rows, 30.0, labels, path)
    write_clips(truth, missing)
    return truth
