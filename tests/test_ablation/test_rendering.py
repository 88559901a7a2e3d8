"""Tables as text: the same cells in Markdown and LaTeX, the paper's numbers apart."""

import json
import re

import pytest
from ablation_toy import PAPER, toy_row, toy_spec

from mmaction_mer.ablation import build_table, to_latex, to_markdown
from mmaction_mer.ablation.rendering import heading, latex, notes, table_cells

LABEL = 'selected on the test subject'


@pytest.fixture(scope='module')
def table():
    rows = [
        toy_row('weak_&_poor', 0.3, dict(acc=81.10, f1=80.54)),
        toy_row('whole', 0.9, dict(acc=86.59, f1=86.01)),
        toy_row('not yet', None, dict(acc=78.05)),
        toy_row('broken', status='failed: 50 % of {x} | y\nis #1'),
    ]
    spec = toy_spec('whole', 'Table X: gain_factor', PAPER)
    return build_table(spec, rows, 'base.py', ['train_cfg.max_iters=2'])


def cells_of(table):
    return [table_cells(table, row) for row in table['rows']]


def test_the_heading_names_data_protocol_and_base(table):
    assert heading(table) == [
        'toy; 30 clips; 5 subjects; seeds 0, 1; chance 33.3 %; majority 33.3 % '
        "('negative'); protocol loso.",
        'Base: base.py, with train_cfg.max_iters=2. Model of each fold: last iteration '
        'of a fixed schedule.',
    ]
    empty = build_table(toy_spec(), [toy_row('a')], 'b.py')
    assert heading(empty) == ['No row has been measured yet.', 'Base: b.py.']


def test_the_papers_numbers_have_columns_of_their_own(table):
    rows = cells_of(table)
    titles = list(rows[0])
    assert all(list(row) == titles for row in rows)
    assert titles[-2:] == ['paper (SMIC): Acc', 'paper (SMIC): F1']
    texts = [list(row.values()) for row in rows]
    assert [row[-2:] for row in texts] == [
        ['81.10', '80.54'], ['86.59', '86.01'], ['78.05', '-'], ['-', '-'],
    ]  # fmt: skip
    # They stand nowhere else, in the data either.
    for row in texts:
        assert not {'81.10', '80.54', '86.59', '86.01', '78.05'} & set(row[:-2])
    without = [{**row, 'paper': {}} for row in table['rows']]
    assert '86.59' not in json.dumps({**table, 'rows': without})
    assert not any('paper' in title for title in table_cells({**table, 'rows': without},
                                                             without[0]))  # fmt: skip
    assert 'quoted from MPT, table X on SMIC' in notes(table)[2]
    assert 'and other data.' in notes(table)[2]
    same = {**table, 'paper': {**PAPER, 'dataset': 'TOY'}}
    assert 'other data' not in notes(same)[2]
    counts = [toy_row('a', None, dict(millions=0.003)),
              toy_row('b', None, dict(millions=86.4))]  # fmt: skip
    millions = cells_of(build_table(toy_spec(paper=PAPER), counts))
    title = 'paper (SMIC): trainable, M'
    assert [row[title] for row in millions] == ['0.003', '86.4']


def test_markdown(table):
    text = to_markdown(table)
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert text.startswith('# Table X: gain_factor\n')
    bars = [len(re.findall(r'(?<!\\)\|', line)) for line in lines]
    assert set(bars) == {len(cells_of(table)[0]) + 1}
    assert '| broken | failed: 50 % of {x} \\| y is #1 | - |' in text
    assert '| not yet | not started | - |' in text
    weak = next(line for line in lines if line.startswith('| weak_&_poor'))
    found = table['rows'][0]
    low, high = found['acc']['interval']
    assert f'| {100 * found["acc"]["value"]:.2f} | {100 * low:.2f} to ' in weak
    assert f'{100 * found["vs_reference"]["acc"]["difference"]:+.2f} (' in weak
    assert '| reference | reference | 25.0 |' in text


def test_latex_is_a_whole_tabular_with_everything_escaped(table):
    text = to_latex(table)
    body = '\n'.join(line for line in text.splitlines() if not line.startswith('%'))
    assert body.count(r'\begin{tabular}') == body.count(r'\end{tabular}') == 1
    assert (
        body.index(r'\toprule') < body.index(r'\midrule') < body.index(r'\bottomrule')
    )
    total = len(cells_of(table)[0])
    for line in body.splitlines():
        if line.endswith(r'\\'):
            spans = [int(n) for n in re.findall(r'\\multicolumn\{(\d+)\}', line)]
            parts = len(re.findall(r'(?<!\\)&', line)) + 1
            assert parts + sum(spans) - len(spans) == total
    # Nothing that LaTeX would take for a command, a comment or an alignment.
    assert not re.search(r'(?<!\\)[%#$_^~]', body.replace('$-$', ''))
    assert r'weak\_\&\_poor & 1,234 & ' in body
    assert r'{failed: 50 \% of \{x\} \textbar{} y is \#1}' in body
    assert rf'\cmidrule(lr){{{total - 1}-{total}}}' in body
    assert rf'\multicolumn{{{total - 2}}}{{c}}{{measured}} & ' in body
    assert r'\multicolumn{2}{c}{paper (SMIC)}' in body
    assert body.count('{') == body.count('}')
    assert '$-$' in body and body.isascii()


def test_every_special_character_of_latex_is_escaped():
    assert latex('\\a{b}%&$#_~^<>|"') == (
        r'\textbackslash{}a\{b\}\%\&\$\#\_\textasciitilde{}\textasciicircum{}'
        r"\textless{}\textgreater{}\textbar{}''"
    )
    assert latex('a\n  b') == 'a b'


def test_selection_on_the_test_subject_is_named_in_every_line():
    rows = [toy_row('plain', 0.6), toy_row('chosen', 0.9, selection='test')]
    table = build_table(toy_spec('plain'), rows)
    for text in (to_markdown(table), to_latex(table)):
        lines = [x for x in text.splitlines() if x.lstrip('| ').startswith('chosen, ')]
        assert lines and all(LABEL in line for line in lines)
    assert LABEL in heading(build_table(toy_spec(), rows[1:]))[1]


def test_one_seed_has_no_deviation_and_one_subject_no_interval():
    def row_of(**run):
        rows = [toy_row('a', 0.6, **run), toy_row('b', 0.9, **run)]
        table = build_table(toy_spec('a'), rows)
        return table, table_cells(table, table['rows'][1])

    table, cells = row_of(seeds=(3,))
    assert cells['sd over seeds'] == '-'
    assert 'seed 3;' in heading(table)[0]
    _, cells = row_of(subjects=1)
    assert cells['Acc, 95 % interval'] == '-'
    assert cells['Acc vs reference'].endswith('(-)')


def test_a_row_without_a_reference_or_of_other_clips_has_no_difference():
    rows = [toy_row('a', 0.9), toy_row('b', 0.9, subjects=4)]
    table = build_table(toy_spec('a'), rows)
    assert cells_of(table)[1]['Acc vs reference'] == '-'
    assert notes(table)[-1].startswith('b: other clips')
    table = build_table(toy_spec(), rows)
    assert not any('reference' in title for title in cells_of(table)[0])
    assert 'Differences' not in to_markdown(table)
