"""Find copies of clips that a file manager or a backup leaves beside a folder."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..issues import Clip, ParsedRelease
from ..linking import same_content
from .scan import ClipEntry

_WORDS = (
    'copy|copies|copied|kopie|kopia|copie|copia|cópia|копия|副本|コピー|複製|'
    'bak|backup|back[ _-]?up|old|duplicate'
)
_PREFIX = re.compile(
    rf'(?i)(?:{_WORDS})[ _-]*(?:\([0-9]+\))?[ _-]+(?:of|von|de|di|da)?[ _-]*(.+)'
)
_SUFFIX = re.compile(
    rf'(?i)(.+?)(?:[ _.-]*\([0-9]{{1,3}}\)|'
    rf'[ _.-]+(?:{_WORDS})[ _.-]*\(?[0-9]{{0,3}}\)?|'
    rf'(?:copy|kopie|backup|[的の]?(?:副本|コピー|複製))[ _.-]*\(?[0-9]{{0,3}}\)?|~)'
)


@dataclass(frozen=True)
class FolderCopy:
    """A folder (or video) that is named as a copy of another one.

    Attributes:
        parts: Names of the folders from the root of the release.
        original: The same of the other one.
        entries: The clips in the copy.
        same: Whether both contain the same files.
    """

    parts: tuple[str, ...]
    original: tuple[str, ...]
    entries: tuple[ClipEntry, ...]
    same: bool


def strip_copy_marker(name: str) -> str:
    """Return a name without the words that mark it as a copy.

    >>> [strip_copy_marker(n) for n in ('a - Copy', 'a (2)', 'Copy of a', 'a_backup')]
    ['a', 'a', 'a', 'a']
    >>> strip_copy_marker('s1_ne_01')
    's1_ne_01'
    """
    plain = unicodedata.normalize('NFKC', name)
    for pattern in (_SUFFIX, _PREFIX):
        if match := pattern.fullmatch(plain):
            return strip_copy_marker(match[1].strip())
    return plain


def find_copies(entries: Iterable[ClipEntry]) -> list[FolderCopy]:
    """Find folders and videos that are named as copies of others in the same folder.

    Args:
        entries: All clips of a release.

    Returns:
        The copies; each clip is in one of them at most.
    """
    by_parts = {_normalize(entry.parts): entry for entry in entries}
    folders = {parts[:end] for parts in by_parts for end in range(1, len(parts) + 1)}
    groups: dict[tuple[str, ...], list[tuple[ClipEntry, ClipEntry | None]]] = {}
    originals: dict[tuple[str, ...], tuple[str, ...]] = {}
    for parts, entry in by_parts.items():
        for end, name in enumerate(parts, 1):
            original = (*parts[: end - 1], strip_copy_marker(name))
            if original != parts[:end] and original in folders:
                group = entry.parts[:end]
                other = by_parts.get(original + parts[end:])
                groups.setdefault(group, []).append((entry, other))
                originals[group] = next(
                    one.parts[:end]
                    for key, one in by_parts.items()
                    if key[:end] == original
                )
                break
    return [
        FolderCopy(
            parts,
            originals[parts],
            tuple(entry for entry, _ in pairs),
            all(
                other is not None and same_files(entry.path, other.path)
                for entry, other in pairs
            ),
        )
        for parts, pairs in groups.items()
    ]


def drop_identical_clips(release: ParsedRelease) -> None:
    """Drop clips whose files are those of another clip of the subject.

    Only for releases whose frames are numbered through the recording, so that no two
    clips can share them. The clip with the shorter name is kept; neither is if their
    emotions differ.
    """
    alike: dict[tuple[Any, ...], list[Clip]] = {}
    for clip in sorted(release.clips, key=lambda one: (len(one.name), one.name)):
        if clip.path is not None and (listing := _listing(clip.path)):
            alike.setdefault((clip.subject, *listing), []).append(clip)
    for first, *others in alike.values():
        for clip in others:
            assert first.path is not None and clip.path is not None
            if not same_files(first.path, clip.path):
                continue
            if first.emotion == clip.emotion:
                reason = f'contains the files of {first.title}: a copy, left out'
                release.issues.append(clip.issue('frames', 'noted', reason))
                release.clips.remove(clip)
                release.rows -= 1
                continue
            for one, other in ((first, clip), (clip, first)):
                reason = (
                    f'{one.path} contains the files of {other.path}, which is another '
                    f'emotion: one of the two is wrong'
                )
                release.issues.append(one.issue('frames', 'skipped', reason))
                if one in release.clips:
                    release.clips.remove(one)
                    release.dropped.append(one)


def _listing(path: Path) -> tuple[tuple[str, int], ...]:
    """Return names and sizes of the files of a clip; nothing if all are empty."""
    try:
        if not path.is_dir():
            return (('', path.stat().st_size),)
        found = tuple((name, (path / name).stat().st_size) for name in _visible(path))
    except OSError:
        return ()
    return found if sum(size for _, size in found) else ()


def same_files(one: Path, other: Path) -> bool:
    """Check whether two folders, or two files, are equal byte for byte."""
    if one.is_dir() != other.is_dir():
        return False
    if not one.is_dir():
        return same_content(one, other)
    try:
        names = [_visible(folder) for folder in (one, other)]
    except OSError:
        return False
    return names[0] == names[1] and all(
        same_content(one / name, other / name) for name in names[0]
    )


def _visible(folder: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if not entry.name.startswith('.') and entry.is_file()
    )


def _normalize(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize('NFKC', part).casefold() for part in parts)
