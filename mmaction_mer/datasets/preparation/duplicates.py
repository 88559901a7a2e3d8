"""Rows that repeat or contradict each other, and subjects with two spellings."""

import re
from typing import Any

from ...utils.errors import MERDataError
from ...utils.text import quote
from .issues import Clip, ParsedRelease
from .labels import emotion_key


def drop_duplicates(release: ParsedRelease) -> None:
    """Keep the first of clips that repeat each other, none of those that contradict.

    Names that differ only in case are the same: on some file systems they are.
    """
    alike: dict[str, list[Clip]] = {}
    for clip in release.clips:
        alike.setdefault(clip.title.casefold(), []).append(clip)
    kept = []
    for clip in release.clips:
        first, *_ = group = alike[clip.title.casefold()]
        others = [one for one in group if one is not clip]
        if all(_content(one) == _content(clip) for one in others):
            if clip is first:
                kept.append(clip)
                continue
            reason = f'repeats {_where(first)}'
        else:
            reason = (
                f'contradicts {", ".join(map(_where, others))}: one of them is wrong'
            )
        release.issues.append(clip.issue('clip', 'skipped', reason))
    release.clips[:] = kept


def _content(clip: Clip) -> tuple[Any, ...]:
    return clip.path, clip.onset, clip.apex, clip.offset, emotion_key(clip.emotion)


def _where(clip: Clip) -> str:
    return str(clip.path) if clip.row is None else f'row {clip.row}'


def check_subject_spelling(release: ParsedRelease) -> None:
    """Check that no two subjects may be two spellings of one.

    Raises:
        MERDataError: Two subjects differ only in case, spaces or leading zeros.
    """
    first: dict[str, Clip] = {}
    for clip in release.clips:
        plain = re.sub(r'[ ._-]|(?<![0-9])0+(?=[0-9])', '', clip.subject.casefold())
        known = first.setdefault(plain, clip)
        if known.subject != clip.subject:
            raise MERDataError(
                f'{quote(known.subject)} ({_where(known)}) and {quote(clip.subject)} '
                f'({_where(clip)}) may be one person, who would be in the training and '
                f'in the test set of a fold',
                path=release.spreadsheet or 'folders',
                field='subject',
                hint='use one spelling per person',
            )
