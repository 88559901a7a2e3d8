"""The summary over seeds: its means, its spreads, its labels, and what it refuses."""

import copy
import json
import statistics

import numpy as np
import pytest

from mmaction_mer.evaluation.functional import SCORES, scores
from mmaction_mer.evaluation.report import format_report, pool
from mmaction_mer.evaluation.seeds import align, format_seeds, summarize_seeds
from mmaction_mer.utils.errors import MERDataError

CLASSES = ['negative', 'positive', 'surprise']
LABEL = 'selected on the test subject'


def one_run(seed, selection='last', dataset='casme2', **extra):
    """A run over five subjects with some mistakes, which depend on the seed."""
    rng = np.random.default_rng(seed)
    folds = {}
    for subject in range(5):
        rows = []
        for clip in range(4 + subject):
            label = (subject + clip) % 3
            guess = label if rng.random() < 0.7 else int(rng.integers(3))
            rows.append({
                'dataset': dataset, 'subject': f's{subject}', 'clip': f'c{clip}',
                'label': label, 'prediction': guess,
                'probabilities': [float(index == guess) for index in range(3)],
            })  # fmt: skip
        folds[f's{subject}'] = rows
    results = pool(folds, CLASSES, selection, [seed], extra)
    return results, [row for rows in folds.values() for row in rows]


def summary_of(*runs):
    return summarize_seeds(
        {number: results for number, (results, _) in enumerate(runs)},
        {number: lines for number, (_, lines) in enumerate(runs)},
    )


@pytest.fixture
def runs():
    return [one_run(seed) for seed in range(3)]


def test_scores_are_means_over_seeds_and_not_those_of_pooled_predictions(runs):
    summary = summary_of(*runs)
    for name in SCORES:
        values = [results['scores'][name] for results, _ in runs]
        assert len(set(values)) > 1
        assert summary['scores'][name] == pytest.approx(statistics.mean(values))
        assert summary['deviations'][name] == pytest.approx(statistics.stdev(values))
        assert [row[name] for row in summary['per_seed']] == pytest.approx(values)
    everything = [line for _, lines in runs for line in lines]
    pooled = scores(
        [line['label'] for line in everything],
        [line['prediction'] for line in everything],
        3,
    )
    assert summary['scores']['uf1'] != pytest.approx(pooled['uf1'], abs=1e-6)
    total = sum(np.array(results['confusion']) for results, _ in runs)
    assert summary['confusion'] == total.tolist()
    assert summary['clips'] == 30 and summary['seeds'] == [0, 1, 2]
    for number, row in enumerate(summary['subjects']):
        alone = [results['subjects'][number]['acc'] for results, _ in runs]
        assert row['acc'] == pytest.approx(statistics.mean(alone))
        assert row['clips'] == 4 + number
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_one_seed_gives_the_run_itself_and_no_deviation(runs):
    results, _ = runs[0]
    summary = summary_of(runs[0])
    assert summary['deviations'] is None
    for name in results.keys() - {'extra'}:
        assert summary[name] == results[name], name


def test_the_interval_resamples_the_same_subjects_for_all_seeds(runs):
    summary = summary_of(*runs)
    # The same by hand: draw people, take all their clips of every seed, average.
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(5, np.full(5, 0.2), size=2000)
    values = []
    for times in drawn:
        accs = []
        for _, lines in runs:
            right = total = 0
            for line in lines:
                weight = times[int(line['subject'][1:])]
                total += weight
                right += weight * (line['label'] == line['prediction'])
            accs.append(right / total)
        values.append(np.mean(accs))
    assert summary['intervals']['acc'] == pytest.approx(
        np.percentile(values, [2.5, 97.5]).tolist()
    )


def test_seeds_that_agree_have_the_interval_of_one(runs):
    results, lines = runs[1]
    summary = summary_of((results, lines), (results, lines[::-1]))
    for name in SCORES:
        ends = summary['intervals'][name]
        assert ends == pytest.approx(results['intervals'][name])
    assert summary['deviations'] == dict.fromkeys(SCORES, 0.0)


def test_a_single_subject_has_no_interval():
    results, lines = one_run(0)
    mine = [line for line in lines if line['subject'] == 's1']
    summary = summary_of((pool({'s1': mine}, CLASSES), mine))
    assert summary['intervals'] is None
    assert 'none: a single subject' in format_seeds(summary)


def test_every_number_from_the_test_subject_is_labelled():
    summary = summary_of(*(one_run(seed, 'test') for seed in range(2)))
    assert summary['note'] == LABEL
    for part in ('scores', 'deviations', 'intervals', 'f1_fold_mean'):
        assert summary[part]['note'] == LABEL
    for part in ('per_seed', 'datasets', 'folds', 'subjects'):
        assert all(row['note'] == LABEL for row in summary[part])
    lines = format_seeds(summary).splitlines()
    for first in ('acc', 'mean', 'deviation', 's3', '0', '1', 'negative'):
        found = [line for line in lines if line.split()[:1] == [first]]
        assert found and all(line.endswith(LABEL) for line in found), first
    assert LABEL not in format_seeds(summary_of(one_run(0)))


