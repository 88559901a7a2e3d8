"""The report of a prepared release: counts, differences, and the issues row by row."""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...utils.files import atomic_write
from ...utils.json_files import write_json
from ...utils.text import quote
from .issues import Clip, Issue, ParsedRelease
from .labels import LabelMap, compare_counts, count_classes, emotion_key

Report = dict[str, Any]


def make_report(
    title: str,
    release: ParsedRelease,
    numbering: str,
    maps: Sequence[LabelMap],
    used: Sequence[Clip],
    issues: Sequence[Issue],
    faces: Mapping[str, int],
) -> Report:
    """Make the report of a release.

    Args:
        title: Title of the release.
        release: What the reader has returned.
        numbering: Description of how the release numbers its frames.
        maps: The label maps.
        used: The clips that can be used.
        issues: All issues.
        faces: Number of faces by the way in which they were found.

    Returns:
        The content of ``report.json``.
    """
    issues = [*issues, *_unknown_emotions(used, maps)]
    issues.sort(key=lambda one: (one.row is None, one.row or 0, one.clip))
    actions = Counter(one.action for one in issues)
    described = [*release.clips, *release.dropped]
    return {
        'release': title,
        'spreadsheet': release.spreadsheet,
        'edition': release.edition,
        'numbering': numbering,
        'rows': release.rows,
        'clips': len(used),
        # A row may have more than one problem.
        'skipped': len({(one.row, one.clip) for one in issues if _skips(one)}),
        'actions': dict(sorted(actions.items())),
        'faces': dict(faces),
        'labels': [
            compare(one, release.edition, described, used, issues) for one in maps
        ],
        'issues': [
            # File names may contain bytes that are not valid text.
            {
                key: value.encode('utf-8', 'backslashreplace').decode()
                if isinstance(value, str)
                else value
                for key, value in asdict(one).items()
            }
            for one in issues
        ],
    }


def write_report(folder: Path, report: Report, name: str = 'report') -> None:
    """Write a report as JSON and as Markdown."""
    write_json(folder / f'{name}.json', report)
    atomic_write(folder / f'{name}.md', as_markdown(report))


def compare(
    labels: LabelMap,
    edition: str,
    described: Sequence[Clip],
    used: Sequence[Clip],
    issues: Sequence[Issue],
) -> dict[str, Any]:
    """Compare the clips of a label map with a complete release, clip by clip.

    Args:
        labels: The label map.
        edition: The edition of the release.
        described: All clips that the release describes.
        used: Those of them that can be used.
        issues: Why the others cannot.

    Returns:
        ``labels``, ``clips`` by class, ``subjects``, ``expected`` (None if no counts
        are known); ``differences``, one line each; ``lost``, the clips of these classes
        that were left out, with the reason; ``unexplained``, the classes whose
        difference is not that of the clips left out; ``others``, the number of clips by
        emotion that the map leaves out on purpose; ``excluded``, those of them that it
        leaves out by name.
    """
    kept = {(clip.row, clip.title) for clip in used}
    classes = [labels.class_of(clip.emotion, clip.title) for clip in used]
    labeled = [one for one in zip(used, classes, strict=True) if one[1] is not None]
    others = [clip for clip, name in zip(used, classes, strict=True) if name is None]
    found = count_classes(name for _, name in labeled if name)
    subjects = len({clip.subject for clip, _ in labeled})
    lost = [
        (clip, name)
        for clip in described
        if (clip.row, clip.title) not in kept
        if (name := labels.class_of(clip.emotion, clip.title))
    ]
    counts = labels.counts_for(edition)
    differences = compare_counts(counts, found, subjects) if labels.expected else []
    lost_by_class = Counter(name for _, name in lost)
    unexplained = []
    if counts is not None and differences:
        rows = sum(found.values()) + len(lost)
        if not counts.clips and rows != counts.total:
            unexplained.append(f'{rows} clips, {counts.total} in a complete release')
        for name in sorted({*counts.clips, *found} if counts.clips else ()):
            rows = found.get(name, 0) + lost_by_class[name]
            if rows != (wanted := counts.clips.get(name, 0)):
                unexplained.append(
                    f'{name}: {rows} rows of this class, {wanted} in a complete release'
                )
    return {
        'labels': labels.name,
        'clips': found,
        'subjects': subjects,
        'expected': counts
        and {
            'edition': counts.edition,
            'clips': dict(counts.clips),
            'total': counts.total,
            'subjects': counts.subjects,
        },
        'differences': differences,
        'lost': [_lost_reason(clip, issues) for clip, _ in lost],
        'unexplained': unexplained,
        'others': count_classes(clip.emotion for clip in others),
        'excluded': [clip.title for clip in others if labels.class_of(clip.emotion)],
    }


