"""The pooled report: what is in it, what is printed, what is refused."""

import json

import pytest

from mmaction_mer.evaluation.functional import SCORES, scores
from mmaction_mer.evaluation.report import format_report, pool, save_results
from mmaction_mer.utils.errors import MERDataError

CLASSES = ['negative', 'positive', 'surprise']
LABEL = 'selected on the test subject'


def lines(subject, pairs, dataset='casme2', num_classes=3):
    return [
        {
            'dataset': dataset,
            'subject': subject,
            'clip': f'c{number}',
            'label': label,
            'prediction': guess,
            'probabilities': [float(index == guess) for index in range(num_classes)],
        }
        for number, (label, guess) in enumerate(pairs)
    ]


@pytest.fixture
def by_fold():
    return {
        'sub01': lines('sub01', [(0, 0), (0, 0), (1, 0), (2, 2)]),
        'sub02': lines('sub02', [(0, 0), (0, 1)]),
        'sub03': lines('sub03', [(2, 2), (2, 2), (1, 1)]),
    }


def test_scores_are_pooled_over_clips_not_averaged_over_folds(by_fold):
    results = pool(by_fold, CLASSES, seeds=[3], extra={'fingerprint': 'abc'})
    truth, guess = [0, 0, 1, 2, 0, 0, 2, 2, 1], [0, 0, 0, 2, 0, 1, 2, 2, 1]
    assert results['scores'] == pytest.approx(scores(truth, guess, 3))
    assert results['confusion'] == [[3, 1, 0], [1, 1, 0], [0, 0, 3]]
    assert results['clips'] == 9
    assert results['chance'] == pytest.approx(1 / 3)
    assert results['majority'] == pytest.approx(4 / 9)
    assert results['majority_class'] == 'negative'
    assert results['seeds'] == [3]
    assert results['selection'] == 'last'
    assert results['extra'] == {'fingerprint': 'abc'}
    assert results['folds'][1] == {
        'fold': 'sub02',
        'subjects': 1,
        'clips': 2,
        'acc': 0.5,
        'uf1': pytest.approx(1 / 3),
    }
    assert [row['acc'] for row in results['subjects']] == [0.75, 0.5, 1.0]
    mean = (scores(truth[:4], guess[:4], 3)['uf1'] + 1 / 3 + 1) / 3
    assert results['f1_fold_mean']['value'] == pytest.approx(mean)
    assert 'comparison only' in results['f1_fold_mean']['use']
    for name in SCORES:
        low, high = results['intervals'][name]
        assert low <= results['scores'][name] <= high


def test_results_fit_into_json(by_fold, tmp_path):
    results = pool(by_fold, CLASSES)
    path = save_results(tmp_path / 'results.json', results)
    assert json.loads(path.read_text()) == results


def test_the_same_subject_name_in_two_datasets_is_two_people(by_fold):
    by_fold['samm'] = lines('sub01', [(0, 0)], dataset='samm')
    results = pool(by_fold, CLASSES)
    assert len(results['subjects']) == 4
    text = format_report(results)
    assert 'samm/sub01' in text
    assert '4 subjects' in text


@pytest.fixture
def composite():
    """Two data sets under leave-one-subject-out, subjects as compose.py names them."""
    return {
        'casme2_sub01': lines('casme2_sub01', [(0, 0), (0, 0), (1, 0), (2, 2)]),
        'casme2_sub02': lines('casme2_sub02', [(0, 0), (0, 1)]),
        'samm_006': lines('samm_006', [(2, 2), (2, 2), (0, 2)], 'samm'),
    }


def test_each_data_set_is_scored_alone_too(composite):
    results = pool(composite, CLASSES)
    casme2, samm = results['datasets']
    truth, guess = [0, 0, 1, 2, 0, 0], [0, 0, 0, 2, 0, 1]
    wanted = scores(truth, guess, 3)
    assert casme2 == {
        'dataset': 'casme2', 'subjects': 2, 'clips': 6,
        **{name: pytest.approx(wanted[name]) for name in ('acc', 'uf1', 'uar')},
        'absent_classes': [], 'classes_without_clips': [],
    }  # fmt: skip
    wanted = scores([2, 2, 0], [2, 2, 2], 3)
    assert [samm['acc'], samm['uf1'], samm['uar']] == pytest.approx(
        [wanted['acc'], wanted['uf1'], wanted['uar']]
    )
    assert samm['absent_classes'] == ['positive']
    # The result itself is that of all clips together.
    assert results['scores'] == pytest.approx(
        scores(truth + [2, 2, 0], guess + [2, 2, 2], 3)
    )


def test_the_report_of_a_composite_stays_readable(composite):
    text = format_report(pool(composite, CLASSES))
    rows = [line.split() for line in text.splitlines()]
    assert ['casme2', '2', '6', '66.67', '58.33', '58.33'] in rows
    assert ['samm', '1', '3', '66.67', '40.00', '50.00'] in rows
    assert ['samm/006', '3', '66.67'] in rows and 'samm_006' not in text
    assert 'samm: No clip and no prediction, left out of every mean: positive' in text
    assert 'Folds' not in text.splitlines()  # they are the subjects


