"""Charts of a data set: its classes, its subjects, its clips' lengths and rates.

The pictures of its clips are drawn by ``clip_sheets.py``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..datasets.checking import clip_ms
from .clip_sheets import class_colour

#: With more subjects their names do not fit under the bars.
NAMED_SUBJECTS = 120
#: With more frame rates they are drawn as a histogram.
RATES = 8


def plot_classes(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw how many clips each class has, and of how many subjects.

    Args:
        rows: Valid rows of an annotation file.
        classes: Names of the classes.
        title: Above the picture.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.
    """
    figure = Figure(figsize=(7.5, 1.1 + 0.42 * len(classes)), layout='constrained')
    axes = figure.add_subplot()
    counts = _count_labels(rows, len(classes))
    axes.barh(
        range(len(classes)),
        counts,
        color=[class_colour(label) for label in range(len(classes))],
        height=0.7,
    )
    for label, count in enumerate(counts):
        people = {(r['dataset'], r['subject']) for r in rows if r['label'] == label}
        share = count / max(len(rows), 1)
        axes.annotate(
            f'{count} clips, {share:.0%}, {len(people)} subjects',
            (count, label),
            xytext=(5, 0),
            textcoords='offset points',
            va='center',
            fontsize='small',
        )
    axes.set_yticks(range(len(classes)), classes)
    axes.invert_yaxis()
    # Room for the text behind the longest bar.
    axes.set_xlim(0, 1.35 * max(*counts, 1))
    axes.set_xlabel('clips')
    _finish(axes, title)
    return figure


def plot_subjects(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw how many clips each subject has, stacked by class.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes.
        title: Above the picture.

    Returns:
        The figure; see :func:`~mmaction_mer.visualization.save_figure`.
    """
    people = sorted({(row['dataset'], row['subject']) for row in rows})
    places = {person: place for place, person in enumerate(people)}
    counts = np.zeros((len(classes), len(people)), dtype=int)
    for row in rows:
        counts[row['label'], places[row['dataset'], row['subject']]] += 1

    width = min(max(6.0, 1.5 + 0.2 * len(people)), 26)
    figure = Figure(figsize=(width, 4.2), layout='constrained')
    axes = figure.add_subplot()
    below = np.zeros(len(people), dtype=int)
    for label, name in enumerate(classes):
        axes.bar(
            range(len(people)),
            counts[label],
            bottom=below,
            color=class_colour(label),
            label=name,
            width=0.8,
            edgecolor='white',
            linewidth=0.5,
        )
        below += counts[label]
    axes.set_ylim(0, 1.12 * below.max())
    _mark_datasets(axes, [dataset for dataset, _ in people])
    middle = np.median(below)
    axes.axhline(middle, color='0.3', linestyle='--', linewidth=1)
    axes.annotate(
        f'median {middle:g}', (1, middle), xycoords=('axes fraction', 'data'),
        xytext=(4, 0), textcoords='offset points', va='center', fontsize='small',
    )  # fmt: skip
    if len(people) <= NAMED_SUBJECTS:
        names = [subject for _, subject in people]
        axes.set_xticks(range(len(people)), names, rotation=90, fontsize='small')
        axes.tick_params(axis='x', length=0)
    else:
        axes.set_xticks([])
    axes.set_xlabel(f'{len(people)} subjects')
    axes.set_xlim(-0.8, len(people) - 0.2)
    axes.set_ylabel('clips')
    axes.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc='outside lower center', ncols=len(classes), frameon=False)
    _finish(axes, title)
    return figure


def plot_times(
    rows: Sequence[Mapping[str, Any]], classes: Sequence[str], title: str = ''
) -> Figure:
    """Draw how long the clips are, in frames and in time, and their frame rates.

    Args:
        rows: Valid rows of an annotation file, at least one.
        classes: Names of the classes, by which the bars are stacked.
        title: Above the picture.

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
    if len(set(values.tolist())) > RATES:
        _histogram(rates, values, labels)
    else:
        _bars(rates, values, labels)
    rates.set(xlabel='frame rate, Hz')
    handles = [
        Patch(color=class_colour(label), label=name)
        for label, name in enumerate(classes)
    ]
    figure.legend(
        handles=handles, loc='outside lower center', ncols=len(classes), frameon=False
    )
    for axes in (frames, times, rates):
        _finish(axes)
    return figure


def _histogram(axes: Axes, values: np.ndarray, labels: np.ndarray) -> None:
    """Stack the classes of a histogram, and mark the median of all."""
    kinds = sorted(set(labels.tolist()))
    axes.hist(
        [values[labels == label] for label in kinds],
        bins=min(30, max(8, round(len(values) ** 0.5))),
        stacked=True,
        color=[class_colour(label) for label in kinds],
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
    """Stack the classes over the few values that there are."""
    known, places = np.unique(values, return_inverse=True)
    below = np.zeros(len(known), dtype=int)
    for label in sorted(set(labels.tolist())):
        counts = np.bincount(places[labels == label], minlength=len(known))
        bars = axes.bar(
            range(len(known)),
            counts,
            bottom=below,
            width=0.5,
            color=class_colour(label),
            edgecolor='white',
            linewidth=0.5,
        )
        below += counts
    axes.bar_label(bars, list(map(str, below)), padding=2, fontsize='small')
    axes.set_xticks(range(len(known)), [f'{value:g}' for value in known])
    axes.set_xlim(-1, len(known))
    axes.yaxis.get_major_locator().set_params(integer=True)


def _mark_datasets(axes: Axes, names: Sequence[str]) -> None:
    """Part the bars of different data sets, and name each group."""
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
