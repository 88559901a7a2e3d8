"""An ablation table as a picture: what was measured, and beside it what a paper says.

The paper's numbers have axes of their own, with a label that names its data set: they
are of another training and mostly of other data, and must not look comparable.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation.summary import SELECTIONS

_SCORES = (('acc', 'Acc', 'o', '#1f5f99'), ('uf1', 'UF1', 's', '#b5541c'))
_PAPER = (('acc', 'Acc', 'o', '#1f5f99'), ('f1', 'F1', 's', '#b5541c'))
_APART = 0.12


def plot_ablation(table: Mapping[str, Any]) -> Figure:
    """Draw the rows of a table.

    Args:
        table: From :func:`~mmaction_mer.evaluation.ablation_table.build_table`.

    Returns:
        The figure. Its first axes have the measured scores as filled markers with their
        intervals; the second ones, there only if the paper gives numbers, have those as
        hollow markers. Rows lie below each other, or, where each has an ``x``, along
        the horizontal axis by its value, joined by lines.

    >>> rows = [dict(name='a', x=None, status='not run yet', paper=dict(acc=80.0))]
    >>> table = dict(title='T', rows=rows, measured=None, paper=dict(dataset='SMIC'))
    >>> [axes.get_xlabel() for axes in plot_ablation(table).axes]
    ['measured, %', 'paper, SMIC, %']
    """
    rows = table['rows']
    with_paper = any(key in row['paper'] for row in rows for key, *_ in _PAPER)
    along = all(row['x'] is not None for row in rows)
    height = 3.4 if along else 1.6 + 0.42 * len(rows)
    figure = Figure(figsize=(9.5 if with_paper else 6.0, height), layout='constrained')
    panels = figure.subplots(
        1, 1 + with_paper, squeeze=False, sharey=False if along else 'row'
    )[0]
    figure.suptitle(table['title'], fontsize='medium')
    _prepare(panels[0], rows, along, _measured_label(table), table.get('x_label'))
    _draw(panels[0], rows, along, _SCORES, _measured, filled=True)
    if found := table['measured']:
        _mark_majority(panels[0], 100 * found['majority'], along)
    if with_paper:
        dataset = (table.get('paper') or {}).get('dataset')
        label = f'paper, {dataset}, %' if dataset else 'paper, %'
        _prepare(panels[1], rows, along, label, table.get('x_label'))
        _draw(panels[1], rows, along, _PAPER, _claimed, filled=False)
    return figure


def _prepare(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    along: bool,
    label: str,
    x_label: str | None,
) -> None:
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    if along:
        axes.set_ylabel(label)
        axes.set_xlabel(x_label or '')
        axes.set_xticks(sorted({row['x'] for row in rows}))
        return
    axes.set_xlabel(label)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    # From top to bottom, as in the table.
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _mark_majority(axes: Axes, percent: float, along: bool) -> None:
    """Draw the accuracy of always saying the commonest class, where it is near."""
    low, high = axes.get_ylim() if along else axes.get_xlim()
    if low - 0.5 * (high - low) <= percent:
        line = axes.axhline if along else axes.axvline
        line(percent, color='#888888', linewidth=1, linestyle=':', label='majority')
        axes.legend(fontsize='small', frameon=False)


def _name(row: Mapping[str, Any]) -> str:
    """Name a row; what has no point says so."""
    name = row['name'] if len(row['name']) <= 44 else f'{row["name"][:43]}…'
    if row['status'] == 'done':
        return name
    return f'{name}\n({row["status"].partition(":")[0]})'


def _draw(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    along: bool,
    scores: Sequence[tuple[str, str, str, str]],
    read: Any,
    filled: bool,
) -> None:
    # Intervals side by side, not one on the other.
    nudge = 0.006 * (max(x) - min(x)) if along and (x := [r['x'] for r in rows]) else 0
    for number, (key, label, marker, colour) in enumerate(scores):
        side = 2 * number - 1
        points = []
        for place, row in enumerate(rows):
            value, ends = read(row, key)
            where = row['x'] + side * nudge if along else place + side * _APART
            # A gap in the line, where a row has no number: nothing is guessed.
            points.append((where, math.nan if value is None else value, ends))
        if along:
            points.sort(key=lambda point: point[0])
        if all(math.isnan(value) for _, value, _ in points):
            continue
        where = [place for place, *_ in points]
        values = [value for _, value, _ in points]
        spread = None
        if any(ends for *_, ends in points):
            spread = [
                [
                    max(0.0, value - ends[0]) if ends else 0.0
                    for _, value, ends in points
                ],
                [
                    max(0.0, ends[1] - value) if ends else 0.0
                    for _, value, ends in points
                ],
            ]
        across, up = (where, values) if along else (values, where)
        axes.errorbar(
            across,
            up,
            yerr=spread if along else None,
            xerr=None if along else spread,
            fmt=marker,
            linestyle='-' if along else 'none',
            linewidth=1,
            capsize=2,
            color=colour,
            markerfacecolor=colour if filled else 'white',
            label=label,
        )
    if axes.has_data():
        axes.legend(fontsize='small', frameon=False)


def _measured(
    row: Mapping[str, Any], key: str
) -> tuple[float | None, tuple[float, float] | None]:
    """A measured score and its interval, in percent."""
    if row['status'] != 'done':
        return None, None
    ends = row[key]['interval']
    return 100 * row[key]['value'], ends and (100 * ends[0], 100 * ends[1])


def _claimed(row: Mapping[str, Any], key: str) -> tuple[float | None, None]:
    """What the paper says, which is percent already and has no interval."""
    return row['paper'].get(key), None


def _measured_label(table: Mapping[str, Any]) -> str:
    found = table['measured']
    if not found:
        return 'measured, %'
    parts = ['measured', ', '.join(found['datasets'])]
    chosen = {row.get('selection') for row in table['rows']}
    if 'test' in chosen:
        parts.append(SELECTIONS['test'])
    return ', '.join([*parts, '%'])
