"""Reject a folder that contains several copies of a release."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ....utils.errors import MERDataError
from .names import Key
from .scan import ClipEntry


def check_duplicate_trees(root: Path, found: Mapping[Key, Sequence[ClipEntry]]) -> None:
    """Check that each clip of a release is in one place.

    Raises:
        MERDataError: A clip is in two places; the message lists the subfolders that
            can be given as the release instead, each with its number of clips.
    """
    clashes = {name: group for name, group in found.items() if len(group) > 1}
    if not clashes:
        return
    name, (first, second, *_) = next(iter(clashes.items()))
    heads = {head for group in clashes.values() for head in _heads(group)}
    counts = Counter(
        head
        for group in found.values()
        for entry in group
        for head in heads
        if entry.parts[: len(head)] == head
    )
    more = f', and {len(clashes) - 1} more clip(s) twice' if len(clashes) > 1 else ''
    problem = f'is in {first.path} and in {second.path}{more}'
    hint = 'give one copy as --root'
    pairs = itertools.permutations(heads, 2)
    nested = any(one == other[: len(one)] for one, other in pairs)
    # Two folders of one subject are not two trees of which one can be chosen.
    covered = sum(counts.values()) >= sum(map(len, found.values()))
    if len(heads) < 2 or nested or not covered:
        hint += ', or move the other one away'
    else:
        if any(len(head) > 1 for head in heads):
            hint += ' (with --sheet, if the spreadsheet is elsewhere)'
        choices = (
            f'\n  --root "{_folder(head, found)}" ({counts[head]} clips)'
            for head in sorted(heads)
        )
        hint += f':{"".join(choices)}'
    raise MERDataError(problem, path=root, clip='/'.join(name), hint=hint)


def _folder(head: tuple[str, ...], found: Mapping[Key, Sequence[ClipEntry]]) -> Path:
    """Return the folder of that name as it is spelled on disk."""
    entries = itertools.chain(*found.values())
    entry = next(entry for entry in entries if entry.parts[: len(head)] == head)
    return entry.path.parents[len(entry.parts) - len(head) - 1]


def _heads(group: Sequence[ClipEntry]) -> list[tuple[str, ...]]:
    """Return the folders in which the paths of one clip differ."""
    paths = [entry.parts for entry in group]
    same = 0
    shortest = min(map(len, paths))
    while same < shortest and len({parts[-1 - same].casefold() for parts in paths}) < 2:
        same += 1
    heads = [parts[: len(parts) - same] for parts in paths]
    first = 0
    # Only as many levels as are needed to distinguish them.
    while first < min(map(len, heads)) and len({head[first] for head in heads}) < 2:
        first += 1
    return [head[: first + 1] for head in heads]
