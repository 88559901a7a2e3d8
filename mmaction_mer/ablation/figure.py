"""An ablation table as a figure: measured scores and, beside them, a paper's.

The paper's numbers have axes of their own, whose label names their data set: they come
from another training procedure and mostly other data, and must not look comparable.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation import SELECTIONS
from .table import SCORES

_PAPER_SCORES = {'acc': 'Acc', 'f1': 'F1'}
_STYLES = (('o', '#1f5f99'), ('s', '#b5541c'))
# Distance of the two scores of a row from its place.
_OFFSET = 0.12
_MAX_NAME = 44


def plot_ablation(table: Mapping[str, Any]) -> Figure:
    """Draw the rows of a table.

    Args:
        table: See :func:`~.table.build_table`.

    Returns:
        The figure. Its first axes show the measured scores with their intervals, in
        percent, as filled markers. Second axes show those of the paper as hollow
        markers, if it reports any. If every row has an ``x``, scores are lines over it;
        otherwise the rows are listed from top to bottom.
    """
    rows = table['rows']
    along = all(row['x'] is not None for row in rows)
    paper = {
        title: np.array([[row['paper'].get(key, np.nan)] * 3 for row in rows])
        for key, title in _PAPER_SCORES.items()
    }
    with_paper = any(np.isfinite(numbers).any() for numbers in paper.values())
    figure = Figure(
        figsize=(9.5 if with_paper else 6.0, 3.4 if along else 1.6 + 0.42 * len(rows)),
        layout='constrained',
    )
    panels = figure.subplots(
        1, 1 + with_paper, squeeze=False, sharey=False if along else 'row'
    )[0]
    figure.suptitle(table['title'], fontsize='medium')
    measured = {
        title: 100 * np.array([_measured(row, key) for row in rows])
        for key, title in SCORES.items()
    }
    _draw(panels[0], table, along, _measured_label(table), measured, filled=True)
    if found := table['measured']:
        _mark_majority(panels[0], 100 * found['majority'], along)
    if with_paper:
        label = ', '.join(filter(None, ['paper', table['paper'].get('dataset'), '%']))
        _draw(panels[1], table, along, label, paper, filled=False)
    return figure


def _measured(row: Mapping[str, Any], key: str) -> list[float]:
    """Return a score and the ends of its interval; NaN where there is none."""
    if row['status'] != 'done':
        return [np.nan] * 3
    value = row[key]['value']
    return [value, *(row[key]['interval'] or (value, value))]


def _measured_label(table: Mapping[str, Any]) -> str:
    parts = ['measured', *(table['measured'] or {}).get('datasets', [])]
    if any(row.get('selection') == 'test' for row in table['rows']):
        parts.append(SELECTIONS['test'])
    return ', '.join([*parts, '%'])


def _draw(
    axes: Axes,
    table: Mapping[str, Any],
    along: bool,
    label: str,
    scores: Mapping[str, np.ndarray],
    filled: bool,
) -> None:
    """Draw one panel.

    Args:
        axes: The axes.
        table: The table.
        along: Whether the rows lie along their ``x``, from left to right.
        label: Label of the axis of the scores.
        scores: Per row value, lower and upper end, ``(N, 3)`` in percent, by title.
        filled: Whether markers are filled.
    """
    rows = table['rows']
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    if along:
        places = np.array([row['x'] for row in rows], float)
        offset = 0.006 * np.ptp(places)
        axes.set_ylabel(label)
        axes.set_xlabel(table['x_label'])
        axes.set_xticks(sorted(set(places)))
    else:
        places, offset = np.arange(len(rows), dtype=float), _OFFSET
        axes.set_xlabel(label)
        axes.set_yticks(places, [_name(row) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)  # from top to bottom, as in the table
    order = np.argsort(places)
    sides: Sequence[int] = (-1, 1)
    for (title, numbers), side, (marker, color) in zip(
        scores.items(), sides, _STYLES, strict=True
    ):
        if np.isnan(numbers).all():
            continue
        # NaN leaves a gap in the line: nothing is interpolated.
        value, low, high = numbers[order].T
        where = places[order] + side * offset
        errors = np.nan_to_num([value - low, high - value]).clip(0)
        axes.errorbar(
            *((where, value) if along else (value, where)),
            **({'yerr' if along else 'xerr': errors} if filled else {}),
            fmt=marker,
            linestyle='-' if along else 'none',
            linewidth=1,
            capsize=2,
            color=color,
            markerfacecolor=color if filled else 'white',
            label=title,
        )
    if axes.has_data():
        axes.legend(fontsize='small', frameon=False)


def _mark_majority(axes: Axes, percent: float, along: bool) -> None:
    """Draw the accuracy of predicting the largest class, if it is near the scores."""
    low, high = axes.get_ylim() if along else axes.get_xlim()
    if low - 0.5 * (high - low) <= percent:
        line = axes.axhline if along else axes.axvline
        line(percent, color='#888888', linewidth=1, linestyle=':', label='majority')
        axes.legend(fontsize='small', frameon=False)


def _name(row: Mapping[str, Any]) -> str:
    """Return the label of a row, with its status if it has no scores."""
    name = row['name']
    if len(name) > _MAX_NAME:
        name = f'{name[: _MAX_NAME - 1]}…'
    if row['status'] == 'done':
        return name
    return f'{name}\n({row["status"].partition(":")[0]})'
