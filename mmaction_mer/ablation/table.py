"""An ablation table as data: measured rows and their differences from a reference.

A paper's numbers are kept apart from the measured ones everywhere: under a key of their
own here, in columns of their own in the printed table, on axes of their own in the
figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation import SELECTIONS, compare_runs
from ..utils.errors import MERDataError
from .spec import RowSpec, TableSpec

#: The scores of a table, with their column titles.
SCORES = {'acc': 'Acc', 'uf1': 'UF1'}
# Facts that all rows should share. A row that differs has a note.
_COMMON = (
    'datasets', 'clips', 'subjects', 'folds', 'selection', 'protocol', 'annotation',
    'numerics',
)  # fmt: skip


@dataclass(frozen=True)
class RowResult:
    """A row and its result.

    Attributes:
        row: The row.
        changes: Differences from the base config, one line each.
        status: ``'done'``, or why there is no result.
        summary: Summary over the seeds, see
            :func:`~mmaction_mer.evaluation.summarize_seeds`; None without a result.
        lines: Prediction lines behind it, by seed; None without a result.
    """

    row: RowSpec
    changes: Sequence[str] = ()
    status: str = 'not started'
    summary: Mapping[str, Any] | None = None
    lines: Mapping[int, Sequence[Mapping[str, Any]]] | None = None


def build_table(
    spec: TableSpec,
    results: Sequence[RowResult],
    base: str = '',
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """Build a table from its rows.

    Args:
        spec: The table.
        results: Its rows, in order.
        base: Name of the base config.
        options: ``--cfg-options`` of all rows, as ``key=value``.

    Returns:
        A JSON-serializable dict with ``name``, ``title``, ``base``, ``options``,
        ``paper``, ``x_label``, ``reference``, ``measured`` (facts that all rows share:
        ``datasets``, ``clips``, ``subjects``, ``seeds``, ``chance``, ``majority``,
        ``majority_class``, ``protocol``, ``selection``; None before any row is done)
        and ``rows``. Measured scores are fractions of 1, those under ``paper`` percent.
        ``vs_reference`` of a row holds the paired differences from the reference by
        score, with ``interval``. It is None, and ``note`` says so, if the two were not
        measured on the same clips.
    """
    done = [result for result in results if result.summary is not None]
    reference = next((one for one in done if one.row.name == spec.reference), None)
    common = _facts((reference or done[0]).summary) if done else None
    return {
        'name': spec.name,
        'title': spec.title,
        'base': base,
        'options': list(options),
        'paper': {**spec.paper, 'unit': 'percent'} if spec.paper else {},
        'x_label': spec.x_label,
        'reference': spec.reference,
        'measured': common,
        'rows': [_row(result, reference, common) for result in results],
    }


def _facts(summary: Any) -> dict[str, Any]:
    """Collect what the rows of a table should share."""
    extra = summary.get('extra') or {}
    folds = extra.get('folds')
    if isinstance(folds, Mapping):
        folds = {'done': len(folds['done']), 'of': folds['of']}
    keys = (
        'clips', 'seeds', 'chance', 'majority', 'majority_class', 'selection',
        'interval_level',
    )  # fmt: skip
    return {
        'datasets': [row['dataset'] for row in summary['datasets']],
        'subjects': len(summary['subjects']),
        'folds': folds,
        **{key: extra.get(key) for key in ('protocol', 'annotation', 'numerics')},
        **{key: summary[key] for key in keys},
    }


def _row(
    result: RowResult, reference: RowResult | None, common: Mapping[str, Any] | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        'name': result.row.name,
        'x': result.row.x,
        'status': result.status,
        'paper': dict(result.row.paper),
        'changes': list(result.changes),
    }
    summary = result.summary
    if summary is None or common is None:
        return row
    extra = summary.get('extra') or {}
    on_test = summary['selection'] == 'test'
    # Beside every number, so that none is quoted without it.
    label = {'note': SELECTIONS['test']} if on_test else {}
    for name in SCORES:
        row[name] = {
            'value': summary['scores'][name],
            'interval': (summary['intervals'] or {}).get(name),
            'deviation': (summary['deviations'] or {}).get(name),
            **label,
        }
    row['per_seed'] = {
        str(one['seed']): {**{name: one[name] for name in SCORES}, **label}
        for one in summary['per_seed']
    }
    row['trainable'] = (extra.get('parameters') or {}).get('trainable')
    row['training_s'] = extra.get('training_s')
    row['selection'] = summary['selection']
    facts = _facts(summary)
    notes = list(label.values())
    notes += [
        f'other {key} ({_describe(key, facts[key])})'
        for key in _COMMON
        if facts[key] != common[key] and not (key == 'selection' and on_test)
    ]
    if reference is not None and result is not reference:
        row['vs_reference'] = _compare(reference, result)
        if row['vs_reference'] is None:
            notes.append('not measured on the clips of the reference')
    row['note'] = '; '.join(notes)
    return row


def _describe(key: str, value: Any) -> str:
    if key == 'datasets':
        return ', '.join(value)
    if key == 'folds' and value:
        return f'{value["done"]} of {value["of"]}'
    return SELECTIONS[value] if key == 'selection' else str(value)


def _compare(first: RowResult, second: RowResult) -> dict[str, Any] | None:
    """Return the paired differences of two rows; None if their clips differ."""
    assert first.summary and first.lines and second.summary and second.lines
    try:
        comparison = compare_runs(
            first.lines,
            second.lines,
            len(second.summary['classes']),
            (first.summary['selection'], second.summary['selection']),
        )
    except MERDataError:
        return None
    scores = {name: comparison['scores'][name] for name in SCORES}
    return {**scores, 'mcnemar': comparison['mcnemar']}
