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

import mmaction_mer.evaluation  # noqa: F401  (registers MERMetric)
from mmaction_mer.datasets import MERDataset
from mmaction_mer.evaluation.functional import SCORES, scores
from mmaction_mer.evaluation.predictions import read_predictions
from mmaction_mer.utils.errors import MERDataError

TRUTH, GUESS = [0, 0, 1, 2, 1], [0, 1, 1, 2, 2]


def samples(named=True, dtype=torch.float32, truth=TRUTH, guess=GUESS):
    out = []
    for number, (label, predicted) in enumerate(zip(truth, guess, strict=True)):
        score = torch.full((3,), 0.2, dtype=dtype)
        score[predicted] = 0.6
        sample = ActionDataSample().set_gt_label(label)
        sample.set_pred_score(score).set_pred_label(predicted)
        if named:
            names = {'dataset': 'smic', 'subject': 's1', 'clip': f's1_{number}'}
            sample.set_metainfo(names)
        out.append(sample.to_dict())
    return out


def build(**kwargs):
    return METRICS.build({'type': 'MERMetric', **kwargs})


def test_scores_and_predictions_file(tmp_path):
    path = tmp_path / 'deep' / 'predictions.jsonl'
    metric = build(predictions_file=str(path))
    batch = samples()
    metric.process(None, batch[:3])
    metric.process(None, batch[3:])
    values = metric.evaluate(size=5)
    assert values == pytest.approx(
        {f'mer/{name}': value for name, value in scores(TRUTH, GUESS, 3).items()}
    )
    lines = read_predictions(path, num_classes=3)
    assert [line['clip'] for line in lines] == [f's1_{n}' for n in range(5)]
    assert [line['label'] for line in lines] == TRUTH
    assert [line['prediction'] for line in lines] == GUESS
    assert lines[1]['probabilities'] == pytest.approx([0.2, 0.6, 0.2])
    assert os.listdir(path.parent) == ['predictions.jsonl']


def test_samples_without_names_are_named_by_their_place(tmp_path):
    path = tmp_path / 'predictions.jsonl'
    metric = build(predictions_file=str(path))
    metric.dataset_meta = {'classes': ['a', 'b', 'c']}
    metric.process(None, samples(named=False))
    assert set(metric.evaluate(5)) == {f'mer/{name}' for name in SCORES}
    lines = read_predictions(path)
    assert [line['clip'] for line in lines][:2] == ['sample000000', 'sample000001']
    assert lines[0]['subject'] == 'unknown'


def test_samples_of_ours_without_names_are_refused():
    """With one, some or all of the three names missing, at the first batch.

    Whatever the packer kept: by subject all scores would be those of one 'unknown'.
    """
    for kept in ((), ('clip',), ('dataset', 'clip'), ('subject', 'clip')):
        metric = build()
        metric.dataset_meta = {'classes': ['a', 'b', 'c'], **MERDataset.METAINFO}
        rows = samples()
        for row in rows:
            for name in {'dataset', 'subject', 'clip'} - set(kept):
                del row[name]
        with pytest.raises(MERDataError, match=r"meta_keys=\('dataset', 'subject', 'c"):
            metric.process(None, rows)


def test_names_that_stock_samples_do_carry_are_kept(tmp_path, caplog):
    """Scores come all the same; that subjects are missing is said once."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        for kept, subject, warnings in (
            ({'subject': 's7', 'clip': 'c'}, 's7', 0),
            ({'clip': 'c'}, 'unknown', 1),
            ({}, 'unknown', 1),
        ):
            caplog.clear()
            path = tmp_path / f'{len(kept)}.jsonl'
            metric = build(predictions_file=str(path))
            rows = samples(named=False)
            for number, row in enumerate(rows):
                row.update({name: f'{value}' for name, value in kept.items()})
                if 'clip' in kept:
                    row['clip'] = f'c{number}'
            metric.process(None, rows[:2])
            metric.process(None, rows[2:])
            wanted = {f'mer/{name}': v for name, v in scores(TRUTH, GUESS, 3).items()}
            assert metric.evaluate(5) == pytest.approx(wanted)
            lines = read_predictions(path)
            assert {line['subject'] for line in lines} == {subject}
            assert lines[1]['clip'] == ('c1' if kept else 'sample000001')
            said = [one for one in caplog.messages if 'without a subject' in one]
            assert len(said) == warnings
    finally:
        logger.removeHandler(caplog.handler)


def test_half_precision_probabilities_pass(tmp_path):
    for dtype in (torch.float16, torch.bfloat16):
        path = tmp_path / f'{dtype}.jsonl'
        metric = build(predictions_file=str(path))
        metric.process(None, samples(dtype=dtype))
        metric.evaluate(5)
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
    metric.process(None, samples())
    with pytest.raises(MERDataError, match='3 numbers, but there are 4 classes'):
        metric.evaluate(5)


def test_arguments_come_before_the_dataset():
    metric = build(num_classes=3)
    metric.dataset_meta = {'classes': ['a', 'b']}
    metric.process(None, samples())
    assert metric.evaluate(5)['mer/acc'] == 0.6
    with pytest.raises(ValueError, match='num_classes is 2, but classes names 3'):
        build(num_classes=2, classes=['a', 'b', 'c'])


def test_a_clip_shown_twice_is_refused(tmp_path):
    path = tmp_path / 'predictions.jsonl'
    metric = build(predictions_file=str(path))
    metric.process(None, samples() + samples())
    with pytest.raises(MERDataError, match='smic/s1/s1_0 .*already predicted'):
        metric.evaluate(10)
    assert not path.exists()


@pytest.mark.parametrize(
    'score', [[2.0, -1.0, 0.5], [[0.2, 0.3, 0.5]], [0.5, 0.9, 0.1]]
)
def test_scores_that_are_no_probabilities_are_refused(score):
    sample = samples()[0]
    sample['pred_score'] = torch.tensor(score)
    with pytest.raises(ValueError, match="smic/s1/s1_0.*average_clips='prob'"):
        build().process(None, [sample])


def test_nan_is_refused_by_name():
    sample = samples()[0]
    sample['pred_score'] = torch.tensor([float('nan'), 0.5, 0.5])
    with pytest.raises(ValueError, match='smic/s1/s1_0'):
        build().process(None, [sample])


def test_several_labels_are_refused():
    sample = samples()[0]
    sample['gt_label'] = torch.tensor([0, 1])
    with pytest.raises(ValueError, match='one label a clip'):
        build().process(None, [sample])


def test_the_loss_of_tensors_to_the_caller_is_none():
    # What the metric keeps must not hold on to the model's graph or device.
    metric = build()
    metric.process(None, samples())
    assert json.loads(json.dumps(metric.results)) == metric.results


RANK = """
import sys, torch.distributed as dist
from mmengine.dist import init_dist
from test_mer_metric import build, samples
# As the tools start a rank: gloo's threads get time to end before Python does.
init_dist('pytorch', backend='gloo')
metric = build(predictions_file=sys.argv[1])
# As DefaultSampler shares 5 clips out: every second one, the last rank padded.
rows = samples(named=False)
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
        said = [rank.communicate(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, (output, errors) in zip(ranks, said, strict=True):
        assert rank.returncode == 0, errors
        assert output.split()[-1] == '0.6'
    lines = read_predictions(path)
    assert [line['label'] for line in lines] == TRUTH
    assert [line['clip'] for line in lines] == [f'sample{n:06d}' for n in range(5)]
