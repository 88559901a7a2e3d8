"""Replace clips and annotations of a prepared folder: all of them, or none.

New clips are finished below ``.prepare/stage`` first. Then a journal is written, the
old annotation files and clips are moved to ``.prepare/old``, the new ones to their
places, and the journal is removed, which commits the transaction. A run that is
interrupted before, or fails, is rolled back from the journal, at once or by the next
run: the old files are restored, and the new clips remain staged.

In between files are only renamed. An annotation file is in its place only while all of
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
_MAX_BYTES = 1 << 28


class Transaction:
    """An open transaction.

    Args:
        folder: The prepared folder; its annotation files are moved away.
        clips: Subject and name of the clips that may be published.
    """

    def __init__(self, folder: OutFolder, clips: Iterable[tuple[str, str]]) -> None:
        self.folder = folder
        shutil.rmtree(folder.backup.path, ignore_errors=True)
        annotations = folder.annotations()
        now = folder.published
        existing = [
            [*clip, now.clip(*clip).exists(), now.receipt(*clip).exists()]
            for clip in clips
        ]
        journal = {'annotations': annotations, 'clips': existing}
        write_json(folder.work / JOURNAL, journal, indent=None)
        self._back_up(annotations)

    def publish_clip(self, subject: str, clip: str) -> None:
        """Move a staged clip to its place; without a face it is only a receipt."""
        now, stage, old = (
            self.folder.published,
            self.folder.staging,
            self.folder.backup,
        )
        for source, target in ((now, old), (stage, now)):
            for part in ('clip', 'receipt'):
                _move(*(getattr(one, part)(subject, clip) for one in (source, target)))

    def publish_annotations(self, contents: Mapping[str, dict[str, Any]]) -> list[Path]:
        """Write the annotation files.

        Args:
            contents: The content by file name.

        Returns:
            The files, in the same order.
        """
        self._back_up(contents)
        self.folder.record_annotations(contents)
        return [
            write_annotation(self.folder.path / name, content)
            for name, content in contents.items()
        ]

    def commit(self) -> None:
        """Finish the transaction, and remove the old files."""
        (self.folder.work / JOURNAL).unlink()
        for area in (self.folder.backup, self.folder.staging):
            shutil.rmtree(area.path, ignore_errors=True)

    def _back_up(self, annotations: Iterable[str]) -> None:
        backup = self.folder.backup.path / 'annotations'
        for name in annotations:
            _move(self.folder.path / name, backup / name)


@contextlib.contextmanager
def rolled_back_on_failure(folder: OutFolder) -> Iterator[None]:
    """Roll back an interrupted transaction of an earlier run, and this one on failure.

    Args:
        folder: A prepared folder that this process has locked.

    Raises:
        MERDataError: The journal is damaged.
    """
    roll_back(folder)
    try:
        yield
    except BaseException:
        roll_back(folder)
        raise


def roll_back(folder: OutFolder) -> None:
    """Restore the state of a prepared folder before an unfinished transaction.

    If it is interrupted itself, the next call continues it.

    Raises:
        MERDataError: The journal is damaged.
    """
    journal = folder.work / JOURNAL
    try:
        annotations, clips = _validate(read_json(journal, _MAX_BYTES))
    except FileNotFoundError:
        return
    except (ValueError, TypeError, LookupError) as error:
        raise MERDataError(
            'is damaged, so that an interrupted run cannot be rolled back',
            path=journal,
            hint=f'remove {folder.path} and prepare it again',
        ) from error
    backup = folder.backup.path / 'annotations'
    for name in folder.annotations():
        # Old ones that are not moved yet, or restored already, are kept.
        if name not in annotations or (backup / name).exists():
            (folder.path / name).unlink(missing_ok=True)
    for subject, clip, had_frames, had_receipt in clips:
        for part, existed in (('clip', had_frames), ('receipt', had_receipt)):
            now, stage, old = (
                getattr(area, part)(subject, clip)
                for area in (folder.published, folder.staging, folder.backup)
            )
            # A published clip is new if the old one was moved, or there was none.
            if not stage.exists() and (old.exists() or not existed):
                _move(now, stage)
            _move(old, now)
    folder.record_annotations(annotations)
    for path in backup.iterdir() if backup.is_dir() else ():
        _move(path, folder.path / path.name)
    journal.unlink()
    shutil.rmtree(folder.backup.path, ignore_errors=True)


def _validate(content: Any) -> tuple[list[str], list[tuple[str, str, bool, bool]]]:
    """Validate the content of a journal, since files are moved to the names in it."""
    annotations, clips = content['annotations'], content['clips']
    if not all(is_annotation(name) for name in annotations):
        raise ValueError('contains a name of another file')
    for subject, clip, *existed in clips:
        if name_problem(subject) or name_problem(clip):
            raise ValueError('contains an invalid name of a clip')
        if [type(one) for one in existed] != [bool, bool]:
            raise ValueError('does not contain what existed before')
    return list(annotations), [tuple(one) for one in clips]


def _move(source: Path, target: Path) -> None:
    """Rename a file or a folder if it exists."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
