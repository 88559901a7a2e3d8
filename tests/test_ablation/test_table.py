"""Tables as data: what a row holds, and when two rows are compared."""

import json

import pytest
from ablation_toy import PAPER, toy_row, toy_spec

from mmaction_mer.ablation import build_table
from mmaction_mer.evaluation import compare_runs

LABEL = 'selected on the test subject'


def test_a_row_has_its_scores_and_the_paired_difference():
    rows = [
        toy_row('weak', 0.3, dict(acc=81.10)),
        toy_row('whole', 0.9),
        toy_row('broken', status='failed: no memory'),
    ]
    table = build_table(toy_spec('whole', paper=PAPER), rows, 'b.py', ['lr=1'])
    json.dumps(table, allow_nan=False)
    assert (table['base'], table['options']) == ('b.py', ['lr=1'])
    assert table['paper'] == {**PAPER, 'unit': 'percent'}
    weak, whole, broken = table['rows']
    compared = compare_runs(rows[1].lines, rows[0].lines, 3)
    for name in ('acc', 'uf1'):
        assert weak[name]['value'] == rows[0].summary['scores'][name]
        assert weak[name]['interval'] == rows[0].summary['intervals'][name]
        assert weak[name]['deviation'] == rows[0].summary['deviations'][name]
        assert weak['vs_reference'][name] == compared['scores'][name]
        assert weak['vs_reference'][name]['difference'] < 0
    assert [one['seed_a'] for one in weak['vs_reference']['mcnemar']] == [0, 1]
    assert (weak['trainable'], weak['training_s']) == (1234, 25.0)
    assert set(weak['per_seed']) == {'0', '1'}
    assert weak['paper'] == {'acc': 81.10}
    assert 'vs_reference' not in whole
    assert broken['status'] == 'failed: no memory' and 'acc' not in broken


def test_selection_on_the_test_subject_is_noted_beside_every_number():
    rows = [toy_row('plain', 0.6), toy_row('chosen', 0.9, selection='test')]
    plain, chosen = build_table(toy_spec('plain'), rows)['rows']
    assert LABEL not in json.dumps(plain)
    for part in (chosen['acc'], chosen['uf1'], chosen['per_seed']['0'],
                 chosen['vs_reference']['acc']):  # fmt: skip
        assert LABEL in part['note']


@pytest.mark.parametrize(
    ('run', 'notes'),
    [
        (dict(subjects=4), ['other clips (24)', 'other subjects (4)']),
        (dict(dataset='other'), ['other datasets (other)']),
    ],
)
def test_a_row_of_other_clips_is_not_compared(run, notes):
    rows = [toy_row('a', 0.9), toy_row('b', 0.9, **run)]
    table = build_table(toy_spec('a'), rows)
    other = table['rows'][1]
    assert other['vs_reference'] is None
    for note in [*notes, 'not measured on the clips of the reference']:
        assert note in other['note']


def test_without_a_finished_reference_there_are_no_differences():
    rows = [toy_row('a', 0.9), toy_row('b', 0.3), toy_row('waiting')]
    for reference in (None, 'waiting'):
        table = build_table(toy_spec(reference), rows)
        assert not any('vs_reference' in row for row in table['rows'])
        assert table['measured']['clips'] == 30
