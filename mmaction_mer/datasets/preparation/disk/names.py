"""Names of clips in a sheet against the names of their folders.

A spreadsheet program makes ``1`` of ``001``, and other programs ``1.0``. Such names
meet where that is the only way to read them; where there are two, both are named.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

#: Name of a clip, its subject first.
Key = tuple[str, ...]

# What people put in front of a person's number.
_PERSON = re.compile(
    r'(?:s|p|sub|subj|subject|person|participant|part|pp|sp|spno|id|actor|vp)?'
    r'[ ._-]*([0-9]+)'
)


def plain(part: str) -> str:
    """Write a name without what programs and file systems change in it.

    >>> plain('001'), plain('1.0'), plain('Sub01'), plain('a_10')
    ('1', '1', 'sub1', 'a_10')
    """
    part = part.casefold()
    if re.fullmatch(r'[0-9]+\.0*', part):
        part = part.partition('.')[0]
    return re.sub(r'(?<![0-9])0+(?=[0-9])', '', part)


def person(part: str) -> str:
    """Write the name of a person as a number, where it is one behind a usual word.

    >>> person('sub01'), person('1'), person('session1')
    ('1', '1', 'session1')
    """
    match = _PERSON.fullmatch(plain(part))
    return plain(match[1]) if match else plain(part)


def match_names(wanted: Iterable[Key], held: Collection[Key]) -> dict[Key, Key | str]:
    """Find for each name in a sheet the one on disk that is meant.

    Args:
        wanted: Names in the sheet, by their parts: the subject, the clip.
        held: Names on disk, of as many parts.

    Returns:
        By name in the sheet the one on disk, no two the same; or why it cannot be said
        which is meant. A name of which nothing is on disk is not there.

    >>> match_names([('1', 'a')], [('001', 'a')])
    {('1', 'a'): ('001', 'a')}
    >>> match_names([('1', 'a')], [('001', 'a'), ('1', 'a')])
    {('1', 'a'): 'may be 001/a or 1/a on disk: write it as text, as the folder has it'}
    """
    names = list(dict.fromkeys(wanted))
    free = sorted(set(held).difference(names))
    alike, numbered = defaultdict(list), defaultdict(list)
    for one in free:
        alike[tuple(map(plain, one))].append(one)
        numbered[_by_person(one)].append(one)
    claims: dict[Key, list[Key]] = defaultdict(list)
    for name in names:
        others = alike[tuple(map(plain, name))]
        if name in held:
            # Of 001 a program makes 1, but nobody makes p1 of p01.
            claims[name] = [name, *(one for one in others if _lost_zeros(name, one))]
        elif others or len(name) < 2:
            claims[name] = others
        else:
            claims[name] = [
                one
                for one in numbered[_by_person(name)]
                if plain(name[0]).isdigit() or plain(one[0]).isdigit()
            ]
    rivals: dict[Key, list[Key]] = defaultdict(list)
    for name, ones in claims.items():
        for one in ones:
            rivals[one].append(name)
    found: dict[Key, Key | str] = {}
    for name, ones in claims.items():
        others = sorted({one for place in ones for one in rivals[place]} - {name})
        if len(ones) > 1:
            found[name] = (
                f'may be {" or ".join(map("/".join, sorted(ones)))} on disk: write it '
                f'as text, as the folder has it'
            )
        elif ones and others:
            found[name] = (
                f'may be {"/".join(ones[0])} on disk, and so may '
                f'{" and ".join(map("/".join, others))}: write each as its folder is '
                f'called'
            )
        elif ones:
            found[name] = ones[0]
    return found


def _by_person(name: Key) -> Key:
    return (person(name[0]), *map(plain, name[1:]))


def _lost_zeros(name: Key, other: Key) -> bool:
    return all(
        part == one or (part.isdigit() and one.isdigit())
        for part, one in zip(name, other, strict=True)
    )
