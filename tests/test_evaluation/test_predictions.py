"""Prediction lines: there and back, and every way in which they are refused."""

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
    sound = {
        'dataset': 'casme2',
        'subject': 'sub01',
        'clip': 'EP02_01f',
        'label': 1,
        'prediction': 2,
        'probabilities': [0.1, 0.2, 0.7],
    }
    return {**sound, **changed}


def test_there_and_back_with_further_fields(tmp_path):
    lines = [line(iteration=50), line(clip='é\u2028"\\')]
    path = write_predictions(tmp_path / 'fold' / 'predictions.jsonl', lines)
    assert read_predictions(path) == lines
    assert read_predictions(path, num_classes=3) == lines
    rows = path.read_text(encoding='utf-8').split('\n')
    assert [json.loads(row) for row in rows[:-1]] == lines
    assert rows[-1] == ''


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
        ({'probabilities': [float('nan'), 0.3, 0.7]}, 'holds nan'),
        ({'probabilities': [float('inf'), 0.3, 0.7]}, 'holds inf'),
        ({'probabilities': [-0.5, 0.5, 1.0]}, 'holds -0.5'),
        ({'probabilities': ['a', 0.3, 0.7]}, "holds 'a'"),
        ({'probabilities': 0.7}, 'must be a list'),
        ({'subject': 1}, "'subject': must be a name"),
        ({'dataset': ''}, "'dataset': must be a name"),
    ],
)
def test_a_wrong_line_is_refused_by_clip_and_field(tmp_path, changed, message):
    path = tmp_path / 'predictions.jsonl'
    good = line(clip='good')
    for act in (
        lambda: validate_predictions([good, line(**changed)]),
        lambda: write_predictions(path, [good, line(**changed)]),
    ):
        with pytest.raises(MERDataError, match=message) as caught:
            act()
        assert 'EP02_01f (line 2)' in str(caught.value)
    assert not path.exists()


def test_sums_within_the_tolerance_pass():
    validate_predictions([line(probabilities=[0.1, 0.2, 0.7009])])


def test_a_clip_predicted_twice_is_refused():
    with pytest.raises(MERDataError, match='EP02_01f.*already predicted in line 1'):
        validate_predictions([line(), line(prediction=0)])
    validate_predictions([line(), line(subject='sub02'), line(dataset='samm')])


def test_a_missing_field_is_named():
    short = line()
    del short['clip']
    with pytest.raises(MERDataError, match="line 1, field 'clip'"):
        validate_predictions([short])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'holds no prediction'),
        ('{"dataset": "casme2", "subj', 'line 1 is not JSON, or was cut short'),
        ('[1, 2]\n', 'line 1, must be an object'),
        ('\udcff', 'not readable'),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / 'predictions.jsonl'
    path.write_bytes(text.encode('utf-8', 'surrogateescape'))
    with pytest.raises(MERDataError, match=message) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MERDataError, match='none.jsonl: no predictions there'):
        read_predictions(tmp_path / 'none.jsonl')


def test_megc_log_has_a_header_per_subject(tmp_path):
    lines = [
        line(subject='sub02', clip='EP01_13', label=0, prediction=0),
        line(),
        line(dataset='samm', subject='sub02', clip='006_1_2', label=2, prediction=0),
        line(clip='EP01_02', label=0, prediction=1),
    ]
    path = write_megc_log(tmp_path / 'log.txt', lines)
    assert path.read_text() == (
        'casme2 sub01\nEP01_02 0 1\nEP02_01f 1 2\ncasme2 sub02\nEP01_13 0 0\n'
        'samm sub02\n006_1_2 2 0\n'
    )


def test_megc_log_calls_the_subjects_of_a_composite_by_their_own_names(tmp_path):
    lines = [
        line(dataset='samm', subject='samm_006', clip='006_1_2', label=0),
        line(subject='casme2_sub01'),
        line(subject='casme2_sub01', clip='EP01_02', label=0, prediction=1),
        line(dataset='smic', subject='casme2_s01', clip='s1_ne_01'),
        line(dataset='x', subject='x_'),
    ]
    path = write_megc_log(tmp_path / 'log.txt', lines)
    assert path.read_text() == (
        'casme2 sub01\nEP01_02 0 1\nEP02_01f 1 2\nsamm 006\n006_1_2 0 2\n'
        'smic casme2_s01\ns1_ne_01 1 2\nx x_\nEP02_01f 1 2\n'
    )


def test_megc_log_keeps_two_people_apart(tmp_path):
    lines = [line(), line(subject='casme2_sub01')]
    text = write_megc_log(tmp_path / 'log.txt', lines).read_text()
    assert text == 'casme2 casme2_sub01\nEP02_01f 1 2\ncasme2 sub01\nEP02_01f 1 2\n'


def test_megc_log_refuses_names_with_white_space(tmp_path):
    with pytest.raises(MERDataError, match="EP 1.*field 'clip'.*white space"):
        write_megc_log(tmp_path / 'log.txt', [line(clip='EP 1')])
