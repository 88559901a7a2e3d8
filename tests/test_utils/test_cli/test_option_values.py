"""Values of --cfg-options arrive as typed, with spaces, quotes and brackets."""

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from load_tool import load_tool
from mmengine.config import Config, DictAction

from mmaction_mer.utils.cli.command_line import merge_options
from mmaction_mer.utils.cli.option_values import parse_value
from mmaction_mer.utils.errors import MERRunError


@pytest.mark.parametrize(
    'typed, value',
    [
        ('/x/moved data', '/x/moved data'),
        ('"/x/moved data"', '/x/moved data'),
        ("'/x/a, b'", '/x/a, b'),
        (r'C:\My data\new (2)', r'C:\My data\new (2)'),
        ('/x/a(b,c)d', '/x/a(b,c)d'),
        ('/x/[old]/(1)', '/x/[old]/(1)'),
        ('(old) and (new)', '(old) and (new)'),
        ("/x/O'Brien's data", "/x/O'Brien's data"),
        ('/x/Gesichter für Übung 微表情', '/x/Gesichter für Übung 微表情'),
        ('a=b c', 'a=b c'),
        ('[/x/a b, /x/c  d]', ['/x/a b', '/x/c  d']),
        ("'a, b','c'", ['a, b', 'c']),
        ("['a, b', (1, 'c d'), \"e, f\"]", ['a, b', (1, 'c d'), 'e, f']),
        ('a b,c d', ['a b', 'c d']),
        ('"[1, 2]"', [1, 2]),
        ("'(1, 2)'", (1, 2)),
        ('006', '006'),
        ('[006,012]', ['006', '012']),
        # Clips, not the numbers 612 and 1002.
        ('006_1_2', '006_1_2'),
        ('[10_02,11]', ['10_02', 11]),
        ('0', 0),
        ('-0.5', -0.5),
        ('  3 ', 3),
        ('', ''),
        ("''", ''),
    ],
)
def test_values_arrive_as_typed(typed, value):
    found = parse_value(typed)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    'typed',
    ['3', '-1', '1e-3', 'True', 'false', 'None', 'none', 'inf', 'a', 'a,b', '1,2,3',
     '[a,b]', '(1,2)', '[(a,b),(c,d)]', '[[1,2],[3]]', '[]', '()', 'a,', '[a,]', ',',
     '"a"', "'3'", '"[a,b]"', 'model.pth', '/x/y-z_1.0', '1_000', '[True,None,x]',
     '((1,2),)', 'dict(a=1)', '{a:1}'],
)  # fmt: skip
def test_other_values_are_parsed_as_by_mmengine(typed):
    assert repr(parse_value(typed)) == repr(DictAction._parse_iterable(typed))


plain = st.text('abz./_-19', max_size=6).filter(
    # Names of subjects and clips, see above.
    lambda text: not text.lstrip('+-').startswith('0') and not re.search(r'\d_\d', text)
)
values = st.recursive(
    plain | st.integers(-99, 99) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


def written(value):
    if isinstance(value, list | tuple):
        inside = ','.join(map(written, value))
        return f'[{inside}]' if isinstance(value, list) else f'({inside})'
    return str(value)


@given(values)
@settings(max_examples=100, deadline=None)
@example([['']])
def test_without_spaces_the_syntax_is_that_of_mmengine(value):
    text = written(value)
    assert repr(parse_value(text)) == repr(DictAction._parse_iterable(text))


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_value_or_an_error(text):
    try:
        found = parse_value(text)
    except ValueError as error:
        assert 'brackets do not match' in str(error) and ',' in text
        return
    if not set(',()[]\'"') & set(text) and isinstance(found, str):
        assert found == text.strip()
    if '"' not in text and text.strip() and text == text.strip():
        quoted = parse_value(f'"{text}"')
        if not text.startswith(('[', '(')) and isinstance(quoted, str):
            assert quoted == text


def test_several_options():
    cfg = Config(dict(a=dict(b='')))
    merge_options(cfg, ['a.b=/x/y z', 'c=1', 'c=2'])
    assert cfg.a.b == '/x/y z' and cfg.c == 2
    merge_options(cfg, ['a=nan'])
    assert math.isnan(cfg.a)
    merge_options(cfg, None)


@pytest.mark.parametrize('wrong', ['a', '=1', 'a=(1,2', 'a=x(1, b'])
def test_invalid_pairs(wrong):
    with pytest.raises(MERRunError) as error:
        merge_options(Config(), [wrong])
    assert error.value.field.startswith('--cfg-options')


@pytest.mark.parametrize('folder', ['moved data', 'a, b', 'alt (2)', "d'été"])
def test_a_run_reads_the_folder_that_was_typed(folder, config_file, toy_data, tmp_path):
    (tmp_path / folder).symlink_to(toy_data)
    option = f'train_dataloader.dataset.data_root={tmp_path / folder}'
    if ',' in folder:
        option = option.replace('=', "='") + "'"
    tool = load_tool('train.py')
    arguments = [str(config_file), '--cfg-options', option, 'train_cfg.max_iters=1']
    cfg = tool.build_config(tool.parse_args(arguments))
    assert cfg.train_dataloader.dataset.data_root == str(tmp_path / folder)
    assert cfg.train_cfg.max_iters == 1