def test_the_printed_summary(runs):
    summary = summary_of(*runs)
    text = format_seeds(summary)
    assert 'casme2 · 30 clips · 5 subjects · 5 folds · seed 0, 1, 2' in text
    assert 'Scores: mean of 3 seeds' in text
    assert 'Confusion matrix (clips, 3 seeds added up)' in text
    assert 'Subjects (mean of 3 seeds)' in text
    rows = {row[0]: row[1:] for row in map(str.split, text.splitlines()) if row}
    for name, value in (('mean', 'scores'), ('deviation', 'deviations')):
        assert rows[name] == [f'{100 * summary[value][one]:.2f}' for one in SCORES]
    assert rows['0'] == [f'{100 * summary["per_seed"][0][one]:.2f}' for one in SCORES]
    # All that the report of one run prints is printed here too.
    assert rows['acc'] == [
        row for row in map(str.split, format_report(summary).splitlines())
        if row[:1] == ['acc']
    ][0][1:]  # fmt: skip
    alone = format_seeds(summary_of(runs[0]))
    assert 'mean of one seed' in alone
    assert ['deviation', '-'] in [line.split()[:2] for line in alone.splitlines()]


def test_facts_add_up_or_are_shared():
    facts = [
        dict(
            wall_time_s=10.0, clips_trained=100, clips_per_s=20.0, gpu_hours=0.5,
            strategy='sequential', fingerprint='abc', versions={'torch': '2'},
        ),
        dict(
            wall_time_s=30.0, clips_trained=300, clips_per_s=10.0, gpu_hours=1.0,
            strategy='sequential', fingerprint='def', versions={'torch': '3'},
        ),
    ]  # fmt: skip
    runs = [one_run(seed, **one) for seed, one in enumerate(facts)]
    extra = summary_of(*runs)['extra']
    assert extra == {
        'clips_trained': 400,
        'gpu_hours': 1.5,
        'strategy': 'sequential',
        'fingerprints': {'0': 'abc', '1': 'def'},
    }
    del runs[1][0]['extra']['gpu_hours']
    told = summarize_seeds(
        {seed: results for seed, (results, _) in enumerate(runs)},
        {seed: lines for seed, (_, lines) in enumerate(runs)},
        {'wall_time_s': 12.5, 'clips_trained': 399},
    )['extra']
    assert told['wall_time_s'] == 12.5
    assert told['clips_trained'] == 399
    assert 'gpu_hours' not in told


def test_data_sets_and_folds_are_means_over_seeds():
    runs = [one_run(seed) for seed in range(2)]
    summary = summary_of(*runs)
    (row,) = summary['datasets']
    for name in ('acc', 'uf1', 'uar'):
        assert row[name] == pytest.approx(summary['scores'][name])
    accs = [results['folds'][2]['acc'] for results, _ in runs]
    assert summary['folds'][2]['acc'] == pytest.approx(sum(accs) / 2)
    # Where each seed cuts folds of its own there is no mean of a fold.
    folds = {'all': runs[1][1]}
    assert summary_of(runs[0], (pool(folds, CLASSES), runs[1][1]))['folds'] == []


def test_a_class_that_some_seed_predicts_is_not_absent():
    rows = [one_run(0)[1][index] for index in (0, 1, 3)]
    for row in rows:
        row.update(label=0, prediction=0, probabilities=[1.0, 0.0, 0.0])
    other = copy.deepcopy(rows)
    other[0].update(prediction=2, probabilities=[0.0, 0.0, 1.0])
    summary = summary_of(
        *((pool({'f': lines}, CLASSES), lines) for lines in (rows, other))
    )
    assert summary['absent_classes'] == ['positive']
    assert summary['classes_without_clips'] == ['surprise']
    assert summary['majority'] == 1.0


def spoil(runs, how):
    results, lines = runs[1]
    if how == 'clips':
        kept = [line for line in lines if line['clip'] != 'c3']
        runs[1] = (pool({'f': kept}, CLASSES), kept)
    elif how == 'labels':
        lines = copy.deepcopy(lines)
        lines[6]['label'] = (lines[6]['label'] + 1) % 3
        runs[1] = (pool({'f': lines}, CLASSES), lines)
    elif how == 'selection':
        runs[1] = one_run(1, 'test')
    elif how == 'classes':
        results['classes'] = ['a', 'b', 'c']
    elif how == 'stale':
        runs[1] = (runs[0][0], lines)
    elif how == 'broken':
        del lines[4]['probabilities']


@pytest.mark.parametrize(
    ('how', 'message'),
    [
        ('clips', '5 only in seed 0: casme2/s0/c3, casme2/s1/c3'),
        ('labels', 'other labels for 1 of their clips: casme2/s1/c2'),
        ('selection', "their selection is 'last' and 'test'"),
        ('classes', "their classes is ['negative'"),
        ('stale', 'seed 1: its results are of other predictions'),
        ('broken', "seed 1: these predictions cannot be used.*'probabilities'"),
    ],
)
def test_seeds_that_are_not_of_one_protocol_are_refused(runs, how, message):
    spoil(runs, how)
    pattern = message.replace('[', r'\[')
    with pytest.raises(MERDataError, match=f'(?s){pattern}'):
        summary_of(*runs)


def test_results_and_predictions_must_be_of_the_same_seeds(runs):
    with pytest.raises(MERDataError, match='(none)'):
        summarize_seeds({}, {})
    with pytest.raises(MERDataError, match=r'seed\(s\) 0 and predictions.* 0, 1'):
        summarize_seeds({0: runs[0][0]}, {0: runs[0][1], 1: runs[1][1]})
    with pytest.raises(MERDataError, match='a: has no prediction'):
        align({'a': []}, 3)
    with pytest.raises(MERDataError, match='no run'):
        align({}, 3)
