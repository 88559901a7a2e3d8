"""Match the names of clips in a spreadsheet to the names of their folders.

Spreadsheet programs turn ``001`` into ``1``, other programs into ``1.0``. Such names
match if that is the only possible reading; if there are two, both are reported.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

#: Name of a clip, its subject first.
Key = tuple[str, ...]

# Usual prefixes of the number of a subject.
_SUBJECT = re.compile(
    r'(?:s|p|sub|subj|subject|person|participant|part|pp|sp|spno|id|actor|vp)?'
    r'[ ._-]*([0-9]+)'
)


def normalize_name(name: str) -> str:
    """Normalize what programs and file systems change in a name.

    >>> [normalize_name(name) for name in ('001', '1.0', 'Sub01', 'a_10')]
    ['1', '1', 'sub1', 'a_10']
    """
    name = name.casefold()
    if re.fullmatch(r'[0-9]+\.0*', name):
        name = name.partition('.')[0]
    return re.sub(r'(?<![0-9])0+(?=[0-9])', '', name)


def normalize_subject(name: str) -> str:
    """Normalize the name of a subject to its number, if it is one behind a prefix.

    >>> [normalize_subject(name) for name in ('sub01', '1', 'session1')]
    ['1', '1', 'session1']
    """
    match = _SUBJECT.fullmatch(normalize_name(name))
    return normalize_name(match[1] if match else name)


def match_names(wanted: Iterable[Key], held: Collection[Key]) -> dict[Key, Key | str]:
    """Match names in a spreadsheet to names on disk.

    Args:
        wanted: Names in the spreadsheet: the subject, the clip.
        held: Names on disk, with as many parts.

    Returns:
        By name in the spreadsheet the one on disk, each at most once; or the reason why
        the match is ambiguous. A name without a match is not in the result.

    >>> match_names([('1', 'a')], [('001', 'a')])
    {('1', 'a'): ('001', 'a')}
    >>> match_names([('1', 'a')], [('001', 'a'), ('1', 'a')])
    {('1', 'a'): 'may be 001/a or 1/a on disk: type it as text, as the folder is named'}
    """
    names = list(dict.fromkeys(wanted))
    alike, numbered = defaultdict(list), defaultdict(list)
    for one in sorted(set(held).difference(names)):
        alike[tuple(map(normalize_name, one))].append(one)
        numbered[_by_subject(one)].append(one)
    claims: dict[Key, list[Key]] = defaultdict(list)
    for name in names:
        others = alike[tuple(map(normalize_name, name))]
        if name in held:
            # Programs turn 001 into 1, but not p01 into p1.
            claims[name] = [name, *(one for one in others if _lost_zeros(name, one))]
        elif others or len(name) < 2:
            claims[name] = others
        else:
            claims[name] = [
                one
                for one in numbered[_by_subject(name)]
                if any(normalize_name(who).isdigit() for who in (name[0], one[0]))
            ]
    rivals: dict[Key, list[Key]] = defaultdict(list)
    for name, ones in claims.items():
        for one in ones:
            rivals[one].append(name)
    found: dict[Key, Key | str] = {}
    for name, ones in claims.items():
        others = sorted({one for claim in ones for one in rivals[claim]} - {name})
        if len(ones) > 1:
            found[name] = (
                f'may be {" or ".join(map("/".join, sorted(ones)))} on disk: type it '
                f'as text, as the folder is named'
            )
        elif ones and others:
            found[name] = (
                f'may be {"/".join(ones[0])} on disk, and so may '
                f'{" and ".join(map("/".join, others))}: type each as its folder is '
                f'named'
            )
        elif ones:
            found[name] = ones[0]
    return found


def _by_subject(name: Key) -> Key:
    return (normalize_subject(name[0]), *map(normalize_name, name[1:]))


def _lost_zeros(name: Key, other: Key) -> bool:
    return all(
        part == one or (part.isdigit() and one.isdigit())
        for part, one in zip(name, other, strict=True)
    )
