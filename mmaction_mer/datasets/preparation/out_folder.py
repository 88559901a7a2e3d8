"""A prepared folder while it is made: nobody else's, and one run at a time.

``.prepare/`` in it says what is made here, and which files: nothing else is replaced or
removed.
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
from ...utils.text import quote, shown

WORK = '.prepare'
OWNER = f'{WORK}/release.json'
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where clips lie, each with its receipt.

    Attributes:
        frames: Folder of the frames.
        receipts: Folder of the receipts.
    """

    frames: Path
    receipts: Path

    @property
    def path(self) -> Path:
        """The folder of both."""
        return self.frames.parent

    def clip(self, subject: str, clip: str) -> Path:
        """Where the frames of a clip lie."""
        return self.frames / subject / clip

    def receipt(self, subject: str, clip: str) -> Path:
        """The file that says what a clip was made from."""
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
        """Where the work on it lies."""
        return self.path / WORK

    @property
    def frames(self) -> Path:
        """Where the frames lie."""
        return self.path / 'frames'

    @property
    def now(self) -> Place:
        """Where the clips lie that annotation files name."""
        return Place(self.frames, self.work / 'receipts')

    @property
    def stage(self) -> Place:
        """Where clips lie that are finished and not in their places yet."""
        return self._place('stage')

    @property
    def old(self) -> Place:
        """Where clips lie that others are being put in the place of."""
        return self._place('old')

    def receipt(self, subject: str, clip: str) -> Path:
        """The file that says what a clip in its place was made from."""
        return self.now.receipt(subject, clip)

    def begin_annotations(self, names: Collection[str]) -> None:
        """Note which annotation files are about to be written; remove older ones."""
        self._remove(set(self.annotations()) - set(names))
        self.note(names)

    def remove_annotations(self) -> None:
        """Remove the annotation files of an earlier run, before what they name goes."""
        self._remove(self.annotations())

    def remove_clips(self, but: Collection[tuple[str, str]]) -> None:
        """Remove clips of earlier runs that are none any more."""
        receipts = self.path / WORK / 'receipts'
        for receipt in receipts.glob('*/*.json'):
            clip = (receipt.parent.name, receipt.name.removesuffix('.json'))
            if clip not in but:
                shutil.rmtree(self.frames.joinpath(*clip), ignore_errors=True)
                if not self.frames.joinpath(*clip).exists():
                    receipt.unlink()

    def annotations(self) -> list[str]:
        """List the annotation files of an earlier run that are there."""
        names = self._owner().get('annotations', [])
        # They are removed: nothing else may be named here.
        own = [name for name in names if is_annotation(name)]
        return [name for name in own if (self.path / name).exists()]

    def note(self, names: Collection[str]) -> None:
        """Note which annotation files are ours."""
        write_json(self.path / OWNER, {**self._owner(), 'annotations': sorted(names)})

    def _place(self, name: str) -> Place:
        folder = self.work / name
        return Place(folder / 'frames', folder / 'receipts')

    def _owner(self) -> dict[str, Any]:
        content = read_json(self.path / OWNER, _MOST_BYTES)
        if not isinstance(content, dict) or not isinstance(
            content.get('annotations', []), list
        ):
            raise MERDataError(f'{self.path / OWNER}: is not as it was written')
        return content

    def _remove(self, names: Collection[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)


def is_annotation(name: Any) -> bool:
    """Tell whether this can be the name of an annotation file that is made here."""
    return bool(re.fullmatch(r'annotations(_[\w-]+)?\.json', str(name)))


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
    work = path / WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / 'lock') as lock:
            if not lock.take():
                raise MERDataError(f'{path}: another run is at work here: wait for it')
            _refuse_links(path)
            _refuse_others(path, release)
            yield OutFolder(path)
    except OSError as error:
        raise MERDataError(
            f'{error.filename or path}: cannot be used: {error.strerror or error}; '
            f'what is done stays'
        ) from error


def _refuse_links(path: Path) -> None:
    """Refuse links in the folder: what is replaced would be elsewhere."""
    inside = [path / WORK, path / 'frames']
    inside += [path / WORK / name for name in ('receipts', 'stage', 'old')]
    for folder, folders, _ in os.walk(path / 'frames'):
        inside += [Path(folder) / name for name in folders]
    for one in inside:
        if one.is_symlink():
            raise MERDataError(
                f'{one}: is a link to {os.readlink(one)}, which is not written to: '
                f'make --out itself the link, or remove it'
            )


def _refuse_others(path: Path, release: str) -> None:
    """Refuse a folder that another release, or somebody else, has filled."""
    owner = path / OWNER
    try:
        known = read_json(owner, _MOST_BYTES)['release']
    except FileNotFoundError:
        held = sorted(one.name for one in path.iterdir() if one.name != WORK)
        if held:
            raise MERDataError(
                f'{path}: holds {held[0]}, which was not made here: choose another '
                f'--out, new or empty'
            ) from None
        write_json(owner, {'release': release})
        return
    except (ValueError, TypeError, LookupError):
        known = None
    if known != release:
        held = 'something that cannot be read'
        if known is not None:
            held = shown(known) if isinstance(known, str) else quote(known)
        raise MERDataError(
            f'{path}: holds {held}, not {release}: choose another --out, or remove '
            f'the folder'
        )
