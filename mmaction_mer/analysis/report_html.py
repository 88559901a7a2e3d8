"""The results of a run as one self-contained HTML page, without external resources.

The template is ``report_page.html``. Everything inserted into it is escaped, since
names of clips and configs are untrusted text.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, UndefinedError

from ..evaluation.functional import SCORES
from ..evaluation.summary import SELECTIONS
from ..evaluation.summary_text import (
    class_notes,
    confusion_rows,
    counts_line,
    group_tables,
    missing_lines,
)
from ..visualization.mistake_figure import Mistake
from ..visualization.saving import encode_png

#: Descriptions of the scores.
MEANINGS = {
    'acc': 'fraction of clips classified correctly',
    'uf1': 'macro F1: mean of the classes’ F1',
    'uar': 'mean of the classes’ recalls',
    'f1_from_macro_pr': 'F1 of macro precision and macro recall',
    'f1_weighted': 'mean of the classes’ F1, weighted by their clips',
}
#: Fields of the results that the page requires.
REQUIRED = (
    'selection', 'seeds', 'classes', 'clips', 'scores', 'intervals', 'interval_level',
    'f1_fold_mean', 'confusion', 'datasets', 'subjects', 'folds', 'chance', 'majority',
    'majority_class',
)  # fmt: skip


def report_page(
    results: Mapping[str, Any],
    images: Mapping[str, bytes] | None = None,
    mistakes: Sequence[Mistake] = (),
    config: str = '',
    title: str = '',
    notes: Sequence[str] = (),
    figures: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Render the results of a run as HTML.

    Args:
        results: Result of ``summarize_run`` or ``summarize_seeds``; ``extra``, with the
            cost of training, is optional.
        images: PNG files of the confusion matrix, ``'confusion'``, and of the example
            clip, ``'clip'``. Defaults to None.
        mistakes: The most confident mistakes. Defaults to none.
        config: Text of the config. Defaults to ''.
        title: Name of the run. Defaults to the names of the datasets.
        notes: Remarks at the top of the page, a sentence each. Defaults to none.
        figures: Caption and PNG file of further figures. Defaults to none.

    Returns:
        The page, which loads no other file.

    Raises:
        ValueError: The results lack a field.
    """
    if missing := [field for field in REQUIRED if field not in results]:
        raise ValueError(f'the results have no field {missing[0]!r}')
    extra = results.get('extra') or {}
    marks = [SELECTIONS['test']] if results['selection'] == 'test' else []
    if seen := extra.get('tested_on_subjects_seen_in_pretraining'):
        marks.append(f'subjects of {", ".join(seen)} seen in pre-training')
    mark = ', '.join(marks)
    values = dict(
        title=title or ', '.join(row['dataset'] for row in results['datasets']),
        mark=mark,
        chosen=SELECTIONS.get(results['selection'], results['selection']),
        counted=counts_line(results),
        unfinished=_unfinished(extra),
        notes=[*_missing(results), *notes, *class_notes(results)],
        level=f'{results["interval_level"]:.0%}',
        scores=_scores(results),
        over_seeds=len(results['seeds']) if results.get('per_seed') else 0,
        names=SCORES,
        results=results,
        matrix=confusion_rows(results),
        groups=group_tables(results),
        mistakes=mistakes,
        images=images or {},
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
    environment.filters.update(percent=percent, png=_data_url)
    text = Path(__file__).with_name('report_page.html').read_text(encoding='utf-8')
    return environment.from_string(text)


def percent(value: float | None) -> str:
    """Format a fraction in percent, as the printed report does.

    >>> percent(0.92499), percent(None)
    ('92.50', '–')
    """
    return '–' if value is None else f'{100 * value:.2f}'


def _data_url(image: Any) -> str:
    """Return an image, an RGB array or a PNG file, as a data URL."""
    content = image if isinstance(image, bytes) else encode_png(image)
    return f'data:image/png;base64,{base64.b64encode(content).decode("ascii")}'


def _unfinished(extra: Mapping[str, Any]) -> str:
    """Return a note if folds are not finished, since the scores then lack subjects."""
    folds = extra.get('folds')
    if not isinstance(folds, Mapping) or not {'done', 'of'} <= folds.keys():
        return ''
    done = len(folds['done'])
    if done >= folds['of']:
        return ''
    return (
        f'{done} of {folds["of"]} folds are done: the scores are only of their subjects'
    )


def _missing(results: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the folds that the scores lack, with the reasons."""
    lines = [line.strip() for line in missing_lines(results)]
    return [f'{lines[0]}. {"; ".join(lines[1:])}.'] if lines else []


def _scores(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    intervals = results['intervals'] or {}  # none for a single subject
    deviations = results.get('deviations') or {}
    return [
        {
            'name': name,
            'meaning': MEANINGS[name],
            'value': results['scores'][name],
            'deviation': deviations.get(name),
            'ends': intervals.get(name),
            # Only the accuracy has a baseline, that of the most frequent class.
            'chance': results['majority'] if name == 'acc' else None,
        }
        for name in SCORES
    ]


def _facts(
    results: Mapping[str, Any], extra: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return the known settings and costs of the run as pairs of name and text."""

    def get(name: str) -> Any:
        return extra.get(name, results.get(name))

    facts: list[tuple[str, str]] = []
    folds = get('folds')
    if isinstance(folds, Mapping) and {'done', 'of'} <= folds.keys():
        facts.append(('folds done', f'{len(folds["done"])} of {folds["of"]}'))
    if isinstance(protocol := get('protocol'), Mapping):
        facts.append(
            ('protocol', ', '.join(f'{key} {item}' for key, item in protocol.items()))
        )
    elif protocol:
        facts.append(('protocol', str(protocol)))
    for name in ('method', 'strategy', 'fingerprint'):
        if get(name):
            facts.append((name, str(get(name))))
    for seed, value in (get('fingerprints') or {}).items():
        facts.append((f'fingerprint, seed {seed}', str(value)))
    counts = get('parameters')
    if isinstance(counts, Mapping) and {'trainable', 'total'} <= counts.keys():
        text = f'{counts["trainable"]:,} of {counts["total"]:,}'
        facts.append(('trainable parameters', text))
    costs: dict[str, tuple[str, Callable[[Any], str]]] = {
        'wall_time_s': ('wall time', duration),
        'clips_trained': ('clips trained on', '{:,}'.format),
        'clips_per_s': ('clips per second', '{:,.1f}'.format),
        'gpu_hours': ('GPU hours', '{:.3f}'.format),
    }
    for name, (label, write) in costs.items():
        if get(name) is not None:
            facts.append((label, write(get(name))))
    return facts


def duration(seconds: float) -> str:
    """Format a time in seconds, minutes or hours.

    >>> duration(42.24), duration(166), duration(7384)
    ('42.2 s', '2 min 46 s', '2 h 3 min')
    """
    if seconds < 60:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60:,} h {minutes % 60} min'
