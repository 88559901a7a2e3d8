"""Summaries of runs as tables, for the printed and the HTML report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .functional import SCORES
from .predictions import plain_subject
from .summary import SELECTIONS

#: Columns of the tables over groups of clips: fields of a summary's rows.
COLUMNS = {
    'dataset': ('subjects', 'clips', 'acc', 'uf1', 'uar'),
    'subject': ('clips', 'acc'),
    'fold': ('subjects', 'clips', 'acc', 'uf1'),
}


def format_summary(summary: Mapping[str, Any]) -> str:
    """Format the result of one run or of several seeds, with scores in percent.

    With selection 'test', every line with a score ends with 'selected on the test
    subject'.

    Args:
        summary: What :func:`~mmaction_mer.evaluation.summary.summarize_run` or
            :func:`~mmaction_mer.evaluation.summary.summarize_seeds` returned.
    """
    mark = f'   {SELECTIONS["test"]}' if summary['selection'] == 'test' else ''
    per_seed = summary.get('per_seed')
    many = _count(len(per_seed), 'seed') if per_seed else ''
    averaged = f' (mean of {many})' if many else ''

    blocks = [_head(summary), _scores(summary, mark)]
    if per_seed:
        blocks[0].append(f'Scores: mean of {many}')
        blocks.append(_seeds(summary, mark))
    blocks.append(class_notes(summary))
    added = f', {many} added up' if many else ''
    blocks.append([f'Confusion matrix (clips{added})', *_confusion(summary, mark)])
    for table in group_tables(summary):
        cells = [[name, *map(_cell, values)] for name, values in table.rows]
        lines = _table([[table.heading, *table.columns], *cells], mark)
        if table.heading == 'data set':
            for row in summary['datasets']:
                lines += [f'{row["dataset"]}: {note}' for note in class_notes(row)]
        blocks.append([f'{table.title}{averaged}', *lines])
    return '\n\n'.join('\n'.join(block) for block in blocks if block)


@dataclass(frozen=True)
class GroupTable:
    """A table of scores over groups of clips.

    Attributes:
        title: Title of the table.
        heading: Heading of the first column.
        columns: Headings of the other columns.
        rows: Name of each group, and its values in the order of the columns.
    """

    title: str
    heading: str
    columns: tuple[str, ...]
    rows: list[tuple[str, list[float]]]


def group_tables(summary: Mapping[str, Any]) -> list[GroupTable]:
    """Return the tables over datasets, subjects and folds that a report shows.

    Args:
        summary: See :func:`format_summary`.
    """
    datasets, subjects = summary['datasets'], summary['subjects']
    folds, tables = summary['folds'], []
    # Where the folds are the subjects or the datasets, their table would be the same.
    others = _clips_by('subject', subjects), _clips_by('dataset', datasets)
    if len(datasets) > 1:
        tables.append(_group_table('Data sets, each alone', 'dataset', datasets))
        subjects = [{**row, 'subject': _qualified(row)} for row in subjects]
    tables.append(_group_table('Subjects', 'subject', subjects))
    if folds and _clips_by('fold', folds) not in others:
        tables.append(_group_table('Folds', 'fold', folds))
    return tables


def _group_table(
    title: str, kind: str, rows: Iterable[Mapping[str, Any]]
) -> GroupTable:
    columns = COLUMNS[kind]
    cells = [(row[kind], [row[one] for one in columns]) for row in rows]
    return GroupTable(title, 'data set' if kind == 'dataset' else kind, columns, cells)


def confusion_rows(
    summary: Mapping[str, Any],
) -> list[tuple[str, Sequence[int], int, float | None]]:
    """Return name, counts, number of clips and recall of each true class.

    Args:
        summary: See :func:`format_summary`.

    Returns:
        A row for each class; its recall is None if it has no clips.
    """
    rows = []
    for index, counts in enumerate(summary['confusion']):
        clips = sum(counts)
        recall = counts[index] / clips if clips else None
        rows.append((summary['classes'][index], counts, clips, recall))
    return rows


def counts_line(summary: Mapping[str, Any]) -> str:
    """Return the datasets, the numbers of clips, subjects and folds, and the seeds.

    Args:
        summary: See :func:`format_summary`.
    """
    seeds = summary['seeds']
    parts = [
        ', '.join(row['dataset'] for row in summary['datasets']),
        _count(summary['clips'], 'clip'),
        _count(len(summary['subjects']), 'subject'),
        _count(len(summary['folds']), 'fold'),
        f'seed{"s" if len(seeds) > 1 else ""} {", ".join(map(str, seeds))}'
        if seeds
        else 'seed not known',
    ]
    return ' · '.join(parts)


def missing_lines(summary: Mapping[str, Any]) -> list[str]:
    """List the folds that the scores of a summary lack, and why.

    Args:
        summary: What :func:`format_summary` takes.

    Returns:
        A line per fold, below a headline; empty where no fold is missing.

    >>> missing_lines({'missing': [{'fold': 's2', 'clips': 3, 'reason': 'failed'}]})
    ['Missing from every number: 1 fold, 3 clips', '  s2 (3 clips): failed']
    """
    rows = summary.get('missing') or []
    if not rows:
        return []
    folds = {(row['fold'], row['clips']) for row in rows}
    lines = []
    for row in rows:
        seed = f', seed {row["seed"]}' if 'seed' in row else ''
        clips = _count(row['clips'], 'clip')
        lines.append(f'  {row["fold"]} ({clips}{seed}): {row["reason"]}')
    clips = _count(sum(clips for _, clips in folds), 'clip')
    return [f'Missing from every number: {_count(len(folds), "fold")}, {clips}', *lines]


def class_notes(row: Mapping[str, Any]) -> list[str]:
    """Explain how classes without clips enter the scores of a summary or a data set."""
    notes = {
        'absent_classes': 'No clip and no prediction, left out of every mean',
        'classes_without_clips': 'Predicted but no clip, F1 0 in uf1, left out of uar',
    }
    return [f'{text}: {", ".join(row[key])}' for key, text in notes.items() if row[key]]


def _head(summary: Mapping[str, Any]) -> list[str]:
    return [
        counts_line(summary),
        f'Model of each fold: {SELECTIONS[summary["selection"]]}',
        *missing_lines(summary),
    ]


def _scores(summary: Mapping[str, Any], mark: str) -> list[str]:
    intervals = summary['intervals']
    level = f'{summary["interval_level"]:.0%} interval over subjects'
    rows = [('score', '%', level)]
    for name in SCORES:
        ends = 'none: a single subject'
        if intervals:
            ends = ' .. '.join(map(_percent, intervals[name]))
        rows.append((name, _percent(summary['scores'][name]), ends + mark))
    mean = summary['f1_fold_mean']
    classes = f'1 of {len(summary["classes"])} classes'
    constant = f'acc of always predicting {summary["majority_class"]!r}'
    rows += [
        ('f1_fold_mean', _percent(mean['value']), mean['use'] + mark),
        ('chance', _percent(summary['chance']), classes),
        ('majority', _percent(summary['majority']), constant),
    ]
    return [f'{name:<16}{value:>7}   {text}' for name, value, text in rows]


def _seeds(summary: Mapping[str, Any], mark: str) -> list[str]:
    deviations = summary['deviations'] or dict.fromkeys(SCORES, '-')
    rows = [
        *((str(row['seed']), row) for row in summary['per_seed']),
        ('mean', summary['scores']),
        ('deviation', deviations),
    ]
    table = [[name, *(_cell(row[score]) for score in SCORES)] for name, row in rows]
    title = 'Seeds (deviation with n - 1: of training, not of subjects)'
    return [title, *_table([['seed', *SCORES], *table], mark)]


def _confusion(summary: Mapping[str, Any], mark: str) -> list[str]:
    rows = [['truth \\ prediction', *summary['classes'], 'clips', 'recall']]
    for name, counts, clips, recall in confusion_rows(summary):
        last = '-' if recall is None else recall
        rows.append([name, *map(_cell, (*counts, clips, last))])
    return _table(rows, mark)


def _qualified(row: Mapping[str, Any]) -> str:
    return f'{row["dataset"]}/{plain_subject(row["dataset"], row["subject"])}'


def _clips_by(kind: str, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return sorted((row[kind], row['clips']) for row in rows)


def _table(rows: Sequence[Sequence[str]], mark: str) -> list[str]:
    """Align the first column left, the others right; ``mark`` all rows but the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for number, (first, *others) in enumerate(rows):
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
        lines.append('  ' + '  '.join(cells) + (mark if number else ''))
    return lines


def _cell(value: float | int | str) -> str:
    """Write a count as it is and a score in percent."""
    return _percent(value) if isinstance(value, float) else str(value)


def _percent(value: float) -> str:
    return f'{100 * value:.2f}'


def _count(number: int, what: str) -> str:
    return f'{number} {what}{"s" if number != 1 else ""}'
