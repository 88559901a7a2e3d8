"""Copies of clips: what a file manager or a careful person leaves beside a folder."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..issues import Clip, Reading
from ..linking import same_content
from .walk import Place

_WORDS = (
    'copy|copies|copied|kopie|kopia|copie|copia|cópia|копия|副本|コピー|複製|'
    'bak|backup|back[ _-]?up|old|duplicate'
)
_BEFORE = re.compile(
    rf'(?i)(?:{_WORDS})[ _-]*(?:\([0-9]+\))?[ _-]+(?:of|von|de|di|da)?[ _-]*(.+)'
)
_BEHIND = re.compile(
    rf'(?i)(.+?)(?:[ _.-]*\([0-9]{{1,3}}\)|'
    rf'[ _.-]+(?:{_WORDS})[ _.-]*\(?[0-9]{{0,3}}\)?|'
    rf'(?:copy|kopie|backup|[的の]?(?:副本|コピー|複製))[ _.-]*\(?[0-9]{{0,3}}\)?|~)'
)


@dataclass(frozen=True)
class Copy:
    """A folder (or video) that is named as a copy of another one.

    Attributes:
        parts: Names of the folders that lead to it.
        original: The same of the other one.
        places: The clips in it.
        same: Whether they hold the same files.
    """

    parts: tuple[str, ...]
    original: tuple[str, ...]
    places: tuple[Place, ...]
    same: bool


def unmarked(name: str) -> str:
    """Return a name without what marks it as a copy.

    >>> [unmarked(name) for name in ('a - Copy', 'a (2)', 'Copy of a', 'a_backup')]
    ['a', 'a', 'a', 'a']
    >>> unmarked('s1_ne_01')
    's1_ne_01'
    """
    plain = unicodedata.normalize('NFKC', name)
    for pattern in (_BEHIND, _BEFORE):
        if match := pattern.fullmatch(plain):
            return unmarked(match[1].strip())
    return plain


def find_copies(places: Iterable[Place]) -> list[Copy]:
    """Find folders and videos that are named as copies of others in the same place.

    Args:
        places: All clips of a release.

    Returns:
        The copies; each clip is in one of them at most.
    """
    by_parts = {_plain(place.parts): place for place in places}
    folders = {parts[:end] for parts in by_parts for end in range(1, len(parts) + 1)}
    groups: dict[tuple[str, ...], list[tuple[Place, Place | None]]] = {}
    originals: dict[tuple[str, ...], tuple[str, ...]] = {}
    for parts, place in by_parts.items():
        for end, name in enumerate(parts, 1):
            above = (*parts[: end - 1], unmarked(name))
            if above != parts[:end] and above in folders:
                group = place.parts[:end]
                other = by_parts.get(above + parts[end:])
                groups.setdefault(group, []).append((place, other))
                originals[group] = above
                break
    return [
        Copy(
            parts,
            _spelled(originals[parts], by_parts),
            tuple(place for place, _ in pairs),
            all(
                other is not None and same_files(place.path, other.path)
                for place, other in pairs
            ),
        )
        for parts, pairs in groups.items()
    ]


def drop_equal(reading: Reading) -> None:
    """Leave out clips whose files are those of another clip of the subject.

    Only for releases whose frames are numbered through the recording, so that no two
    clips can share them. The clip with the shorter name is kept, and neither where
    their emotions differ.
    """
    alike: dict[tuple[Any, ...], list[Clip]] = {}
    for clip in sorted(reading.clips, key=lambda one: (len(one.name), one.name)):
        if clip.path is not None and (listing := _listing(clip.path)):
            alike.setdefault((clip.subject, *listing), []).append(clip)
    for first, *others in alike.values():
        for clip in others:
            assert first.path is not None and clip.path is not None
            if not same_files(first.path, clip.path):
                continue
            if first.emotion == clip.emotion:
                reason = f'holds the files of {first.title}: a copy of it, left alone'
                reading.findings.append(clip.finding('frames', 'noted', reason))
                reading.clips.remove(clip)
                reading.rows -= 1
                continue
            for one, other in ((first, clip), (clip, first)):
                reason = (
                    f'{one.path} holds the files of {other.path}, which is another '
                    f'emotion: which one is right?'
                )
                reading.findings.append(one.finding('frames', 'skipped', reason))
                if one in reading.clips:
                    reading.clips.remove(one)
                    reading.lost.append(one)


def _listing(path: Path) -> tuple[tuple[str, int], ...]:
    """Names and sizes of the files of a clip, nothing where they are empty."""
    try:
        if not path.is_dir():
            return (('', path.stat().st_size),)
        found = tuple((name, (path / name).stat().st_size) for name in _visible(path))
    except OSError:
        return ()
    return found if sum(size for _, size in found) else ()


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders, or two files, hold the same, byte for byte."""
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


def _plain(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize('NFKC', part).casefold() for part in parts)


def _spelled(
    parts: tuple[str, ...], places: dict[tuple[str, ...], Place]
) -> tuple[str, ...]:
    """The names of a folder as they stand on disk."""
    for plain, place in places.items():
        if plain[: len(parts)] == parts:
            return place.parts[: len(parts)]
    return parts
