"""Frames whose brightness encodes their number, compressed once."""

import os
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from .truth import Truth

SIZE = 6


def brightness(number: int) -> int:
    """Return the gray level of a frame: far enough apart for JPEG."""
    return 4 * (number % 64)


def number_modulo_64(image: np.ndarray) -> int:
    """Return the frame number, modulo 64, from a decoded frame."""
    return round(float(image.mean()) / 4)


@cache
def _encoded(suffix: str, level: int, grey: bool) -> bytes:
    shape = (SIZE, SIZE) if grey else (SIZE, SIZE, 3)
    return cv2.imencode(suffix, np.full(shape, level, np.uint8))[1].tobytes()


class Files:
    """Writes the files of one release; equal ones are hard links of one.

    Creating a link is up to forty times faster than writing a file. To change a frame
    on disk, delete it first (:func:`replace_file`), or all its links change, too.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, str] = {}

    def put(self, path: Path | str, data: bytes) -> None:
        first = self._first.setdefault(data, str(path))
        if first != str(path):
            try:
                os.link(first, path)
                return
            except FileExistsError:
                return  # two expressions that share frames
            except OSError:
                pass  # no links here, or too many
        with open(path, 'wb') as file:
            file.write(data)

    def frames(self, folder: Path, numbers, template: str, grey: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        suffix = Path(template).suffix
        for number in numbers:
            data = _encoded(suffix, brightness(number), grey)
            self.put(f'{folder}/{template.format(number)}', data)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file without changing the files that it is linked to."""
    path.unlink()
    path.write_bytes(data)


@cache
def _video(count: int) -> bytes:
    """Encode a video of frames 0 to count - 1, 64 pixels wide.

    The brightness is 20 times the frame number: a codec drops smaller changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/video.mp4'
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(path, code, 25, (64, 48))
        assert writer.isOpened()
        for number in range(count):
            writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
        writer.release()
        return Path(path).read_bytes()


def write_clips(truth: Truth, missing=(), grey: bool = False) -> None:
    """Write the frames of all rows, except for the missing (subject, clip)."""
    known = {(row.subject, row.clip) for row in truth.rows}
    assert known.issuperset(missing), f'no such clip: {set(missing) - known}'
    files = Files()
    for index, row in enumerate(truth.rows):
        if (row.subject, row.clip) in missing:
            row.mark('missing', 'absent' if row.line is None else 'skipped')
            row.frames = []
        elif row.template:
            if row.frames:
                folder = truth.root / row.folder
                files.frames(folder, row.frames, row.template, grey)
                frame = row.template.format(row.frames[0])
                _stray_files(files, folder, frame, index)
        else:
            path = truth.root / row.folder
            path.parent.mkdir(parents=True, exist_ok=True)
            files.put(path, _video(len(row.frames)))


def _stray_files(files: Files, folder: Path, frame: str, index: int) -> None:
    """Write the files that file managers leave behind, in some folders."""
    if index % 10 == 3:
        files.put(folder / 'Thumbs.db', b'\xd0\xcf\x11\xe0')
    if index % 10 == 5:
        files.put(folder.parent / '.DS_Store', b'\0\0\0\1Bud1')
    if index % 50 == 7:
        files.put(folder / f'._{frame}', b'\0\5\x16\7')
