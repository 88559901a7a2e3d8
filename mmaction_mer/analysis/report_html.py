"""A run's result as one web page: nothing beside it, nothing from the network.

The page is ``report_page.html``, filled in here. Whatever comes from a release or a
config is text to it, never markup.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, UndefinedError

from ..evaluation.functional import SCORES
from ..evaluation.predictions import plain_subject
from ..evaluation.summary import SELECTIONS
from ..evaluation.summary_text import missing_lines

#: What the scores are, in words.
MEANINGS = {
    'acc': 'share of all clips that are right',
    'uf1': 'macro F1: mean of the classes’ F1',
    'uar': 'mean of the classes’ recalls',
    'f1_from_macro_pr': 'F1 of macro precision and macro recall',
    'f1_weighted': 'F1 weighted by the clips of a class',
}
#: What a page cannot do without.
REQUIRED = (
    'selection', 'seeds', 'classes', 'clips', 'scores', 'confusion', 'subjects',
    'chance', 'majority', 'majority_class',
)  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """A clip that was taken for another class.

    Attributes:
        clip: Its name.
        truth: Its class.
        prediction: What it was taken for.
        confidence: Probability of that, of 1; over several seeds the mean.
        right: Probability of its true class.
        seeds: In so many seeds the prediction was wrong, and of how many; None for
            one seed.
        pictures: Caption and PNG of each picture.
        problem: Why there are none.
    """

    clip: str
    truth: str
    prediction: str
    confidence: float
    right: float
    seeds: tuple[int, int] | None = None
    pictures: Sequence[tuple[str, bytes]] = ()
    problem: str = ''


def report_page(
    results: Mapping[str, Any],
    pictures: Mapping[str, bytes] | None = None,
    mistakes: Sequence[Mistake] = (),
    config: str = '',
    title: str = '',
    notes: Sequence[str] = (),
    figures: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Write a run's result as HTML.

    Args:
        results: What ``summarize_run`` or ``summarize_seeds`` returned; the cost of
            training is in ``extra`` and may be missing.
        pictures: PNG files by ``'confusion'`` (the matrix) and ``'clip'`` (a clip as
            the model sees it).
        mistakes: The most confident ones, worst first.
        config: Text of the config.
        title: Name of the run.
        notes: What a reader has to know besides, a sentence each.
        figures: Caption and PNG file of whatever else was drawn of the run.

    Returns:
        The page; it asks for no other file.

    Raises:
        ValueError: The results lack a field, which is named.
    """
    if lacking := [field for field in REQUIRED if field not in results]:
        raise ValueError(f'the results have no field {lacking[0]!r}')
    extra = results.get('extra') or {}
    marks = [SELECTIONS['test']] if results['selection'] == 'test' else []
    if seen := extra.get('tested_on_subjects_seen_in_pretraining'):
        marks.append(f'subjects of {", ".join(seen)} seen in pre-training')
    mark = ', '.join(marks)
    datasets = [
        row['dataset'] if isinstance(row, Mapping) else str(row)
        for row in results.get('datasets') or []
    ]
    values = dict(
        title=title or ', '.join(datasets) or 'result',
        mark=mark,
        chosen=SELECTIONS.get(results['selection'], results['selection']),
        counted=_counted(results, datasets),
        unfinished=_unfinished(extra),
        notes=[*_missing(results), *notes, *_unusual(results)],
        level=f'{results.get("interval_level", 0.95):.0%}',
        scores=_scores(results),
        over_seeds=len(results['seeds']) if results.get('per_seed') else 0,
        names=SCORES,
        results=results,
        matrix=_matrix(results),
        groups=_groups(results, datasets),
        mistakes=mistakes,
        pictures=pictures or {},
        figures=figures,
        facts=_facts(results, extra),
        versions=extra.get('versions') or {},
        seconds=extra.get('fold_seconds') or {},
        config=config,
    )
    try:
        return _template().render(values)
    except UndefinedError as error:
        raise ValueError(f'the results lack a field: {error}') from error


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, png=_png)
    text = Path(__file__).with_name('report_page.html').read_text(encoding='utf-8')
    return environment.from_string(text)


def percent(value: float | None) -> str:
    """Write a fraction of 1 in percent, as the printed report does.

    >>> percent(0.92499), percent(None)
    ('92.50', '–')
    """
    return '–' if value is None else f'{100 * value:.2f}'


def _png(picture: bytes) -> str:
    """Put a picture into the page itself."""
    return f'data:image/png;base64,{base64.b64encode(picture).decode("ascii")}'


def _count(number: int, what: str) -> str:
    return f'{number:,} {what}{"s" if number != 1 else ""}'


def _counted(results: Mapping[str, Any], datasets: Sequence[str]) -> list[str]:
    seeds = results['seeds']
    counted = [
        ', '.join(datasets),
        _count(results['clips'], 'clip'),
        _count(len(results['subjects']), 'subject'),
        _count(len(results['folds']), 'fold') if results.get('folds') else '',
        f'seed{"s" if len(seeds) > 1 else ""} {", ".join(map(str, seeds))}'
        if seeds
        else 'seed not known',
    ]
    return [part for part in counted if part]


