"""Selection of pairs of an entry point and a file."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from .case import Case
from .entries import Entry

Pair = tuple[Entry, Case]
#: Number of files of a family for each entry point.
SHARE = 2
#: Of the remaining files, one in so many is given to one entry point.
REST = 3
#: Files that are chosen first.
FIRST = frozenset({
    'special/fifo', 'special/sparse', 'weights/os-system', 'weights/pointers',
    'arrays/unpacks', 'packed/model-call-command', 'packed/step-module',
    'pictures/png-20000', 'videos/m3u8', 'annotations/long-frame_dir',
    'tables/unpacks-sheet', 'stores/field-label', 'runs/predictions-fifo',
})  # fmt: skip


def all_pairs(cases: Sequence[Case], entries: Mapping[str, Entry]) -> list[Pair]:
    """List every file with every entry point that reads it."""
    return [
        (entry, case)
        for entry in entries.values()
        for case in cases
        if set(entry.kinds) & set(case.kinds)
    ]


def brief_pairs(cases: Sequence[Case], entries: Mapping[str, Entry]) -> list[Pair]:
    """Choose few pairs: every entry point, family and file of ``FIRST`` occurs in one.

    Probes are run as well. The choice depends on a hash of the names alone, so that it
    is the same in every run.
    """
    uses: Counter[tuple[str, str]] = Counter()
    chosen: list[Pair] = []
    rest = sorted(
        all_pairs(cases, entries),
        key=lambda pair: (
            pair[1].name not in FIRST,
            _drawn(pair[0].name + pair[1].name),
        ),
    )
    for entry, case in rest:
        # A new entry point, a new family or a new file of FIRST.
        new = [('entry', entry.name), ('family', case.family)]
        new += [('case', case.name)] * (case.name in FIRST)
        if any(not uses[one] for one in new):
            chosen.append((entry, case))
            uses.update(new)
    return chosen


def some_pairs(
    cases: Sequence[Case], entries: Mapping[str, Entry], share: int = SHARE
) -> list[Pair]:
    """Choose pairs: each family meets each entry point, and a third of the others one.

    The choice depends on a hash of the names alone and is the same in every run.
    """
    whole = all_pairs(cases, entries)
    by_both: dict[tuple[str, str], list[Case]] = defaultdict(list)
    takers: dict[str, list[Entry]] = defaultdict(list)
    for entry, case in whole:
        by_both[entry.name, case.family].append(case)
        takers[case.name].append(entry)
    chosen: set[tuple[str, str]] = set()
    for (name, _), found in by_both.items():
        found.sort(key=lambda case: (case.name not in FIRST, _drawn(name + case.name)))
        chosen |= {(name, case.name) for case in found[:share]}
    given = {case for _, case in chosen}
    first = {case.name: case.kinds[0] for case in cases}
    for case, found_entries in takers.items():
        if case not in given and _drawn(case) % REST == 0:
            # Prefer entry points of its intended kind.
            meant = [
                one for one in found_entries if first[case] in one.kinds
            ] or found_entries
            entry = min(meant, key=lambda one: _drawn(one.name + case))
            chosen.add((entry.name, case))
    return [(entry, case) for entry, case in whole if (entry.name, case.name) in chosen]


def _drawn(text: str) -> int:
    return zlib.crc32(text.encode())
