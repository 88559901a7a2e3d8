"""The report of a prepared release: what came out, what differs, row by row."""

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
from .issues import Clip, Finding, Reading
from .labels import LabelMap, compare_counts, count_classes, emotion_key

Report = dict[str, Any]


def make_report(
    title: str,
    reading: Reading,
    numbering: str,
    maps: Sequence[LabelMap],
    used: Sequence[Clip],
    findings: Sequence[Finding],
    faces: Mapping[str, int],
) -> Report:
    """Say what came out of a release.

    Args:
        title: What was read.
        reading: What the reader has read.
        numbering: How the release numbers its frames, in words.
        maps: The label maps.
        used: The clips that can be used.
        findings: What was found.
        faces: Number of faces by how they were found.

    Returns:
        The content of ``report.json``.
    """
    found = [*findings, *_strange_emotions(used, maps)]
    found.sort(key=lambda one: (one.row is None, one.row or 0, one.clip))
    actions = Counter(one.action for one in found)
    return {
        'release': title,
        'spreadsheet': reading.source,
        'edition': reading.variant,
        'numbering': numbering,
        'rows': reading.rows,
        'clips': len(used),
        # A row may have more than one fault.
        'skipped': len({(f.row, f.clip) for f in found if f.action == 'skipped'}),
        'actions': dict(sorted(actions.items())),
        'faces': dict(faces),
        'labels': [
            compare(one, reading.variant, [*reading.clips, *reading.lost], used, found)
            for one in maps
        ],
        'findings': [_writable(asdict(one)) for one in found],
    }


def _writable(finding: dict[str, Any]) -> dict[str, Any]:
    """Write out the bytes of file names that are not in this machine's encoding."""
    return {
        key: value.encode('utf-8', 'backslashreplace').decode()
        if isinstance(value, str)
        else value
        for key, value in finding.items()
    }


def write_report(folder: Path, report: Report, name: str = 'report') -> None:
    """Write a report as a JSON file and as a Markdown file of one name."""
    write_json(folder / f'{name}.json', report)
    atomic_write(folder / f'{name}.md', as_markdown(report))


def compare(
    labels: LabelMap,
    variant: str,
    read: Sequence[Clip],
    used: Sequence[Clip],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Compare a label map's clips with a complete release, clip by clip.

    Args:
        labels: The label map.
        variant: The edition of the release.
        read: All clips that the release describes.
        used: Those of them that can be used.
        findings: Why the others cannot.

    Returns:
        ``labels``, ``clips`` by class, ``subjects``, ``expected`` (None where no counts
        are known); ``differences``, one line each; ``lost``, the clips of these classes
        that were read but left out, with the reason; ``unexplained``, the classes whose
        difference is not that of the clips left out; ``others``, the number of clips by
        emotion that the map leaves out on purpose; ``excluded``, those of them that it
        leaves out by name.
    """
    classes = {id(clip): labels.class_of(clip.emotion, clip.title) for clip in read}
    kept = {(clip.row, clip.title) for clip in used}
    named = [labels.class_of(clip.emotion, clip.title) for clip in used]
    found = count_classes(filter(None, named))
    lost = [
        clip
        for clip in read
        if (clip.row, clip.title) not in kept and classes[id(clip)]
    ]
    counts = labels.counts_for(variant)
    subjects = len(
        {clip.subject for clip, name in zip(used, named, strict=True) if name}
    )
    differences = compare_counts(counts, found, subjects) if labels.expected else []
    lost_by_class = Counter(classes[id(clip)] for clip in lost)
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
    others = Counter(
        clip.emotion for clip, name in zip(used, named, strict=True) if name is None
    )
    excluded = [
        clip.title
        for clip, name in zip(used, named, strict=True)
        if name is None and labels.class_of(clip.emotion)
    ]
    return {
        'labels': labels.name,
        'clips': found,
        'subjects': subjects,
        'expected': counts
        and {
            'edition': counts.variant,
            'clips': dict(counts.clips),
            'total': counts.total,
            'subjects': counts.subjects,
        },
        'differences': differences,
        'lost': [_reason(clip, findings) for clip in lost],
        'unexplained': unexplained,
        'others': dict(sorted(others.items())),
        'excluded': excluded,
    }


def _reason(clip: Clip, findings: Sequence[Finding]) -> str:
    """Why a clip was left out."""
    skipped = [one for one in findings if one.action == 'skipped']
    # A row may make two clips, and a clip that could not be read has no name.
    for same in (
        lambda one: (one.row, one.clip) == (clip.row, clip.title),
        lambda one: clip.row is not None and one.row == clip.row,
    ):
        if found := next(filter(same, skipped), None):
            return str(found)
    return clip.title


def _strange_emotions(clips: Sequence[Clip], maps: Sequence[LabelMap]) -> list[Finding]:
    """Clips that no label map has a class for, because of what they are called."""
    known = set(itertools.chain(*(one.emotions for one in maps)))
    findings = []
    for clip in clips if maps else ():
        if emotion_key(clip.emotion) in known:
            continue
        words = [emotion_key(word) for word in re.split(r'[\s,+/&;]+', clip.emotion)]
        if known.issuperset(words):
            reason = f'{quote(clip.emotion)} is more than one emotion: in no class'
            findings.append(clip.finding('emotion', 'noted', reason))
        else:
            reason = f'{quote(clip.emotion)} is no emotion of this release: in no class'
            findings.append(clip.finding('emotion', 'skipped', reason))
    return findings


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write a report for people, from what :func:`make_report` gives."""
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
    lines.append(f'- clips that can be used: {report["clips"]}')
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


def _label_table(one: Mapping[str, Any]) -> list[str]:
    expected = one['expected']
    names = sorted({*one['clips'], *(expected['clips'] if expected else ())})
    lines = ['| class | clips | complete release |', '|---|---:|---:|']
    for name in names:
        by_class = expected and expected['clips']
        wanted = by_class.get(name, 0) if by_class else '-'
        lines.append(f'| {name} | {one["clips"].get(name, 0)} | {wanted} |')
    total = expected['total'] if expected else '-'
    people = expected['subjects'] if expected and expected['subjects'] else '-'
    lines += [
        f'| all | {sum(one["clips"].values())} | {total} |',
        f'| subjects | {one["subjects"]} | {people} |',
        '',
    ]
    if one['others']:
        others = ', '.join(f'{name} {n}' for name, n in one['others'].items())
        lines += [f'Not among these classes: {others}.', '']
    if one['excluded']:
        lines += [f'Left out by name: {", ".join(one["excluded"])}.', '']
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
