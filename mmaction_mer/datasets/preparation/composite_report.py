"""The report of a composite: what is in it, and whether MEGC 2019 had the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .labels import MEGC2019, MEGC2019_PARTS, Counts, compare_counts


def report_on(content: Mapping[str, Any]) -> dict[str, Any]:
    """Count a composite, and compare it with that of MEGC 2019 where it is meant.

    Args:
        content: The content of the composite's annotation file.

    Returns:
        A dict that fits into JSON: ``labels``; ``parts`` and ``all`` with ``clips`` by
        class, ``total``, ``subjects`` and what is ``expected`` of them, None where
        nothing is published; ``compared_with``; ``differences``, one line each; and
        ``shared``, one line for releases of the same people.
    """
    classes, labels = content['metainfo']['classes'], content['metainfo']['labels']
    rows = content['data_list']
    names = list(dict.fromkeys(map(_release, rows)))
    known = known_counts(set(names), labels)
    parts = [
        {
            'dataset': name,
            **_count([row for row in rows if _release(row) == name], classes),
            'expected': _as_json(MEGC2019_PARTS[name]) if known else None,
        }
        for name in names
    ]
    whole = _count(rows, classes)
    differences = []
    if known:
        for part in parts:
            lines = compare_counts(
                MEGC2019_PARTS[part['dataset']], part['clips'], part['subjects']
            )
            differences += [f'{part["dataset"]}: {line}' for line in lines]
        lines = compare_counts(MEGC2019.expected[0], whole['clips'], whole['subjects'])
        differences += [f'all: {line}' for line in lines]
    return {
        'labels': labels,
        'compared_with': 'MEGC 2019' if known else None,
        'differences': differences,
        'shared': _shared(rows),
        'parts': parts,
        'all': {**whole, 'expected': _as_json(MEGC2019.expected[0]) if known else None},
    }


def known_counts(datasets: set[str], labels: str) -> bool:
    """Tell whether it is published what a composite counts.

    >>> known_counts({'casme2', 'samm', 'smic'}, '3class')
    True
    >>> known_counts({'casme2', 'samm'}, '3class')
    False
    """
    return labels == MEGC2019.name and datasets == set(MEGC2019_PARTS)


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write a report for people, from what :func:`report_on` gives."""
    classes = list(report['all']['clips'])
    rows = [*report['parts'], {'dataset': 'all', **report['all']}]
    lines = [
        f'# {"+".join(row["dataset"] for row in rows[:-1])}, {report["labels"]}',
        '',
        f'| data set | {" | ".join(classes)} | clips | subjects |',
        f'|---|{"---:|" * (len(classes) + 2)}',
    ]
    for row in rows:
        wanted = row['expected'] or row
        pairs = [(row['clips'][name], wanted['clips'][name]) for name in classes]
        pairs += [(row[key], wanted[key]) for key in ('total', 'subjects')]
        cells = [f'{n}' if n == m else f'{n} (not {m})' for n, m in pairs]
        lines.append(f'| {row["dataset"]} | {" | ".join(cells)} |')
    lines += ['', *(f'{line}\n' for line in report['shared'])]
    if report['compared_with'] is None:
        lines.append('No counts are published for these data sets and labels.')
    elif not report['differences']:
        lines.append(f'As in {report["compared_with"]}.')
    else:
        lines += [f'Differs from {report["compared_with"]}:', '']
        lines += [f'- {line}' for line in report['differences']]
        lines += ['', 'Which clips differ: see report.md of each prepared data set.']
    return '\n'.join(lines) + '\n'


def _count(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    labels = Counter(row['label'] for row in rows)
    return {
        'clips': {name: labels[label] for label, name in enumerate(classes)},
        'total': len(rows),
        'subjects': len({(row['dataset'], row['subject']) for row in rows}),
    }


def _release(row: Mapping[str, Any]) -> str:
    return row.get('release', row['dataset'])


def _shared(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say who is in several releases."""
    people: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        releases = people.setdefault(row['dataset'], {})
        releases.setdefault(_release(row), set()).add(row['subject'])
    lines = []
    for releases in people.values():
        if len(releases) > 1:
            counts = Counter(who for group in releases.values() for who in group)
            several = sum(n > 1 for n in counts.values())
            lines.append(
                f'{" and ".join(releases)} are of the same people: {several} subjects '
                f'are in more than one of them, and each is one subject here.'
            )
    return lines


def _as_json(counts: Counts) -> dict[str, Any]:
    return {
        'clips': dict(counts.clips),
        'total': counts.total,
        'subjects': counts.subjects,
    }
