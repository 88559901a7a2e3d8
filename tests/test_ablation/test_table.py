"""Ablation tables: what a row says, and that the paper's numbers stay apart."""

import json
import re

import pytest
from ablation_toy import summary

from mmaction_mer.evaluation.ablation_cells import cells, columns, heading, notes
from mmaction_mer.evaluation.ablation_table import RowResult, build_table
from mmaction_mer.evaluation.ablation_text import latex, to_latex, to_markdown
from mmaction_mer.evaluation.paired import compare_runs

PAPER = dict(source='MPT, table X', dataset='SMIC')
LABEL = 'selected on the test subject'


def row(name, skill=None, paper=None, **more):
    if skill is None:
        return RowResult(name, status=more.pop('status', 'not run yet'), **more,
                         paper=paper or {})  # fmt: skip
    found, lines = summary(skill, **more)
    return RowResult(name, found, lines, paper=paper or {})


@pytest.fixture(scope='module')
def rows():
    return [
        row('weak_&_poor', 0.3, dict(acc=81.10, f1=80.54)),
        row('whole', 0.9, dict(acc=86.59, f1=86.01)),
        row('not yet', None, dict(acc=78.05)),
        row('broken', None, status='failed: 50 % of {x} | y\nis #1'),
    ]


@pytest.fixture(scope='module')
def table(rows):
    return build_table(
        rows, 'whole', name='t', title='Table X: gain_factor', base='base.py',
        options={'train_cfg.max_iters': '2'}, paper=PAPER, x_label='',
    )  # fmt: skip


def test_a_row_has_the_summary_and_the_paired_difference(rows, table):
    json.dumps(table, allow_nan=False)
    weak, whole, waiting, broken = table['rows']
    for name in ('acc', 'uf1'):
        assert weak[name]['value'] == rows[0].summary['scores'][name]
        assert weak[name]['interval'] == rows[0].summary['intervals'][name]
        assert weak[name]['deviation'] == rows[0].summary['deviations'][name]
    assert weak['learns'] == 1234 and weak['training_s'] == 25.0
    compared = compare_runs(rows[1].lines, rows[0].lines, 3)
    for name in ('acc', 'uf1'):
        part = compared['scores'][name]
        assert weak['against'][name] == {
            'difference': part['difference'], 'interval': part['interval'],
        }  # fmt: skip
        assert part['difference'] < 0
    assert [one['seed_a'] for one in weak['against']['mcnemar']] == [0, 1]
    assert set(weak['per_seed']) == {'0', '1'}
    assert 'against' not in whole
    assert 'acc' not in waiting and waiting['paper'] == {'acc': 78.05}
    assert broken['status'].startswith('failed: 50 %')


def test_the_heading_says_on_what_and_how(table):
    first, second = heading(table)
    found = table['measured']
    assert first == (
        'toy; 30 clips; 5 subjects; seeds 0, 1; chance 33.3 %; majority '
        f"{100 * found['majority']:.1f} % ('{found['majority_class']}'); protocol loso."
    )
    assert second == (
        'Base: base.py, with train_cfg.max_iters=2. Model of each fold: last iteration '
        'of a fixed schedule.'
    )
    assert heading(build_table([row('a')], base='b.py')) == [
        'Nothing is measured yet.', 'Base: b.py.',
    ]  # fmt: skip


def test_the_papers_numbers_have_columns_of_their_own(rows, table):
    names = columns(table)
    own = [name for name in names if not isinstance(name, str)]
    assert names[-2:] == own == [
        ('paper (SMIC)', 'paper (SMIC): Acc', 'Acc'),
        ('paper (SMIC)', 'paper (SMIC): F1', 'F1'),
    ]  # fmt: skip
    written = [cells(table, one) for one in table['rows']]
    assert {len(line) for line in written} == {len(names)}
    assert [line[-2:] for line in written] == [
        ['81.10', '80.54'], ['86.59', '86.01'], ['78.05', '-'], ['-', '-'],
    ]  # fmt: skip
    # No number of the paper's stands anywhere else, in JSON either.
    for line in written:
        assert not {'81.10', '80.54', '86.59', '86.01', '78.05'} & set(line[:-2])
    without = [{**one, 'paper': {}} for one in table['rows']]
    assert '86.59' not in json.dumps({**table, 'rows': without})
    said = ' '.join(notes(table))
    assert 'MPT, table X says of SMIC' in said and 'of other data' in said
    plain = build_table([RowResult(r.name, r.summary, r.lines) for r in rows], 'whole')
    assert all(isinstance(name, str) for name in columns(plain))
    counts = [row('a', None, dict(millions=0.003)), row('b', None, dict(millions=86.4))]
    millions = build_table(counts, paper=PAPER)
    assert [cells(millions, one)[-1] for one in millions['rows']] == ['0.003', '86.4']
    same = {**table, 'paper': dict(PAPER, dataset='TOY')}
    assert 'of another training.' in ' '.join(notes(same))


