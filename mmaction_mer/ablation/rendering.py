r"""An ablation table as text: Markdown, and a booktabs tabular for LaTeX.

Both have the same cells. The paper's numbers stand in columns of their own at the
right, headed by the paper's data set.
"""

import re
from collections.abc import Mapping
from typing import Any

from .ablation_cells import cells, columns, flat, heading, notes

_LATEX = {
    '\\': r'\textbackslash{}', '&': r'\&', '%': r'\%', '$': r'\$', '#': r'\#',
    '_': r'\_', '{': r'\{', '}': r'\}', '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}', '<': r'\textless{}', '>': r'\textgreater{}',
    '|': r'\textbar{}', '"': "''",
}  # fmt: skip


def to_markdown(table: Mapping[str, Any]) -> str:
    r"""Write a table of :func:`build_table` as Markdown.

    >>> from .ablation_table import RowResult, build_table
    >>> text = to_markdown(build_table([RowResult('a | b')], title='T', base='b.py'))
    >>> [line for line in text.splitlines() if 'not run' in line]
    ['| a \\| b | not run yet | - | - | - | - | - | - |']
    """
    names = [
        column if isinstance(column, str) else column[1] for column in columns(table)
    ]
    # Two spaces at the end of a line break it.
    told = [f'{_cell(line)}  ' for line in heading(table)]
    lines = [f'# {flat(table["title"])}', '', *told, '']
    lines.append('| ' + ' | '.join(map(_cell, names)) + ' |')
    lines.append('|---' + '|---:' * (len(names) - 1) + '|')
    for row in table['rows']:
        lines.append('| ' + ' | '.join(map(_cell, cells(table, row))) + ' |')
    return '\n'.join([*lines, '', *(f'{note}  ' for note in notes(table)), ''])


def to_latex(table: Mapping[str, Any]) -> str:
    r"""Write a table of :func:`build_table` as a tabular, to be read by ``\input``.

    >>> from .ablation_table import RowResult, build_table
    >>> text = to_latex(build_table([RowResult('50 % & more')], title='T', base='b'))
    >>> r'50 \% \& more & \multicolumn{7}{l}{not run yet}' in text
    True
    """
    named = columns(table)
    total = len(named)
    wide = rf'\multicolumn{{{total}}}{{p{{\linewidth}}}}'
    told = [f'% {flat(line)}' for line in (table['title'], *heading(table))]
    told.append(r'% Needs \usepackage{booktabs}.')
    lines = [*told, rf'\begin{{tabular}}{{l{"r" * (total - 1)}}}', r'\toprule']
    papers = [column for column in named if not isinstance(column, str)]
    own = total - len(papers)
    for line in (table['title'], *heading(table)):
        lines.append(rf'{wide}{{{latex(line)}}} \\')
    lines.append(r'\midrule')
    if papers:
        lines.append(
            rf'\multicolumn{{{own}}}{{c}}{{measured}} & '
            rf'\multicolumn{{{len(papers)}}}{{c}}{{{latex(papers[0][0])}}} \\'
        )
        lines.append(rf'\cmidrule(lr){{1-{own}}} \cmidrule(lr){{{own + 1}-{total}}}')
    short = [column if isinstance(column, str) else column[2] for column in named]
    lines.append(' & '.join(map(latex, short)) + r' \\')
    lines.append(r'\midrule')
    for row in table['rows']:
        written = [_minus(latex(cell)) for cell in cells(table, row)]
        if row['status'] != 'done':
            # A sentence across the columns that have no numbers.
            written[1:own] = [rf'\multicolumn{{{own - 1}}}{{l}}{{{written[1]}}}']
        lines.append(' & '.join(written) + r' \\')
    lines.append(r'\midrule')
    for note in notes(table):
        lines.append(rf'{wide}{{\footnotesize {latex(note)}}} \\')
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}', ''])


def latex(text: str) -> str:
    r"""Escape a text for LaTeX.

    >>> latex('a_b <= 5 %')
    'a\\_b \\textless{}= 5 \\%'
    """
    return ''.join(_LATEX.get(sign, sign) for sign in flat(text))


def _minus(text: str) -> str:
    r"""Set the sign of negative numbers, and of nothing else, as a minus.

    >>> _minus('-1.50 (-2.00 to +0.10)'), _minus('0-1')
    ('$-$1.50 ($-$2.00 to +0.10)', '0-1')
    """
    return re.sub(r'(?<![\w.-])-(?=\d)', '$-$', text)


def _cell(text: str) -> str:
    return flat(text).replace('|', '\\|')
