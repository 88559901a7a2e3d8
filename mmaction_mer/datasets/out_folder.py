"""A prepared folder while it is made: nobody else's, and one run at a time.

``.prepare/`` in it says which release this is and holds a receipt per clip. Only what
has a receipt is ever replaced or removed.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..utils import write_json
from .annotation import MERDataError

WORK = '.prepare'


@dataclass(frozen=True)
class OutFolder:
    """A prepared folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def frames(self) -> Path:
        """Where the frames lie."""
        return self.path / 'frames'

    def receipt(self, subject: str, clip: str) -> Path:
        """The file that says what a clip was made from."""
        return self.path / WORK / 'receipts' / subject / f'{clip}.json'

    def stage(self, subject: str, clip: str) -> Path:
        """Where the frames of a clip lie until they are complete."""
        return self.path / WORK / 'stage' / subject / clip

    def remove_annotations(self, but: Collection[Path] = ()) -> None:
        """Remove annotation files, so that there is none that does not fit."""
        for path in self.path.glob('annotations*.json'):
            if path not in but:
                path.unlink()

    def remove_clips(self, but: Collection[tuple[str, str]]) -> None:
        """Remove clips of earlier runs that are none any more."""
        for receipt in self.receipt('*', '*').parent.parent.glob('*/*.json'):
            clip = (receipt.parent.name, receipt.name.removesuffix('.json'))
            if clip not in but:
                shutil.rmtree(self.frames.joinpath(*clip), ignore_errors=True)
                receipt.unlink()
        shutil.rmtree(self.path / WORK / 'stage', ignore_errors=True)


@contextlib.contextmanager
def out_folder(path: Path, release: str) -> Iterator[OutFolder]:
    """Take hold of a folder to prepare a release in.

    Args:
        path: The folder; may hold an earlier attempt.
        release: What is prepared there, in words.

    Raises:
        MERDataError: It holds something else, a link leads out of it, another run is
            at work in it, or it cannot be written.
    """
    work, owner = path / WORK, path / WORK / 'release.json'
    try:
        work.mkdir(parents=True, exist_ok=True)
        with open(work / 'lock', 'a') as lock:
            _lock(lock.fileno(), path)
            _refuse_links(path)
            _refuse_others(path, owner, release)
            write_json(owner, {'release': release})
            yield OutFolder(path)
    except OSError as error:
        raise MERDataError(
            f'{error.filename or path}: cannot be written: {error.strerror}; what is '
            f'done stays'
        ) from error


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise MERDataError(
            f'{path}: another run is at work here: wait for it'
        ) from error
    except OSError:
        pass  # a file system without locks


def _refuse_links(path: Path) -> None:
    """Refuse links in the folder: what is replaced would be elsewhere."""
    frames = path / 'frames'
    for one in (path / WORK, frames, *(frames.iterdir() if frames.is_dir() else ())):
        if one.is_symlink():
            raise MERDataError(
                f'{one}: is a link to {os.readlink(one)}, which is not written to: '
                f'make --out itself the link, or remove it'
            )


def _refuse_others(path: Path, owner: Path, release: str) -> None:
    """Refuse a folder that another release, or somebody else, has filled."""
    try:
        known = json.loads(owner.read_text(encoding='utf-8'))['release']
    except FileNotFoundError:
        known = release
        frames = path / 'frames'
        held = [*path.glob('annotations*.json')]
        held += [*frames.iterdir()][:1] if frames.is_dir() else []
        if held:
            raise MERDataError(
                f'{path}: holds {held[0].name}, which was not made here: choose '
                f'another --out, or move it away'
            ) from None
    except (ValueError, TypeError, LookupError):
        known = 'something that cannot be read'
    if known != release:
        raise MERDataError(
            f'{path}: holds {known}, not {release}: choose another --out, or remove '
            f'the folder'
        )
