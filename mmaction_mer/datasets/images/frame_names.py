"""Find the frames of one clip among file names, with or without a template.

Training and checking list the frames of a clip by a template, preparation and
prediction without one. The functions work on names and do not access the disk.
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
#: Suffixes of other images, which are not supported.
OTHER_IMAGES = ('.gif', '.pbm', '.jp2', '.heic', '.avif', '.exr', '.hdr', '.dng')
_SAME = {'.jpeg': '.jpg', '.tiff': '.tif', '.pgm': '.pnm', '.ppm': '.pnm'}
#: Maximum digits of a frame number.
MAX_DIGITS = 18
# A name may contain several numbers; each of the last four may be the frame number.
_MAX_NUMBERS = 4
_NUMBER = re.compile('[0-9]+')
# Copies of one image; more than these are another set of images, such as 's5 (1)' to
# 's5 (60)' beside 's5'.
_MAX_COPIES = 9
# Words that programs add to the names of copies and thumbnails.
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
    """File names that cannot be the frames of one clip."""


@dataclass(frozen=True)
class NamedFrames:
    """The frames of a clip, found by their names.

    Attributes:
        template: Their name with ``{}`` for the number, as most of them are spelled.
        files: Name by frame number, in the order of the numbers.
        others: Names of the other images, which are not frames.
    """

    template: str
    files: dict[int, str]
    others: tuple[str, ...]


def image_suffix(name: str) -> str:
    """Return the canonical suffix of an image; empty for other files.

    >>> image_suffix('img5.JPEG'), image_suffix('img5.tif'), image_suffix('notes.txt')
    ('.jpg', '.tif', '')
    """
    ending = os.path.splitext(name)[1].lower()
    return _SAME.get(ending, ending) if ending in IMAGES else ''


def by_template(names: Iterable[str], around: tuple[str, str]) -> dict[int, str]:
    """Find the frames that match a template.

    Names that match exactly have priority. Names that differ in case or suffix
    (``.PNG`` or ``.jpg`` for ``.png``) are used for numbers without an exact match,
    but not those of a suffix one of whose numbers is already taken: they belong to
    another set of images.

    Args:
        names: The files of a folder.
        around: Text before and after the number, see ``split_template``.

    Returns:
        Name by frame number, in the order of the numbers.

    Raises:
        FrameNameError: Two names have the same number, or the numbers are decimals:
            0.015 is before 0.03, but 15 is after 3.

    >>> by_template(['img1.png', 'IMG2.PNG', 'img3.jpg', 'depth1.png'], ('img', '.png'))
    {1: 'img1.png', 2: 'IMG2.PNG', 3: 'img3.jpg'}
    """
    before, after = around
    # With a prefix, since '.png' alone counts as a name without a suffix.
    own = image_suffix(f'x{after}')
    stem = os.path.splitext(f'x{after}')[0][1:] if own else after
    exact = re.compile(f'{re.escape(before)}([0-9]+){re.escape(after)}')
    loose = re.compile(f'{re.escape(before)}([0-9]+){re.escape(stem)}', re.IGNORECASE)
    found: dict[int, str] = {}
    widths = set()
    others: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in sorted(names):
        if match := exact.fullmatch(name):
            if len(match[1]) <= MAX_DIGITS:
                _add(found, int(match[1]), name)
                widths.add(len(match[1]))
        elif own and (ending := image_suffix(name)):
            match = loose.fullmatch(os.path.splitext(name)[0])
            if match and len(match[1]) <= MAX_DIGITS:
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


def by_number(names: Iterable[str]) -> NamedFrames:
    """Find the frames of a clip among images without a template.

    The names of frames differ only in one number. If there are several such sets, the
    largest is the clip, unless another one is half as large. Case and suffix are
    ignored.

    Args:
        names: Images of a folder.

    Raises:
        FrameNameError: No name has a number, two names have the same number, two sets
            are possible, or the numbers do not count frames.

    >>> by_number(['img9.JPG', 'img10.jpg', 'img10 (1).jpg', 'apex.png'])
    NamedFrames(template='img{}.JPG', files={9: 'img9.JPG', 10: 'img10.jpg'},
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
            f'contains no image whose name ends in a number, such as img1.png, but '
            f'{quote(min(stems, default=""))}'
        )
    chosen = families[_largest(families)]
    taken = {one.name for one in chosen}
    known = taken | copies
    rest = {name: stem for name, stem in stems.items() if name not in known}
    _check_decimals(chosen, rest)
    _check_second_set(chosen, rest)
    files: dict[int, str] = {}
    for one in sorted(chosen, key=lambda one: (one.number, one.name)):
        _add(files, one.number, one.name)
    spelled = Counter(
        (one.before, one.after + os.path.splitext(one.name)[1]) for one in chosen
    )
    most = min(spelled, key=lambda around: (-spelled[around], around))
    before, after = (part.replace('{', '{{').replace('}', '}}') for part in most)
    others = tuple(name for name in stems if name not in taken)
    return NamedFrames(f'{before}{{}}{after}', files, others)


class _Parsed(NamedTuple):
    """One way to parse a name: the number, and the text around it."""

    number: int
    name: str
    before: str
    after: str


# Text around the number in lower case, and the count of numbers that follow it.
_Key = tuple[str, str, int]


def _families(
    stems: Mapping[str, str], most: int = _MAX_NUMBERS
) -> dict[_Key, list[_Parsed]]:
    """Group names that differ only in one of their last ``most`` numbers.

    A name may be in several groups.
    """
    families: dict[_Key, list[_Parsed]] = defaultdict(list)
    for name, stem in stems.items():
        numbers = [*_NUMBER.finditer(stem)][-most:]
        for place, match in enumerate(reversed(numbers)):
            if len(match[0]) > MAX_DIGITS:
                continue
            before, after = stem[: match.start()], stem[match.end() :]
            key = before.casefold(), after.casefold(), place
            families[key].append(_Parsed(int(match[0]), name, before, after))
    return families


def _largest(families: Mapping[_Key, Sequence[_Parsed]]) -> _Key:
    """Return the largest set; of equal ones, that with the last number of the name."""
    return max(families, key=lambda key: (len(families[key]), -key[2], key[:2]))


def _copies(stems: Mapping[str, str]) -> set[str]:
    """Find images named as copies or thumbnails of another one."""
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
        if _NUMBER.search(original) and len(names) <= _MAX_COPIES
        for name in names
    }


def _check_decimals(chosen: Sequence[_Parsed], rest: Mapping[str, str]) -> None:
    """Check that frames are not named after times, such as 0.015 before 0.03."""
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
            # 'cam1.0001' to 'cam1.0060' are frames of camera 1, not decimals.
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
        f'{quote(name)}: {number} is a time or another measure, not a frame number; '
        f'name the images by integers in their order, such as img1, img2'
    )


def _check_second_set(chosen: Sequence[_Parsed], rest: Mapping[str, str]) -> None:
    """Check that a folder does not contain two clips, or two views of one clip."""
    if not (others := _families(rest)):
        return
    second = others[_largest(others)]
    if len(second) >= max(2, len(chosen) / 2):
        raise FrameNameError(
            f'contains two sets of images, {len(chosen)} such as '
            f'{quote(chosen[0].name)} and {len(second)} such as '
            f'{quote(second[0].name)}; move the one that is not the frames to another '
            f'folder'
        )


def _add(found: dict[int, str], number: int, name: str) -> None:
    first = found.setdefault(number, name)
    if first != name:
        raise FrameNameError(
            f'{quote(first)} and {quote(name)} are both frame {number}; remove one of '
            f'them'
        )
