"""What an ablation table says: measured rows, their differences, the paper's numbers.

The paper's numbers are kept apart from the measured ones everywhere: under a key of
their own here, in columns of their own where they are printed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..utils.errors import MERDataError
from .paired import Lines, compare_runs
from .report import SELECTIONS

#: The scores of a table.
SHOWN = ('acc', 'uf1')
#: What the rows of a table should have in common; a row that has not says so.
ALIKE = (
    'datasets', 'clips', 'subjects', 'folds', 'selection', 'protocol', 'annotation',
    'numerics',
)  # fmt: skip


@dataclass(frozen=True)
class RowResult:
    """One row and what came of it.

    Attributes:
        name: As printed.
        summary: What :func:`~mmaction_mer.evaluation.seeds.summarize_seeds` returned;
            None for a row that is not measured.
        lines: The prediction lines behind it, by seed.
        status: Said in place of the numbers where there are none, such as
            ``'failed: ...'``.
        paper: The paper's ``acc`` and ``f1`` in percent and ``millions`` of learning
            parameters, as far as it gives them.
        x: What is varied, as a number.
        changes: What differs from the base, a line each.
    """

    name: str
    summary: Mapping[str, Any] | None = None
    lines: Lines | None = None
    status: str = 'not run yet'
    paper: Mapping[str, float] = field(default_factory=dict)
    x: float | None = None
    changes: Sequence[str] = ()


def build_table(
    rows: Sequence[RowResult], reference: str | None = None, **head: Any
) -> dict[str, Any]:
    """Put rows into a table.

    Args:
        rows: The rows, in order.
        reference: Name of the row that the others are compared with.
        head: What is kept as it is: ``name``, ``title``, ``base``, ``options``,
            ``paper`` (``source`` and ``dataset``), ``x_label``.

    Returns:
        A dict that fits into JSON: ``head``, ``reference``, ``measured`` (``datasets``,
        ``clips``, ``subjects``, ``seeds``, ``chance``, ``majority``,
        ``majority_class``, ``protocol``, ``selection``; None before any row is done)
        and ``rows``. In a row, scores are fractions of 1 and those of the paper, under
        ``paper``, percent. ``against`` has the differences from the reference by score,
        with ``interval``: the same draw of subjects on both sides. A row of other clips
        has none, and a ``note``.

    >>> table = build_table([RowResult('a', paper=dict(acc=80.0))], title='T')
    >>> table['rows'][0]['status'], table['rows'][0]['paper'], table['measured']
    ('not run yet', {'acc': 80.0}, None)
    """
    done = [row for row in rows if row.summary is not None]
    against = next((row for row in done if row.name == reference), None)
    measured = None
    if done:
        measured = _facts((against or done[0]).summary or {})
    return {
        **head,
        'reference': reference,
        'measured': measured,
        'rows': [_row(row, against, measured) for row in rows],
    }


def _facts(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a table's rows have in common."""
    extra = summary.get('extra') or {}
    facts = {
        'datasets': [row['dataset'] for row in summary['datasets']],
        'subjects': len(summary['subjects']),
        'folds': None,
        **{key: extra.get(key) for key in ('protocol', 'annotation', 'numerics')},
    }
    folds = extra.get('folds')
    if isinstance(folds, Mapping):
        facts['folds'] = {'done': len(folds['done']), 'of': folds['of']}
    for key in (
        'clips', 'seeds', 'chance', 'majority', 'majority_class', 'selection',
        'interval_level',
    ):  # fmt: skip
        facts[key] = summary[key]
    return facts


def _row(
    row: RowResult, reference: RowResult | None, common: Mapping[str, Any] | None
) -> dict[str, Any]:
    told: dict[str, Any] = {
        'name': row.name,
        'x': row.x,
        'status': 'done' if row.summary is not None else row.status,
        'paper': dict(row.paper),
        'changes': list(row.changes),
    }
    if row.summary is None or common is None:
        return told
    summary = row.summary
    extra = summary.get('extra') or {}
    # Beside every number, so that none is taken out of the file without it.
    label = {'note': SELECTIONS['test']} if summary['selection'] == 'test' else {}
    intervals, deviations = summary['intervals'] or {}, summary['deviations'] or {}
    told['learns'] = (extra.get('parameters') or {}).get('trainable')
    told['training_s'] = extra.get('training_s')
    for name in SHOWN:
        told[name] = {
            'value': summary['scores'][name],
            'interval': intervals.get(name),
            'deviation': deviations.get(name),
            **label,
        }
    told['per_seed'] = {
        str(one['seed']): {**{name: one[name] for name in SHOWN}, **label}
        for one in summary['per_seed']
    }
    told['selection'] = summary['selection']
    notes = list(label.values())
    other = _facts(summary)
    notes += [
        f'other {key} ({_said(key, other[key])})'
        for key in ALIKE
        if other[key] != common[key] and not (key == 'selection' and label)
    ]
    if reference is not None and row is not reference:
        told['against'], problem = _against(row, reference)
        notes += problem
    told['note'] = '; '.join(notes)
    return told


def _said(key: str, value: Any) -> str:
    if key == 'datasets':
        return ', '.join(value)
    if key == 'folds' and value:
        return f'{value["done"]} of {value["of"]}'
    return SELECTIONS.get(value, str(value)) if key == 'selection' else str(value)


def _against(
    row: RowResult, reference: RowResult
) -> tuple[dict[str, Any] | None, list[str]]:
    """Differences from the reference, or why there are none."""
    if row.summary is None or reference.summary is None:
        return None, []
    selections = (reference.summary['selection'], row.summary['selection'])
    try:
        compared = compare_runs(
            reference.lines or {},
            row.lines or {},
            len(row.summary['classes']),
            selections,
        )
    except MERDataError:
        return None, ['not of the same clips as the reference']
    parts = {
        name: {
            key: value
            for key, value in compared['scores'][name].items()
            if key in ('difference', 'interval', 'note')
        }
        for name in SHOWN
    }
    return {**parts, 'mcnemar': compared['mcnemar']}, []
