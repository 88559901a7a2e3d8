"""MERMetric inside mmaction's evaluator, alone and on two ranks."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from mmaction.registry import METRICS
from mmaction.structures import ActionDataSample
from mmengine.logging import MMLogger

from mmaction_mer.datasets import MERDataset
from mmaction_mer.evaluation import predictions
from mmaction_mer.evaluation.functional import scores
from mmaction_mer.evaluation.paired import compare_runs
from mmaction_mer.evaluation.predictions import (
    MissingClipNameError,
    NonFiniteScoreError,
    read_predictions,
)
from mmaction_mer.evaluation.summary import summarize_run
from mmaction_mer.utils.errors import MERDataError

TRUTH, GUESS = [0, 0, 1, 2, 1], [0, 1, 1, 2, 2]


def samples(dtype=torch.float32):
    out = []
    for number, (label, predicted) in enumerate(zip(TRUTH, GUESS, strict=True)):
        score = torch.full((3,), 0.2, dtype=dtype)
        score[predicted] = 0.6
        sample = ActionDataSample().set_gt_label(label)
        sample.set_pred_score(score).set_pred_label(predicted)
        sample.set_metainfo(
            {'dataset': 'smic', 'subject': 's1', 'clip': f's1_{number}'}
        )
        out.append(sample.to_dict())
    return out


def without_names(rows, kept=()):
    """Drop the fields that identify the clips, except for some."""
    for row in rows:
        for name in {'dataset', 'subject', 'clip'} - set(kept):
            del row[name]
    return rows


def build(**kwargs):
    return METRICS.build({'type': 'MERMetric', **kwargs})


def run(metric, *batches):
    for batch in batches:
        metric.process(None, batch)
    return metric.evaluate(sum(map(len, batches)))


EXPECTED = {f'mer/{name}': value for name, value in scores(TRUTH, GUESS, 3).items()}


def test_scores_and_predictions_file(tmp_path):
    path = tmp_path / 'deep' / 'predictions.jsonl'
    batch = samples()
    values = run(build(predictions_file=str(path)), batch[:3], batch[3:])
    assert values == pytest.approx(EXPECTED)
    lines = read_predictions(path, num_classes=3)
    assert [line['clip'] for line in lines] == [f's1_{n}' for n in range(5)]
    assert [line['label'] for line in lines] == TRUTH
    assert [line['prediction'] for line in lines] == GUESS
    assert lines[1]['probabilities'] == pytest.approx([0.2, 0.6, 0.2])
    assert os.listdir(path.parent) == ['predictions.jsonl']


@pytest.mark.parametrize(
    ('kept', 'subject', 'clip', 'warnings'),
    [
        (('subject', 'clip'), 's1', 's1_1', 0),
        (('clip',), 'unknown', 's1_1', 1),
        ((), 'unknown', 'sample000001', 1),
    ],
)
def test_stock_samples_keep_their_names_and_get_the_others(
    tmp_path, caplog, kept, subject, clip, warnings
):
    """They are scored all the same; one warning says that subjects are missing."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    path = tmp_path / 'predictions.jsonl'
    rows = without_names(samples(), kept)
    try:
        values = run(build(predictions_file=str(path)), rows[:2], rows[2:])
    finally:
        logger.removeHandler(caplog.handler)
    assert values == pytest.approx(EXPECTED)
    line = read_predictions(path)[1]
    assert (line['subject'], line['clip']) == (subject, clip)
    assert sum('without a subject' in one for one in caplog.messages) == warnings


@pytest.mark.parametrize(
    'kept', [(), ('clip',), ('dataset', 'clip'), ('subject', 'clip')]
)
def test_samples_of_a_merdataset_without_names_are_refused(kept):
    """At the first batch: by subject all scores would be those of one 'unknown'."""
    metric = build()
    metric.dataset_meta = {'classes': ['a', 'b', 'c'], **MERDataset.METAINFO}
    with pytest.raises(MissingClipNameError) as error:
        metric.process(None, without_names(samples(), kept))
    assert error.value.field not in kept and 'meta_keys=' in error.value.hint


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_probabilities_pass(tmp_path, dtype):
    path = tmp_path / 'predictions.jsonl'
    run(build(predictions_file=str(path)), samples(dtype=dtype))
    assert sum(read_predictions(path)[0]['probabilities']) == pytest.approx(1)


