"""Predictions: written and read back, and every way in which they are refused."""

import json

import pytest

from mmaction_mer.evaluation.predictions import (
    read_predictions,
    validate_predictions,
    write_megc_log,
    write_predictions,
)
from mmaction_mer.utils.errors import MERDataError


def line(**changed):
    valid = {
        'dataset': 'casme2', 'subject': 'sub01', 'clip': 'EP02_01f', 'label': 1,
        'prediction': 2, 'probabilities': [0.1, 0.2, 0.7],
    }  # fmt: skip
    return {**valid, **changed}


def test_round_trip_with_further_fields(tmp_path):
    lines = [line(iteration=50), line(clip='é\u2028"\\')]
    path = write_predictions(tmp_path / 'fold' / 'predictions.jsonl', lines)
    assert read_predictions(path) == read_predictions(path, num_classes=3) == lines
    *rows, last = path.read_text(encoding='utf-8').split('\n')
    assert [json.loads(row) for row in rows] == lines and last == ''


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'label': 3}, r"'label': is 3, .*0\.\.2"),
        ({'label': -1}, "'label': is -1"),
        ({'label': True}, "'label': is True"),
        ({'prediction': 1.0}, "'prediction': is 1.0"),
        ({'prediction': None}, "'prediction': is None"),
        ({'probabilities': [0.5, 0.5]}, 'has 2 numbers, but there are 3 classes'),
        ({'probabilities': [0.1, 0.2, 0.6]}, 'sums to 0.9, not to 1'),
        ({'probabilities': [0.1, 0.2, 0.702]}, 'sums to 1.002'),
        ({'probabilities': [float('nan'), 0.3, 0.7]}, 'contains nan'),
        ({'probabilities': [float('inf'), 0.3, 0.7]}, 'contains inf'),
        ({'probabilities': [-0.5, 0.5, 1.0]}, 'contains -0.5'),
        ({'probabilities': ['a', 0.3, 0.7]}, "contains 'a'"),
        ({'probabilities': 0.7}, 'must be a list'),
        ({'subject': 1}, "'subject': must be a name"),
        ({'dataset': ''}, "'dataset': must be a name"),
        ({'prediction': 0, 'clip': 'good'}, "'clip': was already .* in line 1"),
    ],
)
def test_an_invalid_prediction_is_refused_by_clip_and_field(tmp_path, changed, message):
    path = tmp_path / 'predictions.jsonl'
    lines = [line(clip='good'), line(**changed)]
    with pytest.raises(MERDataError, match=message):
        validate_predictions(lines)
    with pytest.raises(MERDataError, match=rf'{lines[1]["clip"]} \(line 2\)') as error:
        write_predictions(path, lines)
    assert error.value.path == str(path) and not path.exists()


def test_valid_predictions_pass():
    validate_predictions([line(probabilities=[0.1, 0.2, 0.7009])])
    validate_predictions([line(), line(subject='sub02'), line(dataset='samm')])


def test_a_missing_field_is_named():
    short = line()
    del short['clip']
    with pytest.raises(MERDataError, match="line 1, field 'clip'"):
        validate_predictions([short])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'has no predictions'),
        ('{"dataset": "casme2", "subj', 'line 1 is not JSON, or was truncated'),
        ('[1, 2]\n', 'line 1, must be an object'),
        ('\udcff', 'cannot be read'),
        (None, 'no such file'),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / 'predictions.jsonl'
    if text is not None:
        path.write_bytes(text.encode('utf-8', 'surrogateescape'))
    with pytest.raises(MERDataError, match=message) as error:
        read_predictions(path)
    assert error.value.path == str(path)


def test_megc_log_has_a_header_per_subject(tmp_path):
    lines = [
        line(subject='sub02', clip='EP01_13', label=0, prediction=0),
        line(),
        line(dataset='samm', subject='samm_006', clip='006_1_2', label=2, prediction=0),
        line(clip='EP01_02', label=0, prediction=1),
        line(dataset='smic', subject='casme2_s01', clip='s1_ne_01'),
        line(dataset='x', subject='x_'),
    ]
    path = write_megc_log(tmp_path / 'log.txt', lines)
    # The prefix of a composite is left out, that of another data set is a name.
    assert path.read_text() == (
        'casme2 sub01\nEP01_02 0 1\nEP02_01f 1 2\ncasme2 sub02\nEP01_13 0 0\n'
        'samm 006\n006_1_2 2 0\nsmic casme2_s01\ns1_ne_01 1 2\nx x_\nEP02_01f 1 2\n'
    )


def test_megc_log_keeps_two_subjects_apart(tmp_path):
    lines = [line(), line(subject='casme2_sub01')]
    text = write_megc_log(tmp_path / 'log.txt', lines).read_text()
    assert text == 'casme2 casme2_sub01\nEP02_01f 1 2\ncasme2 sub01\nEP02_01f 1 2\n'


def test_megc_log_refuses_names_with_white_space(tmp_path):
    with pytest.raises(MERDataError, match='white space') as error:
        write_megc_log(tmp_path / 'log.txt', [line(clip='EP 1')])
    assert error.value.field == 'clip' and 'EP 1' in error.value.clip
