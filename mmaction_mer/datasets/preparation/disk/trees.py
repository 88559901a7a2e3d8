"""Several copies of a release below one folder: which of them is meant is asked."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ....utils.errors import MERDataError
from .names import Key
from .walk import Place


def check_trees(root: Path, found: dict[Key, list[Place]]) -> None:
    """Refuse a release that holds its clips in several trees; the message lists them.

    Raises:
        MERDataError: A clip lies in two places.
    """
    clashes = {name: group for name, group in found.items() if len(group) > 1}
    if not clashes:
        return
    name, (first, second, *_) = next(iter(clashes.items()))
    heads = {head for group in clashes.values() for head in _heads(group)}
    counts = Counter(
        head
        for group in found.values()
        for place in group
        for head in heads
        if place.parts[: len(head)] == head
    )
    more = f', and {len(clashes) - 1} more clip(s) twice' if len(clashes) > 1 else ''
    text = (
        f'{root}: clip {"/".join(name)} lies in {first.path} and in {second.path}'
        f'{more}: give one copy as --root'
    )
    pairs = itertools.permutations(heads, 2)
    nested = any(one == other[: len(one)] for one, other in pairs)
    # Two folders of one person are no trees of which one can be chosen.
    covered = sum(counts.values()) >= sum(map(len, found.values()))
    if len(heads) < 2 or nested or not covered:
        raise MERDataError(f'{text}, or move the other one away')
    choices = [
        f'  --root "{_folder(head, found)}" ({counts[head]} clips)'
        for head in sorted(heads)
    ]
    deep = any(len(head) > 1 for head in heads)
    sheet = ' (with --sheet, where the spreadsheet lies elsewhere)' if deep else ''
    raise MERDataError('\n'.join([f'{text}{sheet}:', *choices]))


def _folder(head: tuple[str, ...], found: dict[Key, list[Place]]) -> Path:
    """Return the folder of that name as it is spelled on disk."""
    places = (place for group in found.values() for place in group)
    place = next(place for place in places if place.parts[: len(head)] == head)
    return place.path.parents[len(place.parts) - len(head) - 1]


def _heads(group: Sequence[Place]) -> list[tuple[str, ...]]:
    """The folders in which the places of one clip differ."""
    paths = [place.parts for place in group]
    same = 0
    shortest = min(map(len, paths))
    while same < shortest and len({parts[-1 - same].casefold() for parts in paths}) < 2:
        same += 1
    heads = [parts[: len(parts) - same] for parts in paths]
    first = 0
    # Only so many folders down as are needed to tell them apart.
    while first < min(map(len, heads)) and len({head[first] for head in heads}) < 2:
        first += 1
    return [head[: first + 1] for head in heads]
