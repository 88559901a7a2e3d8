"""Printed results: what a reader must find in them."""

import re

import pytest
from toy_predictions import CLASSES, LABEL, predict, toy_folds

from mmaction_mer.evaluation.functional import SCORES
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.evaluation.summary_text import format_summary


def rows_of(text):
    """Cells of each line by its first word; the last line of a name counts."""
    return {cells[0]: cells[1:] for cells in map(str.split, text.splitlines()) if cells}


def over_seeds(selection='last', seeds=3):
    runs = {seed: toy_folds(seed, clips=None) for seed in range(seeds)}
    results = {
        seed: summarize_run(folds, CLASSES, selection, [seed])
        for seed, folds in runs.items()
    }
    return summarize_seeds(runs, results)


@pytest.fixture
def folds():
    return {
        'sub01': predict('sub01', [(0, 0), (0, 0), (1, 0), (2, 2)]),
        'sub02': predict('sub02', [(0, 0), (0, 1)]),
        'sub03': predict('sub03', [(2, 2), (2, 2), (1, 1)]),
    }


@pytest.fixture
def composite():
    """Two data sets under leave-one-subject-out, subjects as compose.py names them."""
    pairs = [(0, 0), (0, 0), (1, 0), (2, 2)]
    return {
        'casme2_sub01': predict('casme2_sub01', pairs, 'casme2'),
        'casme2_sub02': predict('casme2_sub02', [(0, 0), (0, 1)], 'casme2'),
        'samm_006': predict('samm_006', [(2, 2), (2, 2), (0, 2)], 'samm'),
    }


def test_one_run(folds):
    text = format_summary(summarize_run(folds, CLASSES, seeds=[0]))
    head = 'samm · 9 clips · 3 subjects · 3 folds · seed 0\nModel of each fold: last '
    assert text.startswith(head)
    rows = rows_of(text)
    assert rows['acc'][0] == '77.78'
    assert rows['chance'][0] == '33.33' and rows['majority'][0] == '44.44'
    assert 'for comparison only, never the result' in text
    assert rows['negative'] == ['3', '1', '0', '4', '75.00']
    assert rows['sub02'] == ['2', '50.00']
    assert LABEL not in text
    lines = text.splitlines()
    assert 'Folds' not in lines, 'the folds are the subjects'
    assert 'Data sets, each alone' not in lines
    alone = format_summary(summarize_run({'sub01': folds['sub01']}, CLASSES, seeds=[]))
    assert 'none: a single subject' in alone and 'seed not known' in alone


def test_several_seeds():
    summary = over_seeds()
    text = format_summary(summary)
    assert 'samm · 30 clips · 5 subjects · 5 folds · seeds 0, 1, 2' in text
    for title in (
        'Scores: mean of 3 seeds', 'Subjects (mean of 3 seeds)',
        'Confusion matrix (clips, 3 seeds added up)',
    ):  # fmt: skip
        assert title in text.splitlines()
    rows = rows_of(text)
    for name, values in (
        ('mean', summary['scores']), ('deviation', summary['deviations']),
        ('0', summary['per_seed'][0]),
    ):  # fmt: skip
        assert rows[name] == [f'{100 * values[one]:.2f}' for one in SCORES]
    assert rows['acc'][0] == rows['mean'][0]
    assert rows_of(format_summary(over_seeds(seeds=1)))['deviation'] == ['-'] * 5


def test_a_composite_stays_readable(composite):
    text = format_summary(summarize_run(composite, CLASSES))
    rows = rows_of(text)
    assert rows['casme2'] == ['2', '6', '66.67', '58.33', '58.33']
    assert rows['samm'] == ['1', '3', '66.67', '40.00', '50.00']
    assert rows['samm/006'] == ['3', '66.67'] and 'samm_006' not in text
    assert 'samm: No clip and no prediction, left out of every mean: positive' in text
    assert 'Folds' not in text.splitlines(), 'the folds are the subjects'


def test_folds_that_are_data_sets_are_printed_once(composite):
    casme2 = composite['casme2_sub01'] + composite['casme2_sub02']
    samm = composite['samm_006']
    for folds, shown in (
        ({'casme2': casme2, 'samm': samm}, False), ({'both': casme2 + samm}, True),
    ):  # fmt: skip
        lines = format_summary(summarize_run(folds, CLASSES)).splitlines()
        assert 'Data sets, each alone' in lines and ('Folds' in lines) == shown


def test_classes_without_clips_are_explained():
    lines = predict('a', [(0, 0), (0, 2), (1, 1)], num_classes=4)
    text = format_summary(summarize_run({'a': lines}, [*CLASSES, 'others']))
    assert 'No clip and no prediction, left out of every mean: others' in text
    assert 'Predicted but no clip, F1 0 in uf1, left out of uar: surprise' in text


def test_every_score_selected_on_the_test_subject_is_labeled(composite):
    composite['group'] = predict('sub04', [(0, 0)]) + predict('sub05', [(1, 0)])
    one = summarize_run(composite, CLASSES, selection='test')
    for found in (one, over_seeds('test')):
        text = format_summary(found)
        scored = [
            line for line in text.splitlines()
            if re.search(r'\d\.\d\d', line) and line[:6] not in ('chance', 'majori')
        ]  # fmt: skip
        assert len(scored) > 15 and all(line.endswith(LABEL) for line in scored)
        assert f'Model of each fold: {LABEL}' in text
