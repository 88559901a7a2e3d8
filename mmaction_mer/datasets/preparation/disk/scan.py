"""Scan a release for clips, and for entries that cannot be read as one.

A clip is a folder with images, or a video. What could have been one and cannot be read
is reported as well: an empty folder, a link, an archive that was not unpacked.
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

_ARCHIVES = ('.zip', '.rar', '.7z', '.tar', '.tgz', '.gz', '.bz2', '.xz', '.zst')
# Folders of operating systems and network drives. Hidden folders are skipped, too.
_SYSTEM_FOLDERS = re.compile(
    r'(?i)__macosx|@(eadir|tmp|recycle|recently-snapshot|sharebin|__thumb|appstore)|'
    r'#(recycle|snapshot)|\$recycle\.bin|recycler?|recycled|'
    r'lost\+found|system volume information|found\.[0-9]{3}|network trash folder|'
    r'temporary items|windowsimagebackup'
)
_SYSTEM_FILES = re.compile(
    r'(?i)\..*|~\$.*|(eh)?thumbs\.db|desktop\.ini|picasa\.ini|icon\r|.*\.synology.*'
)
# Parts of split archives: a.z01, a.7z.001.
_SPLIT_ARCHIVE = re.compile(r'(?i)(.+?)(\.zip|\.7z|\.rar|\.tar)?\.([zr]?[0-9]{2,3})')

Kind = Literal['empty', 'documents', 'unreadable', 'link', 'archive', 'backslash']


@dataclass(frozen=True)
class ClipEntry:
    """A folder with images, or a video.

    Attributes:
        parts: Names of the folders from the root of the release, its own name last.
        path: The folder or video.
    """

    parts: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class UnusableEntry:
    """A folder or file in the place of a clip that cannot be read as one.

    Attributes:
        parts: As in :class:`ClipEntry`; the name of an archive has no ending.
        path: The folder or file.
        kind: Why it cannot be used.
        reason: The same as the end of a sentence, with what to do about it.
    """

    parts: tuple[str, ...]
    path: Path
    kind: Kind
    reason: str

    def __str__(self) -> str:
        """Return path and reason as a sentence."""
        return f'{self.path} {self.reason}'


def scan_release(root: Path) -> Iterator[ClipEntry | UnusableEntry]:
    """Scan a release in alphabetical order.

    Links to folders are not followed. Hidden folders and those of operating systems
    and network drives (recycle bins, thumbnails) are skipped.
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
            *_scan_files(here, parts, files),
            *(_link(here, parts, name) for name in links),
        ]
        if parts and not found and not folders:
            found = [_without_images(here, parts, files)]
        yield from found
    yield from _unreadable(root, errors)


def is_system_path(path: Path) -> bool:
    """Check whether a path is, or is in, something that a system has created."""
    *folders, name = path.parts
    return any(map(is_system_folder, folders)) or bool(_SYSTEM_FILES.fullmatch(name))


def is_system_folder(name: str) -> bool:
    """Check whether a folder is hidden or created by a system or network drive.

    >>> [is_system_folder(name) for name in ('@eaDir', '$RECYCLE.BIN', '.git', 'sub01')]
    [True, True, True, False]
    """
    return name.startswith('.') or _SYSTEM_FOLDERS.fullmatch(name) is not None


def archive_stem(name: str) -> str:
    """Return the name of an archive without its endings; empty for other files.

    >>> [archive_stem(name) for name in ('a.tar.gz', 'a.z01', 'a.part2.rar', 'a.png')]
    ['a', 'a', 'a', '']
    """
    if name.startswith('.'):
        return ''
    if match := _SPLIT_ARCHIVE.fullmatch(name):
        return match[1] if match[2] or match[3][0] in 'zZrR' else ''
    stem, ending = os.path.splitext(name)
    if ending.lower() not in _ARCHIVES:
        return ''
    return re.sub(r'(?i)\.(tar|part[0-9]+)$', '', stem)


def _parts(root: Path, folder: Path) -> tuple[str, ...]:
    # Archives made on Windows may unpack to folders with backslashes in their names.
    names = folder.relative_to(root).parts
    return tuple(part for name in names for part in name.split('\\') if part)


def _scan_files(
    here: Path, parts: tuple[str, ...], files: list[str]
) -> Iterator[ClipEntry | UnusableEntry]:
    """Yield the clips, dead links and archives that the files of a folder make."""
    images = []
    others: list[ClipEntry | UnusableEntry] = []
    # The first file of each clip that was unpacked with backslashes in its names.
    unpacked: dict[tuple[str, ...], str] = {}
    for name in files:
        stem, ending = os.path.splitext(name)
        lower = ending.lower()
        path = here / name
        if '\\' in name and lower in (*IMAGES, *ENDINGS):
            *above, own = filter(None, name.split('\\'))
            if lower in ENDINGS:
                above.append(os.path.splitext(own)[0])
            unpacked.setdefault(tuple(above), name)
        elif lower in IMAGES:
            images.append(path)
        elif lower in ENDINGS:
            if _is_dead_link(path):
                others.append(_link(here, parts, name, stem))
            else:
                others.append(ClipEntry((*parts, stem), path))
        elif packed := archive_stem(name):
            reason = 'is an archive: unpack it, or move it away'
            others.append(UnusableEntry((*parts, packed), path, 'archive', reason))
        elif _is_dead_link(path):
            others.append(_link(here, parts, name))
        elif lower == '.lnk':
            reason = 'is a shortcut of Windows: copy the folder here'
            others.append(UnusableEntry((*parts, stem), path, 'link', reason))
    if parts and images:
        if all(map(_is_dead_link, images)):
            reason = (
                f'contains {len(images)} link(s) to images that do not exist: copy the '
                f'images here'
            )
            yield UnusableEntry(parts, here, 'link', reason)
        else:
            yield ClipEntry(parts, here)
    yield from others
    for clip, name in sorted(unpacked.items()):
        reason = (
            f'is unpacked to files with backslashes in their names, such as '
            f'{quote(name)}: unpack the archive, which was made on Windows, again with '
            f'a program that creates its folders, such as unzip or 7z'
        )
        yield UnusableEntry((*parts, *clip), here / name, 'backslash', reason)


def _is_dead_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _link(
    here: Path, parts: tuple[str, ...], name: str, stem: str = ''
) -> UnusableEntry:
    path = here / name
    try:
        target = os.readlink(path)
    except OSError:
        target = '?'
    if path.exists():
        reason = (
            f'is a link to {quote(target)}, and links to folders are not followed: '
            f'copy the folder here, or give its target as --root'
        )
    else:
        reason = f'is a link to {quote(target)}, which does not exist'
    return UnusableEntry((*parts, stem or name), path, 'link', reason)


def _without_images(
    here: Path, parts: tuple[str, ...], files: list[str]
) -> UnusableEntry:
    if not files:
        return UnusableEntry(parts, here, 'empty', 'is an empty folder')
    endings = sorted({os.path.splitext(name)[1].lower() or name for name in files})
    shown = ', '.join(map(quote, endings[:3]))
    reason = f'contains neither images nor a video ({len(files)} file(s): {shown})'
    return UnusableEntry(parts, here, 'documents', reason)


def _unreadable(root: Path, errors: list[OSError]) -> Iterator[UnusableEntry]:
    while errors:
        error = errors.pop(0)
        path = Path(error.filename or root)
        reason = f'cannot be read: {error.strerror or error}'
        yield UnusableEntry(_parts(root, path), path, 'unreadable', reason)
