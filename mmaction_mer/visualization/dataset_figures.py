"""Charts of a dataset: classes, subjects, and lengths and frame rates of clips."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..datasets.checking import clip_ms
from .clip_sheets import class_color

# With more subjects than this their names do not fit under the bars.
_MAX_NAMED = 120
# More frame rates than this are drawn as a histogram.
_MAX_RATES = 8


def plot_classes(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw the number of clips of each class, with the number of subjects.

    Args:
        rows: Valid rows of an annotation file.
        classes: Names of the classes.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.
    """
    figure = Figure(figsize=(7.5, 1.1 + 0.42 * len(classes)), layout='constrained')
    axes = figure.add_subplot()
    counts = _count_labels(rows, len(classes))
    axes.barh(
        range(len(classes)),
        counts,
        color=[class_color(label) for label in range(len(classes))],
        height=0.7,
    )
    for label, count in enumerate(counts):
        subjects = {(r['dataset'], r['subject']) for r in rows if r['label'] == label}
        fraction = count / max(len(rows), 1)
        axes.annotate(
            f'{count} clips, {fraction:.0%}, {len(subjects)} subjects',
            (count, label),
            xytext=(5, 0),
            textcoords='offset points',
            va='center',
            fontsize='small',
        )
    axes.set_yticks(range(len(classes)), classes)
    axes.invert_yaxis()
    # Leave space for the text after the longest bar.
    axes.set_xlim(0, 1.35 * max(*counts, 1))
    axes.set_xlabel('clips')
    _finish(axes, title)
    return figure


def plot_subjects(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw the number of clips of each subject, stacked by class.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.
    """
    subjects = sorted({(row['dataset'], row['subject']) for row in rows})
    columns = {subject: column for column, subject in enumerate(subjects)}
    counts = np.zeros((len(classes), len(subjects)), dtype=int)
    for row in rows:
        counts[row['label'], columns[row['dataset'], row['subject']]] += 1

    width = min(max(6.0, 1.5 + 0.2 * len(subjects)), 26)
    figure = Figure(figsize=(width, 4.2), layout='constrained')
    axes = figure.add_subplot()
    below = np.zeros(len(subjects), dtype=int)
    for label, name in enumerate(classes):
        axes.bar(
            range(len(subjects)),
            counts[label],
            bottom=below,
            color=class_color(label),
            label=name,
            width=0.8,
            edgecolor='white',
            linewidth=0.5,
        )
        below += counts[label]
    axes.set_ylim(0, 1.12 * below.max())
    _mark_datasets(axes, [dataset for dataset, _ in subjects])
    middle = np.median(below)
    axes.axhline(middle, color='0.3', linestyle='--', linewidth=1)
    axes.annotate(
        f'median {middle:g}', (1, middle), xycoords=('axes fraction', 'data'),
        xytext=(4, 0), textcoords='offset points', va='center', fontsize='small',
    )  # fmt: skip
    if len(subjects) <= _MAX_NAMED:
        names = [subject for _, subject in subjects]
        axes.set_xticks(range(len(subjects)), names, rotation=90, fontsize='small')
        axes.tick_params(axis='x', length=0)
    else:
        axes.set_xticks([])
    axes.set_xlabel(f'{len(subjects)} subjects')
    axes.set_xlim(-0.8, len(subjects) - 0.2)
    axes.set_ylabel('clips')
    axes.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc='outside lower center', ncols=len(classes), frameon=False)
    _finish(axes, title)
    return figure


def plot_times(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw the lengths of the clips, in frames and milliseconds, and the frame rates.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes; the bars are stacked by class.
        title: Title of the figure. Defaults to ''.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.
    """
    figure = Figure(figsize=(11, 3.9), layout='constrained')
    figure.suptitle(title, fontsize='medium')
    frames, times, rates = figure.subplots(1, 3, width_ratios=(2, 2, 1))
    labels = np.array([row['label'] for row in rows])
    _histogram(
        frames, np.array([row['offset'] - row['onset'] + 1 for row in rows]), labels
    )
    frames.set(xlabel='length, frames (onset and offset included)', ylabel='clips')
    _histogram(times, np.array([clip_ms(row) for row in rows]), labels)
    times.set(xlabel='length, ms from onset to offset')
    values = np.array([row['fps'] for row in rows], dtype=float)
    if len(set(values.tolist())) > _MAX_RATES:
        _histogram(rates, values, labels)
    else:
        _bars(rates, values, labels)
    rates.set(xlabel='frame rate, Hz')
    handles = [
        Patch(color=class_color(label), label=name)
        for label, name in enumerate(classes)
    ]
    figure.legend(
        handles=handles, loc='outside lower center', ncols=len(classes), frameon=False
    )
    for axes in (frames, times, rates):
        _finish(axes)
    return figure


def _histogram(axes: Axes, values: np.ndarray, labels: np.ndarray) -> None:
    """Draw a histogram stacked by class, and mark the median."""
    kinds = sorted(set(labels.tolist()))
    axes.hist(
        [values[labels == label] for label in kinds],
        bins=min(30, max(8, round(len(values) ** 0.5))),
        stacked=True,
        color=[class_color(label) for label in kinds],
        edgecolor='white',
        linewidth=0.5,
    )
    middle = float(np.median(values))
    axes.axvline(middle, color='0.3', linestyle='--', linewidth=1)
    axes.annotate(
        f'median {middle:.0f}', (middle, 1), xycoords=('data', 'axes fraction'),
        xytext=(4, -2), textcoords='offset points', va='top', fontsize='small',
    )  # fmt: skip
    axes.set_xlim(left=0)
    axes.yaxis.get_major_locator().set_params(integer=True)


def _bars(axes: Axes, values: np.ndarray, labels: np.ndarray) -> None:
    """Draw a bar for each distinct value, stacked by class."""
    known, columns = np.unique(values, return_inverse=True)
    below = np.zeros(len(known), dtype=int)
    for label in sorted(set(labels.tolist())):
        counts = np.bincount(columns[labels == label], minlength=len(known))
        bars = axes.bar(
            range(len(known)),
            counts,
            bottom=below,
            width=0.5,
            color=class_color(label),
            edgecolor='white',
            linewidth=0.5,
        )
        below += counts
    axes.bar_label(bars, list(map(str, below)), padding=2, fontsize='small')
    axes.set_xticks(range(len(known)), [f'{value:g}' for value in known])
    axes.set_xlim(-1, len(known))
    axes.yaxis.get_major_locator().set_params(integer=True)


def _mark_datasets(axes: Axes, names: Sequence[str]) -> None:
    """Separate the bars of different datasets, and label each group."""
    groups = Counter(names)
    if len(groups) < 2:
        return
    start = 0
    for name, size in groups.items():
        if start:
            axes.axvline(start - 0.5, color='0.6', linewidth=1)
        axes.annotate(
            name,
            (start + size / 2 - 0.5, 1),
            xycoords=('data', 'axes fraction'),
            ha='center',
            va='top',
        )
        start += size


def _count_labels(rows: Sequence[Mapping[str, Any]], num_classes: int) -> list[int]:
    counts = Counter(row['label'] for row in rows)
    return [counts[label] for label in range(num_classes)]


def _finish(axes: Axes, title: str = '') -> None:
    axes.set_title(title, fontsize='medium', loc='left')
    axes.spines[['top', 'right']].set_visible(False)
