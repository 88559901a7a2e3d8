"""New clips and annotations of a prepared folder in the place of old ones: all or none.

New clips are finished below ``.prepare/stage`` first. Then a journal is written, the
old annotation files and clips are moved to ``.prepare/old``, the new ones to their
places, and the journal is removed: from there on the new ones count. A run that is cut
before that, or fails, is undone from the journal, at once or by the next run: what
stood there stands there again, and the new clips wait in the stage.

Files are only renamed meanwhile. An annotation file is in its place only while all of
its clips are.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...utils.errors import MERDataError
from ...utils.json_files import read_json, write_json
from ..annotation import write_annotation
from ..annotation_rules import name_problem
from .out_folder import OutFolder, is_annotation

JOURNAL = 'swap.json'
_MOST_BYTES = 1 << 28


class Swap:
    """An exchange that has begun.

    Args:
        folder: The prepared folder; its annotation files are moved away.
        clips: Subject and name of the clips that may be put in their places.
    """

    def __init__(self, folder: OutFolder, clips: Iterable[tuple[str, str]]) -> None:
        self.folder = folder
        shutil.rmtree(folder.old.path, ignore_errors=True)
        annotations = folder.annotations()
        there = [
            [*clip, folder.now.clip(*clip).exists(), folder.receipt(*clip).exists()]
            for clip in clips
        ]
        journal = {'annotations': annotations, 'clips': there}
        write_json(folder.work / JOURNAL, journal, indent=None)
        for name in annotations:
            _move(folder.path / name, folder.old.path / 'annotations' / name)

    def put(self, subject: str, clip: str) -> None:
        """Put a staged clip in its place; without a face it is a receipt alone."""
        now, stage, old = self.folder.now, self.folder.stage, self.folder.old
        for first, second in ((now, old), (stage, now)):
            for part in ('clip', 'receipt'):
                _move(*(getattr(one, part)(subject, clip) for one in (first, second)))

    def publish(self, contents: Mapping[str, dict[str, Any]]) -> list[Path]:
        """Write the annotation files.

        Args:
            contents: The content by name.

        Returns:
            The files, in the order of their names in ``contents``.
        """
        folder = self.folder
        for name in contents:
            _move(folder.path / name, folder.old.path / 'annotations' / name)
        folder.note(contents)
        return [
            write_annotation(folder.path / name, content)
            for name, content in contents.items()
        ]

    def close(self) -> None:
        """End the exchange: what is new counts, what was old is removed."""
        (self.folder.work / JOURNAL).unlink()
        for place in (self.folder.old, self.folder.stage):
            shutil.rmtree(place.path, ignore_errors=True)


@contextlib.contextmanager
def undone_if_cut(folder: OutFolder) -> Iterator[None]:
    """Undo the exchange of an earlier run that was cut, and of this one if it fails.

    Args:
        folder: A prepared folder that this process alone has hold of.

    Raises:
        MERDataError: The journal is not as it was written.
    """
    undo(folder)
    try:
        yield
    except BaseException:
        undo(folder)
        raise


def undo(folder: OutFolder) -> None:
    """Bring back what stood in a prepared folder before an exchange that did not end.

    It may be cut itself, and is gone on with by the next call.

    Raises:
        MERDataError: The journal is not as it was written.
    """
    journal = folder.work / JOURNAL
    try:
        annotations, clips = _checked(read_json(journal, _MOST_BYTES))
    except FileNotFoundError:
        return
    except (ValueError, TypeError, LookupError) as error:
        raise MERDataError(
            f'{journal}: is not as it was written, so that a cut run cannot be undone: '
            f'remove {folder.path} and prepare it anew'
        ) from error
    kept = folder.old.path / 'annotations'
    for name in folder.annotations():
        # Old ones that are not moved yet, or back already, stay.
        if name not in annotations or (kept / name).exists():
            (folder.path / name).unlink(missing_ok=True)
    for subject, clip, had_frames, had_receipt in clips:
        for part, had in (('clip', had_frames), ('receipt', had_receipt)):
            now, stage, old = (
                getattr(place, part)(subject, clip)
                for place in (folder.now, folder.stage, folder.old)
            )
            # What is there now is new if what was there is away, or nothing was.
            if not stage.exists() and (old.exists() or not had):
                _move(now, stage)
            _move(old, now)
    folder.note(annotations)
    for path in kept.iterdir() if kept.is_dir() else ():
        _move(path, folder.path / path.name)
    journal.unlink()
    shutil.rmtree(folder.old.path, ignore_errors=True)


def _checked(content: Any) -> tuple[list[str], list[tuple[str, str, bool, bool]]]:
    """Check what a journal says: files are moved to where it names them."""
    annotations, clips = content['annotations'], content['clips']
    if not all(is_annotation(name) for name in annotations):
        raise ValueError('names a file that is no annotation')
    for subject, clip, *had in clips:
        if name_problem(subject) or name_problem(clip):
            raise ValueError('names no clip')
        if [type(one) for one in had] != [bool, bool]:
            raise ValueError('does not say what was there')
    return list(annotations), [tuple(one) for one in clips]


def _move(source: Path, target: Path) -> None:
    """Rename a file or a folder if it is there."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
