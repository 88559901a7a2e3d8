"""From the names of the files in a folder to the frames of one clip.

Everything that lists the frames of a clip goes by these two functions: training and
checking by a template, preparing a release and prediction without one. Pure: names go
in, names come out.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...utils.text import quote

IMAGES = (
    '.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.pgm', '.ppm', '.pnm'
)  # fmt: skip
#: Other pictures, which are not read.
OTHER_IMAGES = ('.gif', '.pbm', '.jp2', '.heic', '.avif', '.exr', '.hdr', '.dng')
_SAME = {'.jpeg': '.jpg', '.tiff': '.tif', '.pgm': '.pnm', '.ppm': '.pnm'}
#: Digits of a frame number; what has more is no number of a frame.
MOST_DIGITS = 18
# A name may hold more numbers than one; so many of them, from its end, may be the
# frame's.
_MOST_NUMBERS = 4
_NUMBER = re.compile('[0-9]+')
# Copies of one picture; what has more is a set of its own, such as 's5 (1)' to
# 's5 (60)' beside 's5'.
_MOST_COPIES = 9
# What programs add to the name of a file that they copy, or make small.
_WORDS = 'copy|copie|copia|kopie|cópia|копия|副本|コピー|thumb|thumbnail|preview'
_BEFORE_COPY = re.compile('copy of |copie de |copia de |kopie von |копия ', re.I)
_AFTER_COPY = re.compile(
    rf'(?:[ _.-]{{0,3}}\(?(?:another |\d\d?(?:st|nd|rd|th) )?(?:{_WORDS})\)?'
    rf'(?:[ _-]?\(?\d+\)?)?| ?\(\d+\)| \d+)$',
    re.IGNORECASE,
)
_FRACTION = re.compile(r'(?<![0-9.,])0[.,]$')
_DECIMAL = re.compile(r'(?<![0-9.,])(0|[1-9][0-9]*)[.,][0-9]+(?![0-9.,])')


class FrameNameError(ValueError):
    """Names that cannot be the frames of one clip; the text does not name the folder.

    Attributes:
        twice: Two files that are one frame, and its number; None for other faults.
    """

    def __init__(self, text: str, twice: tuple[str, str, int] | None = None) -> None:
        super().__init__(text)
        self.twice = twice


@dataclass(frozen=True)
class Named:
    """The frames of a clip, by their names.

    Attributes:
        template: Their names with ``{}`` for the number, as most of them spell it.
        files: Name by frame number, in the order of the numbers.
        others: Names of the other pictures, which are no frames.
    """

    template: str
    files: dict[int, str]
    others: tuple[str, ...]


def ending_of(name: str) -> str:
    """Return the one ending of a kind of picture, empty for what is no picture.

    >>> ending_of('img5.JPEG'), ending_of('img5.tif'), ending_of('notes.txt')
    ('.jpg', '.tif', '')
    """
    ending = os.path.splitext(name)[1].lower()
    return _SAME.get(ending, ending) if ending in IMAGES else ''


def by_template(names: Iterable[str], around: tuple[str, str]) -> dict[int, str]:
    """Find the frames that a template names.

    Names that fit it to the letter come first. Others that differ from it in the case
    of letters or in the ending (``.PNG`` or ``.jpg`` for ``.png``) are frames too
    where none fits to the letter. An ending of which a number is taken already belongs
    to another set of pictures, and is left alone.

    Args:
        names: The files of a folder.
        around: What stands before and after the number, see ``split_template``.

    Returns:
        Name by frame number, in the order of the numbers.

    Raises:
        FrameNameError: Two names are one frame, or the numbers are decimals: 0.015
            comes before 0.03, yet 15 after 3.

    >>> by_template(['img1.png', 'IMG2.PNG', 'img3.jpg', 'depth1.png'], ('img', '.png'))
    {1: 'img1.png', 2: 'IMG2.PNG', 3: 'img3.jpg'}
    """
    before, after = around
    # The text before it, or '.png' alone would count as a name without an ending.
    own = ending_of(f'x{after}')
    stem = os.path.splitext(f'x{after}')[0][1:] if own else after
    exact = re.compile(f'{re.escape(before)}([0-9]+){re.escape(after)}')
    loose = re.compile(f'{re.escape(before)}([0-9]+){re.escape(stem)}', re.IGNORECASE)
    found: dict[int, str] = {}
    widths = set()
    others: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in sorted(names):
        if match := exact.fullmatch(name):
            if len(match[1]) <= MOST_DIGITS:
                _add(found, int(match[1]), name)
                widths.add(len(match[1]))
        elif own and (ending := ending_of(name)):
            match = loose.fullmatch(os.path.splitext(name)[0])
            if match and len(match[1]) <= MOST_DIGITS:
                others[ending].append((int(match[1]), name))
    if len(widths) > 1 and _FRACTION.search(before):
        name = min(found.values())
        raise _decimal(name, os.path.splitext(name)[0])
    alike = [one for one in others.pop(own, ()) if one[0] not in found]
    for number, name in alike:
        _add(found, number, name)
    filled = dict(found)
    for members in others.values():
        if found.keys().isdisjoint(number for number, _ in members):
            for number, name in members:
                _add(filled, number, name)
    return dict(sorted(filled.items()))


def by_number(names: Iterable[str]) -> Named:
    """Find the frames of a clip among pictures of which no template is known.

    The names of frames differ in one number alone; of several such sets the largest
    one is the clip, unless another is half as large. Letters' case and endings make no
    difference.

    Args:
        names: Pictures of a folder.

    Raises:
        FrameNameError: No name holds a number, two names are one frame, two sets may be
            meant, or the names count something else than frames.

    >>> by_number(['img9.JPG', 'img10.jpg', 'img10 (1).jpg', 'apex.png'])
    Named(template='img{}.JPG', files={9: 'img9.JPG', 10: 'img10.jpg'},
          others=('apex.png', 'img10 (1).jpg'))
    """
    stems = {name: os.path.splitext(name)[0] for name in sorted(names)}
    copies: set[str] = set()
    families = _families(stems, 1)
    if len(families) != 1 or len(next(iter(families.values()))) < len(stems):
        copies = _copies(stems)
        families = _families({n: s for n, s in stems.items() if n not in copies})
    if not families:
        raise FrameNameError(
            f'holds no image whose name ends in a number, such as img1.png, but '
            f'{quote(min(stems, default=""))}'
        )
    chosen = families[_largest(families)]
    taken = {one.name for one in chosen}
    known = taken | copies
    rest = {name: stem for name, stem in stems.items() if name not in known}
    _refuse_decimals(chosen, rest)
    _refuse_second(chosen, rest)
    files: dict[int, str] = {}
    for one in sorted(chosen, key=lambda one: (one.number, one.name)):
        _add(files, one.number, one.name)
    spelled = Counter(
        (one.before, one.after + os.path.splitext(one.name)[1]) for one in chosen
    )
    most = min(spelled, key=lambda around: (-spelled[around], around))
    before, after = (part.replace('{', '{{').replace('}', '}}') for part in most)
    others = tuple(name for name in stems if name not in taken)
    return Named(f'{before}{{}}{after}', files, others)


class _Reading(NamedTuple):
    """One way to read a name: the number, and what stands around it."""

    number: int
    name: str
    before: str
    after: str


# What stands around the number, in small letters, and how many numbers follow it.
_Key = tuple[str, str, int]


def _families(
    stems: Mapping[str, str], most: int = _MOST_NUMBERS
) -> dict[_Key, list[_Reading]]:
    """Group names that differ in one number alone, of their last ``most`` ones.

    A name may be in several groups.
    """
    families: dict[_Key, list[_Reading]] = defaultdict(list)
    for name, stem in stems.items():
        numbers = [*_NUMBER.finditer(stem)][-most:]
        for place, match in enumerate(reversed(numbers)):
            if len(match[0]) > MOST_DIGITS:
                continue
            before, after = stem[: match.start()], stem[match.end() :]
            key = before.casefold(), after.casefold(), place
            families[key].append(_Reading(int(match[0]), name, before, after))
    return families


def _largest(families: Mapping[_Key, Sequence[_Reading]]) -> _Key:
    """The largest set; of equal ones that whose number is the last of the name."""
    return max(families, key=lambda key: (len(families[key]), -key[2], key[:2]))


def _copies(stems: Mapping[str, str]) -> set[str]:
    """Find pictures that are called copies or thumbnails of another one."""
    known = {stem.casefold() for stem in stems.values()}
    of: dict[str, list[str]] = defaultdict(list)
    for name, stem in stems.items():
        begin = _BEFORE_COPY.match(stem)
        original = _AFTER_COPY.sub('', stem[begin.end() if begin else 0 :]).casefold()
        if original != stem.casefold() and original in known:
            of[original].append(name)
    return {
        name
        for original, names in of.items()
        if _NUMBER.search(original) and len(names) <= _MOST_COPIES
        for name in names
    }


def _refuse_decimals(chosen: Sequence[_Reading], rest: Mapping[str, str]) -> None:
    """Refuse frames that are named after their times: 0.015 comes before 0.03."""
    heads = {one.before.casefold() for one in chosen}
    widths, numbers = set(), [one.number for one in chosen]
    dense = max(numbers) - min(numbers) < 2 * len(numbers)
    for one in chosen:
        stem = os.path.splitext(one.name)[0]
        start, stop = len(one.before), len(stem) - len(one.after)
        widths.add(stop - start)
        for match in _DECIMAL.finditer(stem):
            if not (match.start() < stop and start < match.end()):
                continue
            # 'cam1.0001' to 'cam1.0060' are frames of the first camera.
            counts = match.end() == stop and stop - start >= 3 and match[1] != '0'
            if not counts or not dense or len(widths) > 1:
                raise _decimal(one.name, match[0])
            heads = {stem[: match.start()].casefold()}
    for name, stem in rest.items():
        match = _DECIMAL.search(stem)
        if match and stem[: match.start()].casefold() in heads:
            raise _decimal(name, match[0])


def _decimal(name: str, number: str) -> FrameNameError:
    return FrameNameError(
        f'{quote(name)}: {number} is a time or another measure, and no number of a '
        f'frame: name the pictures by whole numbers in their order, such as img1, img2'
    )


def _refuse_second(chosen: Sequence[_Reading], rest: Mapping[str, str]) -> None:
    """Refuse a folder of two clips, or of one clip filmed in two ways."""
    if not (others := _families(rest)):
        return
    second = others[_largest(others)]
    if len(second) >= max(2, len(chosen) / 2):
        raise FrameNameError(
            f'holds two sets of pictures, {len(chosen)} such as '
            f'{quote(chosen[0].name)} and {len(second)} such as '
            f'{quote(second[0].name)}, and which are the frames is not known: put the '
            f'others into a folder of their own'
        )


def _add(found: dict[int, str], number: int, name: str) -> None:
    first = found.setdefault(number, name)
    if first != name:
        raise FrameNameError(
            f'{first} and {name} are both frame {number}: remove one of them',
            (first, name, number),
        )
