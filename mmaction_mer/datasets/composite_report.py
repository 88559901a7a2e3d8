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
        nothing is published; ``compared_with``; and ``differences``, one line each.
    """
    classes, labels = content['metainfo']['classes'], content['metainfo']['labels']
    rows = content['data_list']
    names = list(dict.fromkeys(row['dataset'] for row in rows))
    known = known_counts(set(names), labels)
    parts = [
        {
            'dataset': name,
            **_count([row for row in rows if row['dataset'] == name], classes),
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
    lines.append('')
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


def _as_json(counts: Counts) -> dict[str, Any]:
    return {
        'clips': dict(counts.clips),
        'total': counts.total,
        'subjects': counts.subjects,
    }
