"""The report of a composite: its counts, compared with those of MEGC 2019."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .labels import MEGC2019, MEGC2019_PARTS, Counts, compare_counts


def make_composite_report(content: Mapping[str, Any]) -> dict[str, Any]:
    """Count a composite, and compare it with MEGC 2019 if it has the same data sets.

    Args:
        content: The content of the composite's annotation file.

    Returns:
        A dict that fits into JSON: ``labels``; ``parts`` and ``all`` with ``clips`` by
        class, ``total``, ``subjects`` and the ``expected`` counts, None if they are not
        published; ``compared_with``; ``differences``, one line each; and ``shared``,
        one line for releases of the same people.
    """
    classes, labels = content['metainfo']['classes'], content['metainfo']['labels']
    rows = content['data_list']
    names = list(dict.fromkeys(map(_release, rows)))
    known = has_known_counts(set(names), labels)
    differences: list[str] = []

    def summarize(name: str, rows: Sequence, counts: Counts | None) -> dict[str, Any]:
        part = _count(rows, classes)
        if counts is None:
            return {**part, 'expected': None}
        lines = compare_counts(counts, part['clips'], part['subjects'])
        differences.extend(f'{name}: {line}' for line in lines)
        clips, total = dict(counts.clips), counts.total
        expected = {'clips': clips, 'total': total, 'subjects': counts.subjects}
        return {**part, 'expected': expected}

    parts = []
    for name in names:
        own = [row for row in rows if _release(row) == name]
        counts = MEGC2019_PARTS[name] if known else None
        parts.append({'dataset': name, **summarize(name, own, counts)})
    whole = summarize('all', rows, MEGC2019.expected[0] if known else None)
    return {
        'labels': labels,
        'compared_with': 'MEGC 2019' if known else None,
        'differences': differences,
        'shared': _describe_shared(rows),
        'parts': parts,
        'all': whole,
    }


def has_known_counts(datasets: set[str], labels: str) -> bool:
    """Check whether the counts of a composite are published.

    >>> has_known_counts({'casme2', 'samm', 'smic'}, '3class')
    True
    >>> has_known_counts({'casme2', 'samm'}, '3class')
    False
    """
    return labels == MEGC2019.name and datasets == set(MEGC2019_PARTS)


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return the report of :func:`make_composite_report` as Markdown."""
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


def _describe_shared(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line for each group of releases of the same people."""
    groups: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        releases = groups.setdefault(row['dataset'], {})
        releases.setdefault(_release(row), set()).add(row['subject'])
    lines = []
    for releases in groups.values():
        if len(releases) > 1:
            counts = Counter(who for group in releases.values() for who in group)
            several = sum(n > 1 for n in counts.values())
            lines.append(
                f'{" and ".join(releases)} are of the same people: {several} subjects '
                f'are in more than one of them, and each is one subject here.'
            )
    return lines