def _skips(issue: Issue) -> bool:
    return issue.action == 'skipped'


def _lost_reason(clip: Clip, issues: Sequence[Issue]) -> str:
    """Return why a clip was left out."""
    # A row may describe two clips, and a clip that could not be parsed has no name.
    for same in (
        lambda one: (one.row, one.clip) == (clip.row, clip.title),
        lambda one: clip.row is not None and one.row == clip.row,
    ):
        if found := next(filter(same, filter(_skips, issues)), None):
            return str(found)
    return clip.title


def _unknown_emotions(clips: Sequence[Clip], maps: Sequence[LabelMap]) -> list[Issue]:
    """Return an issue for each clip whose emotion is not in any label map."""
    known = set(itertools.chain(*(one.emotions for one in maps)))
    issues = []
    for clip in clips if maps else ():
        if emotion_key(clip.emotion) in known:
            continue
        words = [emotion_key(word) for word in re.split(r'[\s,+/&;]+', clip.emotion)]
        if known.issuperset(words):
            reason = f'{quote(clip.emotion)} is more than one emotion: in no class'
            issues.append(clip.issue('emotion', 'noted', reason))
        else:
            reason = f'{quote(clip.emotion)} is unknown for this release: in no class'
            issues.append(clip.issue('emotion', 'skipped', reason))
    return issues


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return a report as Markdown."""
    actions = ', '.join(f'{n} {name}' for name, n in report['actions'].items())
    sheet = f'of {report["spreadsheet"]}' if report['spreadsheet'] else '(folders)'
    lines = [f'# {report["release"]}', '', f'- rows: {report["rows"]} {sheet}']
    if report['edition']:
        lines.append(f'- edition of the spreadsheet, by its rows: {report["edition"]}')
    lines.append(f'- {report["numbering"]}')
    lines.append(f'- clips that can be used: {report["clips"]}')
    if report['faces']:
        faces = ', '.join(f'{n} {how}' for how, n in report['faces'].items())
        lines.append(f'- faces found: {faces}')
    lines += [f'- issues: {actions or "none"}', '']
    for one in report['labels']:
        lines += [f'## {one["labels"]}', '', *_label_table(one), '']
    if report['issues']:
        lines += ['## Issues', '', '| row | clip | field | action | reason |']
        lines.append('|---:|---|---|---|---|')
    for issue in report['issues']:
        keys = ('row', 'clip', 'field', 'action', 'reason')
        lines.append(f'| {" | ".join(_cell(issue[key]) for key in keys)} |')
    return '\n'.join(lines).rstrip() + '\n'


def _label_table(one: Mapping[str, Any]) -> list[str]:
    expected = one['expected'] or {'clips': {}, 'total': '-', 'subjects': None}
    lines = ['| class | clips | complete release |', '|---|---:|---:|']
    for name in sorted({*one['clips'], *expected['clips']}):
        wanted = expected['clips'].get(name, 0) if expected['clips'] else '-'
        lines.append(f'| {name} | {one["clips"].get(name, 0)} | {wanted} |')
    lines += [
        f'| all | {sum(one["clips"].values())} | {expected["total"]} |',
        f'| subjects | {one["subjects"]} | {expected["subjects"] or "-"} |',
        '',
    ]
    if one['others']:
        others = ', '.join(f'{name} {n}' for name, n in one['others'].items())
        lines += [f'Not among these classes: {others}.', '']
    if one['excluded']:
        lines += [f'Left out by name: {", ".join(one["excluded"])}.', '']
    if not one['expected']:
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
