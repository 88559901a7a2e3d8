r"""Ablation tables as text: Markdown, and a booktabs ``tabular`` for LaTeX.

Both have the same cells. The paper's numbers are the last columns, headed by the
paper's data set.
"""

import re
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

from ..evaluation import SELECTIONS
from .spec import PAPER_NUMBERS
from .table import SCORES

_EMPTY = '-'
_MAX_STATUS = 200
_LATEX = {
    '\\': r'\textbackslash{}', '&': r'\&', '%': r'\%', '$': r'\$', '#': r'\#',
    '_': r'\_', '{': r'\{', '}': r'\}', '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}', '<': r'\textless{}', '>': r'\textgreater{}',
    '|': r'\textbar{}', '"': "''",
}  # fmt: skip


def to_markdown(table: Mapping[str, Any]) -> str:
    """Render a table of :func:`~.table.build_table` as Markdown."""
    rows = [table_cells(table, row) for row in table['rows']]
    titles = list(rows[0])
    lines = [
        f'# {_one_line(table["title"])}',
        '',
        # Two spaces at the end of a line break it.
        *(f'{_markdown(line)}  ' for line in heading(table)),
        '',
        _markdown_row(titles),
        '|---' + '|---:' * (len(titles) - 1) + '|',
        *(_markdown_row(row.values()) for row in rows),
        '',
        *(f'{note}  ' for note in notes(table)),
    ]
    return '\n'.join([*lines, ''])


def to_latex(table: Mapping[str, Any]) -> str:
    r"""Render a table of :func:`~.table.build_table` as LaTeX, for ``\input``."""
    rows = [table_cells(table, row) for row in table['rows']]
    titles = list(rows[0])
    total = len(titles)
    own = total - len(_paper_keys(table))
    head = [table['title'], *heading(table)]

    def spanning(text: str) -> str:
        return rf'\multicolumn{{{total}}}{{p{{\linewidth}}}}{{{text}}} \\'

    lines = [f'% {_one_line(line)}' for line in head]
    lines += [
        r'% Needs \usepackage{booktabs}.',
        rf'\begin{{tabular}}{{l{"r" * (total - 1)}}}',
        r'\toprule',
        *(spanning(latex(line)) for line in head),
        r'\midrule',
    ]
    if own < total:
        source = _source(table)
        titles = [title.removeprefix(f'{source}: ') for title in titles]
        lines += [
            rf'\multicolumn{{{own}}}{{c}}{{measured}} & '
            rf'\multicolumn{{{total - own}}}{{c}}{{{latex(source)}}} \\',
            rf'\cmidrule(lr){{1-{own}}} \cmidrule(lr){{{own + 1}-{total}}}',
        ]
    lines += [' & '.join(map(latex, titles)) + r' \\', r'\midrule']
    for row, texts in zip(table['rows'], rows, strict=True):
        cells = [_minus(latex(text)) for text in texts.values()]
        if row['status'] != 'done':
            # The status spans the columns that have no numbers.
            cells[1:own] = [rf'\multicolumn{{{own - 1}}}{{l}}{{{cells[1]}}}']
        lines.append(' & '.join(cells) + r' \\')
    lines += [
        r'\midrule',
        *(spanning(rf'\footnotesize {latex(note)}') for note in notes(table)),
        r'\bottomrule',
        r'\end{tabular}',
    ]
    return '\n'.join([*lines, ''])


def heading(table: Mapping[str, Any]) -> list[str]:
    """Return the lines above a table: the data, the protocol and the base config."""
    base = f'Base: {table["base"]}'
    if table['options']:
        base += f', with {", ".join(table["options"])}'
    found = table['measured']
    if found is None:
        return ['No row has been measured yet.', f'{base}.']
    seeds = ', '.join(map(str, found['seeds']))
    parts = [
        ', '.join(found['datasets']),
        f'{found["clips"]} clips',
        f'{found["subjects"]} subjects',
        f'seed{"s" if len(found["seeds"]) > 1 else ""} {seeds}',
        f'chance {100 * found["chance"]:.1f} %',
        f"majority {100 * found['majority']:.1f} % ('{found['majority_class']}')",
        f'protocol {_protocol(found["protocol"])}',
    ]
    folds = found['folds']
    if folds and folds['done'] < folds['of']:
        parts.append(f'only {folds["done"]} of {folds["of"]} folds')
    selection = SELECTIONS[found['selection']]
    return ['; '.join(parts) + '.', f'{base}. Model of each fold: {selection}.']