@pytest.mark.parametrize(
    ('arguments', 'meta'),
    [
        ({'num_classes': 4}, {}),
        ({'classes': ['a', 'b', 'c', 'd']}, {}),
        ({}, {'classes': ['a', 'b', 'c', 'd']}),
    ],
)
def test_another_number_of_classes_is_refused(arguments, meta):
    metric = build(**arguments)
    metric.dataset_meta = meta
    with pytest.raises(MERDataError, match='3 numbers, but there are 4 classes'):
        run(metric, samples())


def test_arguments_override_the_dataset():
    metric = build(num_classes=3)
    metric.dataset_meta = {'classes': ['a', 'b']}
    assert run(metric, samples())['mer/acc'] == 0.6
    with pytest.raises(ValueError, match='num_classes is 2, but classes has 3'):
        build(num_classes=2, classes=['a', 'b', 'c'])


def test_a_clip_shown_twice_is_refused(tmp_path):
    path = tmp_path / 'predictions.jsonl'
    with pytest.raises(MERDataError, match='smic/s1/s1_0 .*already predicted'):
        run(build(predictions_file=str(path)), samples(), samples())
    assert not path.exists()


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        ('pred_score', [2.0, -1.0, 0.5], "average_clips='prob'"),
        ('pred_score', [[0.2, 0.3, 0.5]], "average_clips='prob'"),
        ('pred_score', [0.5, 0.9, 0.1], "average_clips='prob'"),
        ('gt_label', [0, 1], 'one label per clip'),
    ],
)
def test_what_is_no_probability_or_label_is_refused(field, value, message):
    sample = {**samples()[0], field: torch.tensor(value)}
    with pytest.raises(ValueError, match=f'smic/s1/s1_0.*{message}'):
        build().process(None, [sample])


def test_nan_is_refused_by_clip():
    sample = {**samples()[0], 'pred_score': torch.tensor([float('nan'), 0.5, 0.5])}
    with pytest.raises(NonFiniteScoreError) as error:
        build().process(None, [sample])
    assert (error.value.clip, error.value.field) == ('smic/s1/s1_0', 'pred_score')


def test_predictions_are_validated_where_they_come_from_and_once(tmp_path, monkeypatch):
    calls, validate = [], predictions.prediction_problem
    monkeypatch.setattr(
        predictions,
        'prediction_problem',
        lambda *args: calls.append(1) or validate(*args),
    )
    path = tmp_path / 'predictions.jsonl'
    run(build(predictions_file=str(path)), samples())
    assert len(calls) == 5
    lines = read_predictions(path)
    summarize_run({'fold': lines}, ['a', 'b', 'c'])
    compare_runs({0: lines}, {0: lines}, 3)
    assert len(calls) == 5


def test_results_hold_no_tensors():
    # They would keep the model's graph and device memory alive.
    metric = build()
    metric.process(None, samples())
    assert json.loads(json.dumps(metric.results)) == metric.results


RANK = """
import sys, torch.distributed as dist
from mmengine.dist import init_dist
from test_mer_metric import build, samples, without_names
# As the tools start a rank: gloo's threads get time to end before Python does.
init_dist('pytorch', backend='gloo')
metric = build(predictions_file=sys.argv[1])
# As DefaultSampler distributes 5 clips: every second one, the last rank padded.
rows = without_names(samples())
metric.process(None, (rows + rows[:1])[dist.get_rank() :: 2])
print(metric.evaluate(size=5)['mer/acc'])
"""


def test_two_ranks_give_one_result(tmp_path):
    path = tmp_path / 'predictions.jsonl'
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    folders = [os.path.dirname(__file__), os.getcwd()]
    common = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([*folders, os.environ.get('PYTHONPATH', '')]),
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
        'WORLD_SIZE': '2',
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, '-c', RANK, str(path)],
            env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        printed = [rank.communicate(timeout=600) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, (output, errors) in zip(ranks, printed, strict=True):
        assert rank.returncode == 0, errors
        assert output.split()[-1] == '0.6'
    lines = read_predictions(path)
    assert [line['label'] for line in lines] == TRUTH
    assert [line['clip'] for line in lines] == [f'sample{n:06d}' for n in range(5)]