def _unfinished(extra: Mapping[str, Any]) -> str:
    """Say that folds are missing, which makes the scores those of some subjects."""
    folds = extra.get('folds')
    if not isinstance(folds, Mapping) or not {'done', 'of'} <= folds.keys():
        return ''
    done = len(folds['done'])
    if done >= folds['of']:
        return ''
    return (
        f'{done} of {folds["of"]} folds are done: these are the scores of their '
        f'subjects alone'
    )


def _missing(results: Mapping[str, Any]) -> list[str]:
    """Name the folds that are missing and why, a sentence for all of them."""
    lines = [line.strip() for line in missing_lines(results)]
    return [f'{lines[0]}. {"; ".join(lines[1:])}.'] if lines else []


def _unusual(results: Mapping[str, Any]) -> list[str]:
    lines = []
    if names := results.get('absent_classes'):
        lines.append(
            f'No clip and no prediction, left out of every mean: {", ".join(names)}'
        )
    if names := results.get('classes_without_clips'):
        lines.append(
            f'Predicted but no clip, F1 0 in uf1, left out of uar: {", ".join(names)}'
        )
    return lines


def _scores(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    intervals = results.get('intervals') or {}
    deviations = results.get('deviations') or {}
    return [
        {
            'name': name,
            'meaning': MEANINGS[name],
            'value': results['scores'][name],
            'deviation': deviations.get(name),
            'ends': intervals.get(name),
            # Only the accuracy has a level that is reached without looking.
            'chance': results['majority'] if name == 'acc' else None,
        }
        for name in SCORES
        if name in results['scores']
    ]


def _matrix(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for index, (name, counts) in enumerate(
        zip(results['classes'], results['confusion'], strict=True)
    ):
        clips = sum(counts)
        rows.append(
            {
                'name': name,
                'cells': [(count, count / clips if clips else 0) for count in counts],
                'clips': clips,
                'recall': counts[index] / clips if clips else None,
            }
        )
    return rows


def _groups(
    results: Mapping[str, Any], datasets: Sequence[str]
) -> list[dict[str, Any]]:
    """The tables of data sets, subjects and folds, each with a bar per row."""
    subjects = []
    for row in results['subjects']:
        name = row['subject']
        if len(datasets) > 1:
            name = f'{row["dataset"]}/{plain_subject(row["dataset"], name)}'
        subjects.append({**row, 'name': name})
    groups = [{'title': 'Subjects', 'one': 'subject', 'rows': subjects}]
    sets = [row for row in results.get('datasets') or [] if isinstance(row, Mapping)]
    if len(sets) > 1:
        rows = [{**row, 'name': row['dataset']} for row in sets]
        groups.insert(
            0, {'title': 'Data sets, each alone', 'one': 'data set', 'rows': rows}
        )
    folds = results.get('folds') or []
    # Where the folds are the subjects or the data sets, one table is enough.
    cut = sorted((row['fold'], row['clips']) for row in folds)
    known = [
        sorted((row[what], row['clips']) for row in rows)
        for what, rows in (('subject', results['subjects']), ('dataset', sets))
    ]
    if folds and cut not in known:
        rows = [{**row, 'name': row['fold']} for row in folds]
        groups.append({'title': 'Folds', 'one': 'fold', 'rows': rows})
    return groups


def _facts(
    results: Mapping[str, Any], extra: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What the run was and what it took; what is not known is left out."""

    def told(name: str) -> Any:
        return extra.get(name, results.get(name))

    facts: list[tuple[str, str]] = []
    folds = told('folds')
    if isinstance(folds, Mapping) and {'done', 'of'} <= folds.keys():
        facts.append(('folds done', f'{len(folds["done"])} of {folds["of"]}'))
    if isinstance(protocol := told('protocol'), Mapping):
        facts.append(
            ('protocol', ', '.join(f'{key} {item}' for key, item in protocol.items()))
        )
    elif protocol:
        facts.append(('protocol', str(protocol)))
    for name in ('method', 'strategy', 'fingerprint'):
        if told(name):
            facts.append((name, str(told(name))))
    for seed, value in (told('fingerprints') or {}).items():
        facts.append((f'fingerprint, seed {seed}', str(value)))
    learned = told('parameters')
    if isinstance(learned, Mapping) and {'trainable', 'total'} <= learned.keys():
        facts.append(
            (
                'trainable parameters',
                f'{learned["trainable"]:,} of {learned["total"]:,}',
            )
        )
    if told('wall_time_s') is not None:
        facts.append(('wall time', duration(told('wall_time_s'))))
    if told('clips_trained') is not None:
        facts.append(('clips trained on', f'{told("clips_trained"):,}'))
    if told('clips_per_s') is not None:
        facts.append(('clips per second', f'{told("clips_per_s"):,.1f}'))
    if told('gpu_hours') is not None:
        facts.append(('GPU hours', f'{told("gpu_hours"):.3f}'))
    return facts


def duration(seconds: float) -> str:
    """Write a time in the units in which it is thought of.

    >>> duration(42.24), duration(166), duration(7384)
    ('42.2 s', '2 min 46 s', '2 h 3 min')
    """
    if seconds < 60:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60:,} h {minutes % 60} min'