def test_one_data_set_gets_no_table_of_data_sets(by_fold):
    results = pool(by_fold, CLASSES)
    (row,) = results['datasets']
    for name in ('acc', 'uf1', 'uar'):
        assert row[name] == results['scores'][name]
    assert 'Data sets' not in format_report(results)


def test_folds_that_are_data_sets_are_told_once(composite):
    by_dataset = {
        'casme2': composite['casme2_sub01'] + composite['casme2_sub02'],
        'samm': composite['samm_006'],
    }
    text = format_report(pool(by_dataset, CLASSES))
    assert 'Data sets, each alone' in text and 'Folds' not in text.splitlines()
    both = {'casme2+samm': by_dataset['casme2'] + by_dataset['samm']}
    text = format_report(pool(both, CLASSES))
    assert 'Data sets, each alone' in text and 'Folds' in text.splitlines()


def test_a_data_sets_scores_say_how_they_were_selected(composite):
    results = pool(composite, CLASSES, selection='test')
    assert [row['note'] for row in results['datasets']] == [LABEL, LABEL]
    rows = [line.split() for line in format_report(results).splitlines()]
    found = [row for row in rows if row and row[0] in ('casme2', 'samm')]
    assert all(' '.join(row).endswith(LABEL) for row in found) and len(found) == 2


def test_the_report_shows_what_it_must(by_fold):
    text = format_report(pool(by_fold, CLASSES, seeds=[0]))
    for part in ('9 clips', '3 subjects', '3 folds', 'seed 0', 'last iteration'):
        assert part in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.split()}
    assert rows['acc'][1] == '77.78'
    assert rows['chance'][1] == '33.33'
    assert rows['majority'][1] == '44.44'
    assert 'for comparison only, never the result' in text
    assert rows['negative'] == ['negative', '3', '1', '0', '4', '75.00']
    assert rows['sub02'] == ['sub02', '2', '50.00']
    assert LABEL not in text
    assert 'Folds' not in text.splitlines()  # they are the subjects


def test_every_number_selected_on_the_test_subject_says_so(by_fold):
    by_fold['group'] = lines('sub04', [(0, 0)]) + lines('sub05', [(1, 0)])
    results = pool(by_fold, CLASSES, selection='test')
    text = format_report(results)
    rest = ('casme2 ·', 'score ', 'chance', 'majority', '  fold ')
    numbers = [line for line in text.splitlines() if any(map(str.isdigit, line))]
    assert len(numbers) > 15
    for line in numbers:
        assert line.endswith(LABEL) or line.startswith(rest), line
    assert f'Model of each fold: {LABEL}' in text
    assert results['note'] == LABEL
    assert results['scores']['note'] == results['intervals']['note'] == LABEL
    assert results['f1_fold_mean']['note'] == LABEL
    assert all(row['note'] == LABEL for row in results['folds'] + results['subjects'])
    plain = pool(by_fold, CLASSES, selection='inner')
    assert 'note' not in json.dumps(plain)
    assert LABEL not in format_report(plain)
    assert 'inner validation' in format_report(plain)


def test_classes_that_are_absent_or_have_no_clips_are_named():
    by_fold = {'a': lines('a', [(0, 0)], num_classes=4)}
    by_fold['b'] = lines('b', [(0, 2), (1, 1)], num_classes=4)
    results = pool(by_fold, [*CLASSES, 'others'])
    assert results['absent_classes'] == ['others']
    assert results['classes_without_clips'] == ['surprise']
    text = format_report(results)
    assert 'No clip and no prediction, left out of every mean: others' in text
    assert 'Predicted but no clip, F1 0 in uf1, left out of uar: surprise' in text


def test_one_subject_gives_no_interval_and_says_why(by_fold):
    results = pool({'sub01': by_fold['sub01']}, CLASSES)
    assert results['intervals'] is None
    assert 'none: a single subject' in format_report(results)


def test_a_clip_in_two_folds_is_refused(by_fold):
    by_fold['again'] = by_fold['sub02'][1:]
    message = 'casme2/sub02/c1: is predicted in fold sub02 and in fold again'
    with pytest.raises(MERDataError, match=message):
        pool(by_fold, CLASSES)


def test_wrong_predictions_are_refused_by_fold_and_clip(by_fold):
    by_fold['sub03'][1]['label'] = 7
    with pytest.raises(MERDataError, match="sub03[^$]*sub03/c1 .*field 'label'"):
        pool(by_fold, CLASSES)


def test_predictions_of_another_number_of_classes_are_refused(by_fold):
    with pytest.raises(MERDataError, match='3 numbers, but there are 2 classes'):
        pool(by_fold, CLASSES[:2])


@pytest.mark.parametrize(
    ('folds', 'message'), [({}, 'no fold to pool'), ({'sub09': []}, 'fold sub09')]
)
def test_nothing_to_pool_is_an_error(folds, message):
    with pytest.raises(MERDataError, match=message):
        pool(folds, CLASSES)


def test_an_unknown_selection_is_refused(by_fold):
    with pytest.raises(ValueError, match="'best', not one of"):
        pool(by_fold, CLASSES, selection='best')
