"""The prepared folder: owned by one release, and used by one run at a time.

Its subfolder ``.prepare/`` records what was written, and for which release: nothing
else is replaced or removed.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...utils.errors import MERDataError
from ...utils.json_files import read_json, write_json
from ...utils.locks import FileLock
from ...utils.text import printable_name, quote

WORK = '.prepare'
OWNER = f'{WORK}/release.json'
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class ClipArea:
    """Frames of clips, each with a receipt of what they were made from.

    Attributes:
        frames: Folder of the frames.
        receipts: Folder of the receipts.
    """

    frames: Path
    receipts: Path

    @property
    def path(self) -> Path:
        """Folder of both."""
        return self.frames.parent

    def clip(self, subject: str, clip: str) -> Path:
        """Return the folder of the frames of a clip."""
        return self.frames / subject / clip

    def receipt(self, subject: str, clip: str) -> Path:
        """Return the file that records what a clip was made from."""
        return self.receipts / subject / f'{clip}.json'


@dataclass(frozen=True)
class OutFolder:
    """A prepared folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def work(self) -> Path:
        """Subfolder for bookkeeping."""
        return self.path / WORK

    @property
    def published(self) -> ClipArea:
        """The clips that the annotation files name."""
        return ClipArea(self.path / 'frames', self.work / 'receipts')

    @property
    def staging(self) -> ClipArea:
        """Finished clips that are not published yet."""
        return ClipArea(self.work / 'stage' / 'frames', self.work / 'stage/receipts')

    @property
    def backup(self) -> ClipArea:
        """Clips that a running transaction replaces."""
        return ClipArea(self.work / 'old' / 'frames', self.work / 'old' / 'receipts')

    def annotations(self) -> list[str]:
        """List the existing annotation files of an earlier run."""
        names = self._read_owner().get('annotations', [])
        # They may be removed: no other files may be named here.
        own = [name for name in names if is_annotation(name)]
        return [name for name in own if (self.path / name).exists()]

    def record_annotations(self, names: Collection[str]) -> None:
        """Record the annotation files that this program has written."""
        owner = {**self._read_owner(), 'annotations': sorted(names)}
        write_json(self.path / OWNER, owner)

    def remove_annotations(self) -> None:
        """Remove the annotation files of an earlier run, before their frames go."""
        for name in self.annotations():
            (self.path / name).unlink(missing_ok=True)

    def remove_clips(self, keep: Collection[tuple[str, str]]) -> None:
        """Remove the clips of earlier runs that are not to be kept."""
        for receipt in self.published.receipts.glob('*/*.json'):
            clip = (receipt.parent.name, receipt.name.removesuffix('.json'))
            if clip not in keep:
                frames = self.published.clip(*clip)
                shutil.rmtree(frames, ignore_errors=True)
                if not frames.exists():
                    receipt.unlink()

    def _read_owner(self) -> dict[str, Any]:
        content = read_json(self.path / OWNER, _MAX_BYTES)
        if not isinstance(content, dict) or not isinstance(
            content.get('annotations', []), list
        ):
            raise MERDataError('was changed by another program', path=self.path / OWNER)
        return content


def is_annotation(name: Any) -> bool:
    """Check whether this can be the name of an annotation file of this program."""
    return bool(re.fullmatch(r'annotations(_[\w-]+)?\.json', str(name)))


@contextlib.contextmanager
def out_folder(path: Path, release: str) -> Iterator[OutFolder]:
    """Lock a folder in which a release is prepared.

    Args:
        path: The folder; may contain an earlier attempt.
        release: Title of the release.

    Raises:
        MERDataError: It contains something else, a link leads out of it, another run
            uses it, or it cannot be written.
    """
    work = path / WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / 'lock') as lock:
            if not lock.acquire():
                raise MERDataError(
                    'another run uses this folder', path=path, hint='wait for it'
                )
            _check_links(path)
            _check_owner(path, release)
            yield OutFolder(path)
    except OSError as error:
        raise MERDataError(
            f'cannot be used: {error.strerror or error}',
            path=error.filename or path,
            hint='finished clips are kept',
        ) from error


def _check_links(path: Path) -> None:
    """Reject links in the folder: files would be replaced elsewhere."""
    inside = [path / WORK, path / 'frames']
    inside += [path / WORK / name for name in ('receipts', 'stage', 'old')]
    for folder, folders, _ in os.walk(path / 'frames'):
        inside += [Path(folder) / name for name in folders]
    for one in inside:
        if one.is_symlink():
            raise MERDataError(
                f'is a link to {os.readlink(one)}, which is not written to',
                path=one,
                hint='make --out itself the link, or remove it',
            )


def _check_owner(path: Path, release: str) -> None:
    """Reject a folder with another release, or with files of the user."""
    owner = path / OWNER
    try:
        known = read_json(owner, _MAX_BYTES)['release']
    except FileNotFoundError:
        held = sorted(one.name for one in path.iterdir() if one.name != WORK)
        if held:
            raise MERDataError(
                f'contains {held[0]}, which was not made here',
                path=path,
                hint='choose another --out, new or empty',
            ) from None
        write_json(owner, {'release': release})
        return
    except (ValueError, TypeError, LookupError):
        known = None
    if known != release:
        content = 'something that cannot be read'
        if known is not None:
            content = printable_name(known) if isinstance(known, str) else quote(known)
        raise MERDataError(
            f'contains {content}, not {release}',
            path=path,
            hint='choose another --out, or remove the folder',
        )
