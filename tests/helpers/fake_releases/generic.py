"""Any folder of clips with a list."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from .pictures import write_clips
from .sheets import write_csv
from .truth import Truth, deal, place, same

EMOTIONS = {'happy': 16, 'sad': 12, 'angry': 12}
COLUMNS = {
    name: name for name in ('clip', 'subject', 'emotion', 'onset', 'apex', 'offset')
}


def write_generic(
    root: Path,
    columns: Mapping[str, str] = COLUMNS,
    video: bool = False,
    delimiter: str = ',',
    bom: bool = False,
    missing: Collection[tuple[str, str]] = (),
) -> Truth:
    """Write a folder of 40 clips of 8 subjects with ``clips.csv``.

    Args:
        root: Gets the list and ``clips/<clip>/frame_0001.png``.
        columns: Title by field ('folder' is one, below the root); fields left out
            are not written. Without onset and offset the whole clip is meant.
        video: ``clips/<clip>.mp4`` in place of folders.
        delimiter: Of the list.
        bom: Whether the list starts with a byte order mark, as Excel's do.
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
        if 'onset' not in columns:
            row.onset, row.offset = row.frames[0], row.frames[-1]
        if 'apex' not in columns:
            row.apex = None
    lines: list[Sequence] = [list(columns.values())]
    for row in rows:
        lines.append([row.written(name) for name in columns])
        row.line, row.cells = len(lines), dict(zip(lines[0], lines[-1], strict=True))
    encoding = 'utf-8-sig' if bom else 'utf-8'
    path = write_csv(root / 'clips.csv', lines, delimiter, encoding)
    labels = {'3class': same(*EMOTIONS)}
    truth = Truth('generic', root, rows, 30.0, labels, path)
    write_clips(truth, missing)
    return truth
