"""Summaries of runs as tables to print."""

from collections.abc import Iterable, Mapping, Sequence
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
    datasets, subjects = summary['datasets'], summary['subjects']
    folds, per_seed = summary['folds'], summary.get('per_seed')
    many = _count(len(per_seed), 'seed') if per_seed else ''
    averaged = f' (mean of {many})' if many else ''

    blocks = [_head(summary), _scores(summary, mark)]
    if per_seed:
        blocks[0].append(f'Scores: mean of {many}')
        blocks.append(_seeds(summary, mark))
    blocks.append(class_notes(summary))
    added = f', {many} added up' if many else ''
    blocks.append([f'Confusion matrix (clips{added})', *_confusion(summary, mark)])
    if len(datasets) > 1:
        notes = [
            f'{row["dataset"]}: {note}' for row in datasets for note in class_notes(row)
        ]
        table = _groups('dataset', datasets, mark)
        blocks.append([f'Data sets, each alone{averaged}', *table, *notes])
        subjects = [{**row, 'subject': _qualified(row)} for row in subjects]
    blocks.append([f'Subjects{averaged}', *_groups('subject', subjects, mark)])
    # Where the folds are the subjects or the data sets, one table is enough.
    shown = (
        _clips_by('subject', summary['subjects']),
        _clips_by('dataset', datasets),
    )
    if folds and _clips_by('fold', folds) not in shown:
        blocks.append([f'Folds{averaged}', *_groups('fold', folds, mark)])
    return '\n\n'.join('\n'.join(block) for block in blocks if block)


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
    seeds = ', '.join(map(str, summary['seeds']))
    parts = [
        ', '.join(row['dataset'] for row in summary['datasets']),
        _count(summary['clips'], 'clip'),
        _count(len(summary['subjects']), 'subject'),
        _count(len(summary['folds']), 'fold'),
        f'seed {seeds}' if seeds else 'seed not known',
    ]
    return [
        ' · '.join(parts),
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
    classes = summary['classes']
    rows = [['truth \\ prediction', *classes, 'clips', 'recall']]
    for index, counts in enumerate(summary['confusion']):
        clips = sum(counts)
        recall = counts[index] / clips if clips else '-'
        rows.append([classes[index], *map(_cell, (*counts, clips, recall))])
    return _table(rows, mark)


def _groups(kind: str, rows: Iterable[Mapping[str, Any]], mark: str) -> list[str]:
    columns = COLUMNS[kind]
    cells = [[row[kind], *(_cell(row[name]) for name in columns)] for row in rows]
    head = 'data set' if kind == 'dataset' else kind
    return _table([[head, *columns], *cells], mark)


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
