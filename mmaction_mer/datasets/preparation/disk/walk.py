"""Walking through a release: where clips lie, and what stands in a clip's place.

A clip is a folder that holds pictures, or a video. What could have been one and cannot
be read is told as well: an empty folder, a link, an archive that was not unpacked.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ....utils.text import quote
from ...images.frame_names import IMAGES
from ...video.files import ENDINGS

ARCHIVES = ('.zip', '.rar', '.7z', '.tar', '.tgz', '.gz', '.bz2', '.xz', '.zst')
# Folders that operating systems and network drives make. Names that begin with a dot
# are left alone as well.
_SYSTEM_FOLDERS = re.compile(
    r'(?i)__macosx|@(eadir|tmp|recycle|recently-snapshot|sharebin|__thumb|appstore)|'
    r'#(recycle|snapshot)|\$recycle\.bin|recycler?|recycled|'
    r'lost\+found|system volume information|found\.[0-9]{3}|network trash folder|'
    r'temporary items|windowsimagebackup'
)
_SYSTEM_FILES = re.compile(
    r'(?i)\..*|~\$.*|(eh)?thumbs\.db|desktop\.ini|picasa\.ini|icon\r|.*\.synology.*'
)
# The second part of a split archive, and the first of one in numbered files.
_SPLIT_ARCHIVE = re.compile(r'(?i)(.+?)(\.zip|\.7z|\.rar|\.tar)?\.([zr]?[0-9]{2,3})')

Kind = Literal['empty', 'documents', 'unreadable', 'link', 'archive', 'backslash']


@dataclass(frozen=True)
class Place:
    """Where a clip lies below the root of a release.

    Attributes:
        parts: Names of the folders that lead to it, its own last.
        path: Its folder of frames, or its video.
    """

    parts: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class Blocked:
    """What lies where a clip could lie, and cannot be read as one.

    Attributes:
        parts: Names as in :class:`Place`; that of an archive without its ending.
        path: The folder or file.
        kind: What it is.
        why: The same as a sentence without its subject, with what to do.
    """

    parts: tuple[str, ...]
    path: Path
    kind: Kind
    why: str

    def __str__(self) -> str:
        """Say what it is, and what to do."""
        return f'{self.path} {self.why}'


def walk(root: Path) -> Iterator[Place | Blocked]:
    """Walk through a release in alphabetical order.

    Links to folders are not followed. Hidden folders and those of operating systems
    and network drives (recycle bins, thumbnails) are left alone.
    """
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        yield from _unreadable(root, errors)
        here = Path(folder)
        parts = _parts(root, here)
        folders[:] = sorted(n for n in folders if not is_system_folder(n))
        links = [name for name in folders if os.path.islink(here / name)]
        folders[:] = [name for name in folders if name not in links]
        files = sorted(name for name in files if not _SYSTEM_FILES.fullmatch(name))
        found = [
            *_clips(here, parts, files),
            *(_link(here, parts, name) for name in links),
        ]
        if parts and not found and not folders:
            found = [_without_pictures(here, parts, files)]
        yield from found
    yield from _unreadable(root, errors)


def is_of_system(path: Path) -> bool:
    """Whether a path leads through a folder, or to a file, that a system has made."""
    *folders, name = path.parts
    return any(map(is_system_folder, folders)) or bool(_SYSTEM_FILES.fullmatch(name))


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden, or made by an operating system or network drive.

    >>> [is_system_folder(name) for name in ('@eaDir', '$RECYCLE.BIN', '.git', 'sub01')]
    [True, True, True, False]
    """
    return name.startswith('.') or _SYSTEM_FOLDERS.fullmatch(name) is not None


def archive_stem(name: str) -> str:
    """Name of an archive without its endings, empty for any other file.

    >>> [archive_stem(name) for name in ('a.tar.gz', 'a.z01', 'a.part2.rar', 'a.png')]
    ['a', 'a', 'a', '']
    """
    if name.startswith('.'):
        return ''
    if match := _SPLIT_ARCHIVE.fullmatch(name):
        return match[1] if match[2] or match[3][0] in 'zZrR' else ''
    stem, ending = os.path.splitext(name)
    if ending.lower() not in ARCHIVES:
        return ''
    return re.sub(r'(?i)\.(tar|part[0-9]+)$', '', stem)