def notes(table: Mapping[str, Any]) -> list[str]:
    """Return the lines below a table: how to read its numbers."""
    found = table['measured']
    lines = ['Acc and UF1 in percent.']
    if found:
        lines = [
            f'Acc and UF1 in percent: mean over the seeds, {_level(table)} interval '
            f'(bootstrap over subjects) and standard deviation over the seeds '
            f'(Acc / UF1).'
        ]
    if found and table['reference']:
        lines.append(
            f'Differences from "{table["reference"]}" are paired: the same clips and '
            f'the same bootstrap samples of subjects. They are not corrected for the '
            f'number of rows.'
        )
    if _paper_keys(table):
        paper = table['paper']
        dataset = paper.get('dataset', 'its own data')
        other_data = found and [paper.get('dataset', '').lower()] != [
            name.lower() for name in found['datasets']
        ]
        lines.append(
            f'The columns "{_source(table)}" are quoted from {paper.get("source")} on '
            f'{dataset} (Acc and F1 in percent), not measured here: they come from '
            f'another training procedure{" and other data" if other_data else ""}.'
        )
    lines += [f'{row["name"]}: {row["note"]}.' for row in table['rows']
              if row.get('note')]  # fmt: skip
    return lines


def table_cells(table: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a row as plain text, by the title of their column."""
    on_test = row.get('selection') == 'test'
    cells = {'row': row['name'] + (f', {SELECTIONS["test"]}' if on_test else '')}
    cells['trainable'] = _number(row.get('trainable'), ',')
    if row['status'] != 'done':
        cells['trainable'] = shorten(_one_line(row['status']), _MAX_STATUS)
    scores = {title: row.get(key, {}) for key, title in SCORES.items()}
    for title, score in scores.items():
        cells[title] = _percent(score.get('value'))
        cells[f'{title}, {_level(table)} interval'] = _interval(score.get('interval'))
    deviations = [score.get('deviation') for score in scores.values()]
    cells['sd over seeds'] = (
        _EMPTY if None in deviations else ' / '.join(map(_percent, deviations))
    )
    if table['reference']:
        differences = row.get('vs_reference') or {}
        for key, title in SCORES.items():
            cells[f'{title} vs reference'] = (
                'reference'
                if row['name'] == table['reference']
                else _difference(differences.get(key))
            )
    seconds = row.get('training_s')
    cells['training, s'] = _number(seconds, f',.{0 if (seconds or 0) >= 100 else 1}f')
    for key in _paper_keys(table):
        value = row['paper'].get(key)
        digits = 2 if key != 'millions' else 3 if value and value < 0.1 else 1
        title = f'{_source(table)}: {PAPER_NUMBERS[key]}'
        cells[title] = _number(value, f'.{digits}f')
    return cells


def _number(value: float | None, form: str) -> str:
    return _EMPTY if value is None else f'{value:{form}}'


def _percent(fraction: float | None, sign: str = '') -> str:
    return _EMPTY if fraction is None else f'{100 * fraction:{sign}.2f}'


def _interval(ends: Sequence[float] | None, sign: str = '') -> str:
    return ' to '.join(_percent(end, sign) for end in ends) if ends else _EMPTY


def _difference(found: Mapping[str, Any] | None) -> str:
    if not found:
        return _EMPTY
    return f'{_percent(found["difference"], "+")} ({_interval(found["interval"], "+")})'


def _level(table: Mapping[str, Any]) -> str:
    return f'{100 * (table["measured"] or {}).get("interval_level", 0.95):.0f} %'


def _protocol(protocol: Any) -> str:
    if isinstance(protocol, Mapping):
        return ', '.join(
            str(value) if key == 'type' else f'{key} {value}'
            for key, value in protocol.items()
        )
    return str(protocol or 'unknown')


def _paper_keys(table: Mapping[str, Any]) -> list[str]:
    """Return which of the paper's numbers any row has."""
    given = {key for row in table['rows'] for key in row['paper']}
    return [key for key in PAPER_NUMBERS if key in given]


def _source(table: Mapping[str, Any]) -> str:
    dataset = table['paper'].get('dataset')
    return f'paper ({dataset})' if dataset else 'paper'


def latex(text: str) -> str:
    r"""Escape a text for LaTeX, on one line.

    >>> latex('a_b <= 5 %')
    'a\\_b \\textless{}= 5 \\%'
    """
    return ''.join(_LATEX.get(char, char) for char in _one_line(text))


def _minus(text: str) -> str:
    r"""Replace the sign of negative numbers, and no other hyphen, by a minus.

    >>> _minus('-1.50 (-2.00 to +0.10)'), _minus('0-1')
    ('$-$1.50 ($-$2.00 to +0.10)', '0-1')
    """
    return re.sub(r'(?<![\w.-])-(?=\d)', '$-$', text)


def _markdown_row(cells: Any) -> str:
    return '| ' + ' | '.join(map(_markdown, cells)) + ' |'


def _markdown(text: str) -> str:
    return _one_line(text).replace('|', '\\|')


def _one_line(text: str) -> str:
    return ' '.join(str(text).split())