def test_markdown(table):
    text = to_markdown(table)
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert text.startswith('# Table X: gain_factor\n')
    bars = [len(re.findall(r'(?<!\\)\|', line)) for line in lines]
    assert set(bars) == {len(columns(table)) + 1}
    assert '| broken | failed: 50 % of {x} \\| y is #1 | - |' in text
    assert '| not yet | not run yet | - |' in text
    weak = next(line for line in lines if line.startswith('| weak_&_poor'))
    found = table['rows'][0]
    low, high = found['acc']['interval']
    assert f'| {100 * found["acc"]["value"]:.2f} | {100 * low:.2f} to ' in weak
    assert f'{100 * found["against"]["acc"]["difference"]:+.2f} (' in weak
    assert '| reference | reference | 25.0 |' in text


def test_latex_is_a_whole_tabular_with_everything_escaped(table):
    text = to_latex(table)
    body = '\n'.join(line for line in text.splitlines() if not line.startswith('%'))
    assert body.count(r'\begin{tabular}') == body.count(r'\end{tabular}') == 1
    assert (
        body.index(r'\toprule') < body.index(r'\midrule') < body.index(r'\bottomrule')
    )
    total = len(columns(table))
    for line in body.splitlines():
        if not line.endswith(r'\\'):
            continue
        spans = [int(n) for n in re.findall(r'\\multicolumn\{(\d+)\}', line)]
        parts = len(re.findall(r'(?<!\\)&', line)) + 1
        assert parts + sum(spans) - len(spans) == total
    # Nothing that LaTeX would take for a command, a comment or a place to align.
    text = re.sub(r'\$-\$', '', body)
    assert not re.search(r'(?<!\\)[%#$_^~]', text)
    assert r'weak\_\&\_poor & 1,234 & ' in body
    assert r'{failed: 50 \% of \{x\} \textbar{} y is \#1}' in body
    assert rf'\cmidrule(lr){{{total - 1}-{total}}}' in body
    assert rf'\multicolumn{{{total - 2}}}{{c}}{{measured}} & ' in body
    assert r'\multicolumn{2}{c}{paper (SMIC)}' in body
    assert body.count('{') == body.count('}')
    assert '$-$' in body and body.isascii()


def test_every_sign_of_latex_is_escaped():
    assert latex('\\a{b}%&$#_~^<>|"') == (
        r'\textbackslash{}a\{b\}\%\&\$\#\_\textasciitilde{}\textasciicircum{}'
        r"\textless{}\textgreater{}\textbar{}''"
    )
    assert latex('a\n  b') == 'a b'


def test_what_was_selected_on_the_test_subject_says_so_everywhere():
    table = build_table(
        [row('plain', 0.6), row('chosen', 0.9, selection='test')], 'plain', title='T'
    )
    plain, chosen = table['rows']
    assert LABEL not in json.dumps(plain)
    for part in (chosen['acc'], chosen['uf1'], chosen['per_seed']['0'],
                 chosen['against']['acc']):  # fmt: skip
        assert LABEL in part['note']
    for text in (to_markdown(table), to_latex(table)):
        lines = [x for x in text.splitlines() if x.lstrip('| ').startswith('chosen, ')]
        assert lines and all(LABEL in line for line in lines)
    both = build_table([row('chosen', 0.9, selection='test')], 'chosen', title='T')
    assert LABEL in ' '.join(heading(both))


def test_one_seed_has_no_deviation_and_one_subject_no_interval():
    table = build_table([row('a', 0.6, seeds=(3,)), row('b', 0.9, seeds=(3,))], 'a')
    written = cells(table, table['rows'][1])
    assert written[6] == '-'
    assert 'seed 3;' in heading(table)[0]
    alone = build_table([row('a', 0.6, people=1), row('b', 0.9, people=1)], 'a')
    written = cells(alone, alone['rows'][1])
    assert written[3] == '-' and written[7].endswith('(-)')


def test_a_row_of_other_clips_is_not_compared_and_says_so():
    rows = [row('a', 0.9), row('b', 0.9, people=4), row('c', 0.9, dataset='other')]
    table = build_table(rows, 'a', title='T')
    assert [one.get('against') for one in table['rows']] == [None] * 3
    said = table['rows'][1]['note']
    assert 'other clips (22)' in said and 'other subjects (4)' in said
    assert 'not of the same clips' in said
    assert 'other datasets (other)' in table['rows'][2]['note']
    assert any(note.startswith('b: other clips') for note in notes(table))
    assert cells(table, table['rows'][1])[7:9] == ['-', '-']


def test_without_a_reference_there_are_no_differences(rows):
    table = build_table(rows[:2], None, title='T', base='b')
    assert not any('reference' in str(name) for name in columns(table))
    assert not any('against' in one for one in table['rows'])
    assert 'Differences' not in to_markdown(table)
    # A reference that is not done yet leaves its columns empty.
    waiting = build_table(rows, 'not yet', title='T')
    assert cells(waiting, waiting['rows'][0])[7:9] == ['-', '-']