def _parts(root: Path, folder: Path) -> tuple[str, ...]:
    # Archives made on Windows may unpack to folders with backslashes in their names.
    names = folder.relative_to(root).parts
    return tuple(part for name in names for part in name.split('\\') if part)


def _clips(
    here: Path, parts: tuple[str, ...], files: list[str]
) -> Iterator[Place | Blocked]:
    """What the files of one folder make of it."""
    pictures, flat = [], set()
    others: list[Place | Blocked] = []
    for name in files:
        stem, ending = os.path.splitext(name)
        lower = ending.lower()
        path = here / name
        if '\\' in name and lower in (*IMAGES, *ENDINGS):
            *above, own = name.split('\\')
            end = (os.path.splitext(own)[0],) if lower in ENDINGS else ()
            flat.add((tuple(filter(None, above)) + end, name))
        elif lower in IMAGES:
            pictures.append(path)
        elif lower in ENDINGS:
            if _is_dead(path):
                others.append(_link(here, parts, name, stem))
            else:
                others.append(Place((*parts, stem), path))
        elif packed := archive_stem(name):
            why = 'is an archive: unpack it, or move it away'
            others.append(Blocked((*parts, packed), path, 'archive', why))
        elif _is_dead(path):
            others.append(_link(here, parts, name))
        elif lower == '.lnk':
            why = 'is a shortcut of Windows: copy the folder here'
            others.append(
                Blocked((*parts, os.path.splitext(name)[0]), path, 'link', why)
            )
    if parts and pictures:
        if all(map(_is_dead, pictures)):
            why = (
                f'holds {len(pictures)} link(s) to pictures that are not there: copy '
                f'the pictures here'
            )
            yield Blocked(parts, here, 'link', why)
        else:
            yield Place(parts, here)
    yield from others
    yield from _flat(here, parts, flat)


def _is_dead(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _flat(
    here: Path, parts: tuple[str, ...], flat: set[tuple[tuple[str, ...], str]]
) -> Iterator[Blocked]:
    """Files that are named by a whole path of Windows."""
    seen = set()
    for above, name in sorted(flat):
        if above not in seen:
            seen.add(above)
            why = (
                f'lies as files with backslashes in their names, such as '
                f'{quote(name)}: the archive was made on Windows and unpacked without '
                f'its folders: unpack it again with a program that makes them, such as '
                f'unzip or 7z'
            )
            yield Blocked((*parts, *above), here / name, 'backslash', why)


def _link(here: Path, parts: tuple[str, ...], name: str, stem: str = '') -> Blocked:
    path = here / name
    try:
        target = os.readlink(path)
    except OSError:
        target = '?'
    if path.exists():
        why = (
            f'is a link to {quote(target)}, and links to folders are not followed: '
            f'copy the folder here, or give the one that it leads to as --root'
        )
    else:
        why = f'is a link to {quote(target)}, which is not there'
    return Blocked((*parts, stem or name), path, 'link', why)


def _without_pictures(here: Path, parts: tuple[str, ...], files: list[str]) -> Blocked:
    if not files:
        return Blocked(parts, here, 'empty', 'is an empty folder')
    endings = sorted({os.path.splitext(name)[1].lower() or name for name in files})
    shown = ', '.join(map(quote, endings[:3]))
    why = f'holds no picture and no video ({len(files)} file(s): {shown})'
    return Blocked(parts, here, 'documents', why)


def _unreadable(root: Path, errors: list[OSError]) -> Iterator[Blocked]:
    while errors:
        error = errors.pop(0)
        path = Path(error.filename or root)
        why = f'cannot be read: {error.strerror or error}'
        yield Blocked(_parts(root, path), path, 'unreadable', why)
