"""Values of a handler's inputs."""

import pytest

gr = pytest.importorskip('gradio')

from mmaction_mer.app.input_validation import checked  # noqa: E402
from mmaction_mer.app.uploads import Uploads  # noqa: E402
from mmaction_mer.utils.errors import MERDataError  # noqa: E402


@pytest.fixture
def parts():
    return [
        gr.Slider(0, 50, label='gain'),
        gr.Textbox(label='rate', max_length=4),
        gr.File(),
        gr.State(1),
    ]


@pytest.fixture
def sent(tmp_path):
    """Uploads, and one of them."""
    uploads = Uploads(tmp_path)
    return uploads, str(uploads.finish(uploads.begin('a.mp4')))


def test_values_of_their_kind_pass(parts, sent):
    uploads, path = sent
    named = {'path': path, 'orig_name': 'x', 'meta': {'_type': 'gradio.FileData'}}
    whole = [7, '25', named, {'never': 'seen'}]
    assert checked(parts, whole, uploads) == [7.0, '25', path, None]
    assert checked(parts, [0, None, None, None], uploads) == [0.0, '', None, None]


@pytest.mark.parametrize('value', [None, float('nan'), float('inf'), -1, 51, 1e308,
    True, 10**400, '7', [], {}, {'value': 7}])  # fmt: skip
def test_a_number_is_within_its_range(parts, sent, value):
    with pytest.raises(MERDataError, match='gain.*0 to 50'):
        checked(parts, [value, '', None, None], sent[0])


@pytest.mark.parametrize('value', ['12345', 25, True, [], {}, ['2'], float('nan')])
def test_a_text_is_short(parts, sent, value):
    with pytest.raises(MERDataError, match='rate'):
        checked(parts, [1, value, None, None], sent[0])


@pytest.mark.parametrize('value', ['a.mp4', '/etc/passwd', 1, True, [], {}, ['a.mp4'],
    {'path': None}, {'path': 1}, {'path': '/etc/passwd'}, {'path': ['a']},
    {'url': 'http://a.org/a.mp4'}])  # fmt: skip
def test_a_file_is_one_that_was_sent(parts, sent, value):
    with pytest.raises(MERDataError):
        checked(parts, [1, '', value, None], sent[0])


def test_a_file_has_an_ending_that_is_read(parts, sent):
    path = str(sent[0].finish(sent[0].begin('notes.txt')))
    with pytest.raises(MERDataError, match='mp4'):
        checked(parts, [1, '', {'path': path}, None], sent[0])


@pytest.mark.parametrize('inputs', [[], [1], [1, '', None], [1, '', None, None, 1],
    None, 'abcd', {}])  # fmt: skip
def test_their_number_is_right(parts, sent, inputs):
    with pytest.raises(MERDataError, match='4 values'):
        checked(parts, inputs, sent[0])


def test_a_part_that_nothing_checks_is_a_mistake(sent):
    with pytest.raises(TypeError):
        checked([gr.Number()], [1], sent[0])
