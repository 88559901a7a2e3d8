"""Results of one run and of several seeds: their values, labels and errors."""

import copy
import json
import statistics

import numpy as np
import pytest
from toy_predictions import CLASSES, LABEL, columns, predict, toy_folds

from mmaction_mer.evaluation.functional import SCORES, scores
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture
def folds():
    return {
        'sub01': predict('sub01', [(0, 0), (0, 0), (1, 0), (2, 2)]),
        'sub02': predict('sub02', [(0, 0), (0, 1)]),
        'sub03': predict('sub03', [(2, 2), (2, 2), (1, 1)]),
    }


@pytest.fixture
def runs():
    """Three seeds on 30 clips of five subjects."""
    return {seed: toy_folds(seed, clips=None) for seed in range(3)}


def over_seeds(runs, selection='last', extras=None):
    results = {
        seed: summarize_run(
            folds, CLASSES, selection, [seed], extras and extras[seed]
        )
        for seed, folds in runs.items()
    }  # fmt: skip
    return summarize_seeds(runs, results), results


def flat(folds):
    return [one for lines in folds.values() for one in lines]


def test_scores_are_pooled_over_clips_not_averaged_over_folds(folds):
    results = summarize_run(folds, CLASSES, seeds=[3], extra={'fingerprint': 'abc'})
    truth, guess = columns(flat(folds))
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
        'fold': 'sub02', 'subjects': 1, 'clips': 2, 'acc': 0.5,
        'uf1': pytest.approx(1 / 3),
    }  # fmt: skip
    assert [row['acc'] for row in results['subjects']] == [0.75, 0.5, 1.0]
    mean = (scores(truth[:4], guess[:4], 3)['uf1'] + 1 / 3 + 1) / 3
    assert results['f1_fold_mean']['value'] == pytest.approx(mean)
    for name in SCORES:
        low, high = results['intervals'][name]
        assert low <= results['scores'][name] <= high
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_each_data_set_is_scored_alone_too():
    casme2 = predict('sub01', [(0, 0), (0, 0), (1, 0), (2, 2)], 'casme2')
    casme2 += predict('sub02', [(0, 0), (0, 1)], 'casme2')
    samm = predict('sub01', [(2, 2), (2, 2), (0, 2)], 'samm')
    results = summarize_run({'casme2': casme2, 'samm': samm}, CLASSES)
    for row, lines, subjects in zip(
        results['datasets'], (casme2, samm), (2, 1), strict=True
    ):
        wanted = scores(*columns(lines), 3)
        assert (row['clips'], row['subjects']) == (len(lines), subjects)
        for name in ('acc', 'uf1', 'uar'):
            assert row[name] == pytest.approx(wanted[name])
    assert results['datasets'][0]['absent_classes'] == []
    assert results['datasets'][1]['absent_classes'] == ['positive']
    # The result itself is that of all clips together.
    assert results['scores'] == pytest.approx(scores(*columns(casme2 + samm), 3))
    # The same name in two data sets is two subjects.
    assert len(results['subjects']) == 3


def test_classes_that_are_absent_or_have_no_clips_are_listed():
    lines = predict('a', [(0, 0), (0, 2), (1, 1)], num_classes=4)
    results = summarize_run({'a': lines}, [*CLASSES, 'others'])
    assert results['absent_classes'] == ['others']
    assert results['classes_without_clips'] == ['surprise']
    assert results['intervals'] is None, 'a single subject has no interval'
    # A class that some seed predicts is not absent.
    folds = [{'a': predict('a', [(0, one), (0, 0)])} for one in (0, 2)]
    summary, _ = over_seeds(dict(enumerate(folds)))
    assert summary['absent_classes'] == ['positive']
    assert summary['classes_without_clips'] == ['surprise']
    assert summary['majority'] == 1.0


def test_scores_over_seeds_are_means_and_not_those_of_pooled_predictions(runs):
    summary, results = over_seeds(runs)
    for name in SCORES:
        values = [one['scores'][name] for one in results.values()]
        assert len(set(values)) > 1
        assert summary['scores'][name] == pytest.approx(statistics.mean(values))
        assert summary['deviations'][name] == pytest.approx(statistics.stdev(values))
        assert [row[name] for row in summary['per_seed']] == pytest.approx(values)
    pooled = scores(*columns(sum(map(flat, runs.values()), [])), 3)
    assert summary['scores']['uf1'] != pytest.approx(pooled['uf1'], abs=1e-6)
    total = sum(np.array(one['confusion']) for one in results.values())
    assert summary['confusion'] == total.tolist()
    assert summary['clips'] == 30 and summary['seeds'] == [0, 1, 2]
    for part, fields in (
        ('subjects', ['acc']), ('folds', ['acc', 'uf1']),
        ('datasets', ['acc', 'uf1', 'uar']),
    ):  # fmt: skip
        for number, row in enumerate(summary[part]):
            for field in fields:
                alone = [one[part][number][field] for one in results.values()]
                assert row[field] == pytest.approx(statistics.mean(alone))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_one_run_is_the_summary_of_one_seed(runs):
    summary, results = over_seeds({0: runs[0]})
    assert summary['deviations'] is None
    for name in results[0].keys() - {'extra'}:
        assert summary[name] == results[0][name], name


