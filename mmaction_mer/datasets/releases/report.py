"""The report of a prepared release: what came out, what differs, row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..labels import Counts, LabelMap, compare_counts, count_classes
from .findings import Clip, Finding


@dataclass(frozen=True)
class Comparison:
    """One label map of a release against the counts of a complete one.

    Attributes:
        labels: Name of the label map.
        clips: Number of clips by class.
        subjects: Number of subjects.
        expected: Counts of a complete release; None where none are known.
        differences: One line per difference, empty where all is as it should be.
        lost: Clips of the map that were read but left out, with the reason.
        unexplained: Classes whose difference is not that of the clips left out.
        others: Number of clips by emotion that the map leaves out on purpose.
    """

    labels: str
    clips: Mapping[str, int]
    subjects: int
    expected: Counts | None
    differences: list[str]
    lost: list[str]
    unexplained: list[str]
    others: Mapping[str, int]


def compare(
    labels: LabelMap,
    variant: str,
    read: Sequence[Clip],
    used: Sequence[Clip],
    findings: Sequence[Finding],
) -> Comparison:
    """Compare a label map's clips with a complete release, clip by clip.

    Args:
        labels: The label map.
        variant: The edition of the release.
        read: All clips that the release describes.
        used: Those of them that can be used.
        findings: Why the others cannot.

    Returns:
        The comparison.
    """
    kept = {clip.title for clip in used}
    reasons = {
        finding.clip: finding for finding in findings if finding.action == 'skipped'
    }
    classes = {clip.title: labels.class_of(clip.emotion, clip.title) for clip in read}
    found = count_classes(classes[clip.title] or '' for clip in used)
    found.pop('', None)
    lost = [clip for clip in read if clip.title not in kept and classes[clip.title]]
    counts = labels.counts_for(variant)
    subjects = len({clip.subject for clip in used if classes[clip.title]})
    differences = compare_counts(counts, found, subjects) if labels.expected else []
    lost_by_class = Counter(classes[clip.title] for clip in lost)
    unexplained = []
    if counts is not None:
        for name in sorted({*counts.clips, *found}):
            gap = counts.clips.get(name, 0) - found.get(name, 0)
            if gap != lost_by_class[name]:
                rows = found.get(name, 0) + lost_by_class[name]
                unexplained.append(
                    f'{name}: {rows} rows of this class, {counts.clips.get(name, 0)} '
                    f'in a complete release'
                )
    others = Counter(clip.emotion for clip in used if classes[clip.title] is None)
    return Comparison(
        labels.name,
        found,
        subjects,
        counts,
        differences,
        [str(reasons.get(clip.title, clip.title)) for clip in lost],
        unexplained if differences else [],
        dict(sorted(others.items())),
    )


def as_json(
    title: str,
    source: str,
    variant: str,
    habits: str,
    rows: int,
    comparisons: Sequence[Comparison],
    findings: Sequence[Finding],
    faces: Mapping[str, int],
) -> dict[str, Any]:
    """Collect a report for ``report.json``."""
    actions = Counter(finding.action for finding in findings)
    return {
        'release': title,
        'spreadsheet': source,
        'edition': variant,
        'numbering': habits,
        'rows': rows,
        'actions': dict(sorted(actions.items())),
        'faces': dict(faces),
        'labels': [
            {**vars(one), 'expected': _counts_as_json(one.expected)}
            for one in comparisons
        ],
        'findings': [asdict(finding) for finding in findings],
    }


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write a report for people, from what :func:`as_json` gives."""
    actions = ', '.join(f'{n} {name}' for name, n in report['actions'].items())
    lines = [
        f'# {report["release"]}',
        '',
        f'- rows: {report["rows"]}'
        + (f' of {report["spreadsheet"]}' if report['spreadsheet'] else ' (folders)'),
    ]
    if report['edition']:
        lines.append(f'- edition of the sheet, by its rows: {report["edition"]}')
    lines.append(f'- {report["numbering"]}')
    if report['faces']:
        faces = ', '.join(f'{n} {how}' for how, n in report['faces'].items())
        lines.append(f'- faces found: {faces}')
    lines += [f'- findings: {actions or "none"}', '']
    for one in report['labels']:
        lines += [f'## {one["labels"]}', '', *_label_table(one), '']
    if report['findings']:
        lines += [
            '## Findings',
            '',
            '| row | clip | field | what was done | reason |',
            '|---:|---|---|---|---|',
        ]
        lines += [
            '| '
            + ' | '.join(
                _cell(finding[key])
                for key in ('row', 'clip', 'field', 'action', 'reason')
            )
            + ' |'
            for finding in report['findings']
        ]
    return '\n'.join(lines).rstrip() + '\n'


def _counts_as_json(counts: Counts | None) -> dict[str, Any] | None:
    if counts is None:
        return None
    return {
        'edition': counts.variant,
        'clips': dict(counts.clips),
        'subjects': counts.subjects,
    }


def _label_table(one: Mapping[str, Any]) -> list[str]:
    expected = one['expected']
    names = sorted({*one['clips'], *(expected['clips'] if expected else ())})
    lines = ['| class | clips | complete release |', '|---|---:|---:|']
    for name in names:
        wanted = expected['clips'].get(name, 0) if expected else '-'
        lines.append(f'| {name} | {one["clips"].get(name, 0)} | {wanted} |')
    total = sum(expected['clips'].values()) if expected else '-'
    people = expected['subjects'] if expected and expected['subjects'] else '-'
    lines += [
        f'| all | {sum(one["clips"].values())} | {total} |',
        f'| subjects | {one["subjects"]} | {people} |',
        '',
    ]
    if one['others']:
        others = ', '.join(f'{name} {n}' for name, n in one['others'].items())
        lines += [f'Not among these classes: {others}.', '']
    if not expected:
        lines.append('No counts of a complete release are known for these labels.')
    elif not one['differences']:
        lines.append('As in a complete release.')
    else:
        lines += ['Differs from a complete release:', '']
        lines += [f'- {line}' for line in one['differences']]
        lines += [f'- left out: {line}' for line in one['lost']]
        lines += [f'- not explained by clips left out: {x}' for x in one['unexplained']]
    return lines


def _cell(value: Any) -> str:
    text = '' if value is None else str(value)
    return ' '.join(text.replace('|', '\\|').split())
