"""Inputs of the handlers."""

import pytest

gr = pytest.importorskip('gradio')

from mmaction_mer.app.input_validation import validate_inputs  # noqa: E402
from mmaction_mer.app.uploads import Uploads  # noqa: E402
from mmaction_mer.utils.errors import MERDataError  # noqa: E402


@pytest.fixture
def blocks():
    return [
        gr.Slider(0, 50, label='gain'),
        gr.Textbox(label='rate', max_length=4),
        gr.File(),
        gr.State(1),
    ]


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path)


@pytest.fixture
def path(uploads):
    return str(uploads.finish(uploads.begin('a.mp4')))


def test_valid_values_pass(blocks, uploads, path):
    file = {'path': path, 'orig_name': 'x', 'meta': {'_type': 'gradio.FileData'}}
    values = validate_inputs(blocks, [7, '25', file, {'not': 'used'}], uploads)
    assert values == [7.0, '25', path, None]
    assert validate_inputs(blocks, [0, *[None] * 3], uploads) == [0.0, '', None, None]


ODD = [-1, 51, 1e308, float('nan'), float('inf'), True, 10**400, '12345', 25, [], {},
       ['a.mp4'], 'a.mp4', '/etc/passwd', {'value': 7}, {'path': None}, {'path': 1},
       {'path': '/etc/passwd'}, {'path': ['a']}, {'url': 'http://a.org/'}]  # fmt: skip


@pytest.mark.parametrize('place', range(3))
@pytest.mark.parametrize('value', [*ODD, '7', None], ids=lambda one: repr(one)[:20])
def test_other_values_are_rejected(blocks, uploads, path, place, value):
    fine = [(25,), ('7', None), (None,)][place]
    if any(value is one or value == one for one in fine):
        return
    values = [1, '', None, None]
    values[place] = value
    with pytest.raises(MERDataError):
        validate_inputs(blocks, values, uploads)


def test_suffix_and_number_of_inputs(blocks, uploads):
    path = str(uploads.finish(uploads.begin('notes.txt')))
    with pytest.raises(MERDataError, match='mp4'):
        validate_inputs(blocks, [1, '', {'path': path}, None], uploads)
    for inputs in ([], [1], [1, '', None], [1, '', None, None, 1], None, 'abcd', {}):
        with pytest.raises(MERDataError, match='4 values'):
            validate_inputs(blocks, inputs, uploads)
    with pytest.raises(TypeError):
        validate_inputs([gr.Number()], [1], uploads)