def test_the_interval_resamples_the_same_subjects_for_all_seeds(runs):
    summary, _ = over_seeds(runs)
    # The same by hand: draw subjects, take all their clips of every seed, average.
    draws = np.random.default_rng(0).multinomial(5, np.full(5, 0.2), size=2000)
    accuracies = []
    for folds in runs.values():
        right = [
            sum(o['label'] == o['prediction'] for o in ls) for ls in folds.values()
        ]
        accuracies.append((draws @ right) / (draws @ [*map(len, folds.values())]))
    ends = np.percentile(np.mean(accuracies, axis=0), [2.5, 97.5])
    assert summary['intervals']['acc'] == pytest.approx(ends.tolist())


def test_seeds_that_agree_have_the_interval_of_one(runs):
    backwards = {name: lines[::-1] for name, lines in reversed(runs[1].items())}
    summary, results = over_seeds({0: runs[1], 1: backwards})
    for name in SCORES:
        ends = summary['intervals'][name]
        assert ends == pytest.approx(results[0]['intervals'][name])
    assert summary['deviations'] == dict.fromkeys(SCORES, 0.0)


def test_seeds_with_different_folds_have_no_mean_of_a_fold(runs):
    assert over_seeds({0: runs[0], 1: {'all': flat(runs[1])}})[0]['folds'] == []
    # Nor have folds of one name and size, but of different clips.
    swapped = dict(zip(('s1', 's0'), [runs[1]['s0'], runs[1]['s1']], strict=True))
    assert over_seeds({0: runs[0], 1: {**runs[1], **swapped}})[0]['folds'] == []


@pytest.mark.parametrize('selection', ['test', 'inner'])
def test_every_score_selected_on_the_test_subject_is_labeled(runs, selection):
    summary, results = over_seeds(runs, selection)
    if selection != 'test':
        assert 'note' not in json.dumps([summary, results])
        return
    for found in (summary, results[0]):
        blocks = [found, found['scores'], found['intervals'], found['f1_fold_mean']]
        blocks += found['datasets'] + found['folds'] + found['subjects']
        if found is summary:
            blocks += [found['deviations'], *found['per_seed']]
        assert {block['note'] for block in blocks} == {LABEL}


def test_facts_add_up_or_are_shared(runs):
    facts = {
        0: dict(
            wall_time_s=10.0, clips_trained=100, clips_per_s=20.0, gpu_hours=0.5,
            strategy='sequential', fingerprint='abc', versions={'torch': '2'},
        ),
        1: dict(
            wall_time_s=30.0, clips_trained=300, clips_per_s=10.0, gpu_hours=1.0,
            strategy='sequential', fingerprint='def', versions={'torch': '3'},
        ),
    }  # fmt: skip
    runs = {seed: runs[seed] for seed in facts}
    summary, results = over_seeds(runs, extras=facts)
    assert summary['extra'] == {
        'clips_trained': 400,
        'gpu_hours': 1.5,
        'strategy': 'sequential',
        'fingerprints': {'0': 'abc', '1': 'def'},
    }
    del results[1]['extra']['gpu_hours']
    given = {'wall_time_s': 12.5, 'clips_trained': 399}
    extra = summarize_seeds(runs, results, given)['extra']
    assert given.items() <= extra.items() and 'gpu_hours' not in extra


def test_a_clip_in_two_folds_is_refused(folds):
    folds['again'] = folds['sub02'][1:]
    with pytest.raises(MERDataError, match='predicted twice') as error:
        summarize_run(folds, CLASSES)
    assert error.value.clip == 'samm/sub02/c1'


def test_predictions_of_another_number_of_classes_are_refused(folds):
    with pytest.raises(MERDataError, match='3 numbers, but there are 2') as error:
        summarize_run(folds, CLASSES[:2])
    assert error.value.field == 'probabilities'


def test_a_run_without_predictions_is_refused():
    with pytest.raises(MERDataError, match='no predictions'):
        summarize_run({}, CLASSES)


def test_an_unknown_selection_is_refused(folds):
    with pytest.raises(ValueError, match="'best', not one of"):
        summarize_run(folds, CLASSES, selection='best')


@pytest.mark.parametrize(
    ('changed', 'field', 'message'),
    [
        ('clips', None, '1 only in seed 0: samm/s1/c3'),
        ('labels', 'label', 'different labels for 1 clips: samm/s1/c3'),
        ('selection', 'selection', "'last' and 'test'"),
        ('classes', 'classes', 'not runs of one config'),
    ],
)
def test_seeds_that_are_not_of_one_protocol_are_refused(runs, changed, field, message):
    _, results = over_seeds(runs)
    runs = copy.deepcopy(runs)
    if changed == 'clips':
        del runs[1]['s1'][3]
    elif changed == 'labels':
        runs[1]['s1'][3]['label'] = 2
    else:
        results[1][changed] = 'test' if changed == 'selection' else ['a', 'b', 'c']
    with pytest.raises(MERDataError, match=message) as error:
        summarize_seeds(runs, results)
    assert error.value.field == field
