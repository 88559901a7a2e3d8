"""Lists of rows: how they are read and merged, and what a mistake in one says."""

import pytest
from mmengine.config import Config

from mmaction_mer.engine.ablation import read_table
from mmaction_mer.engine.ablation_options import apply_options, run_name
from mmaction_mer.engine.work_dir.fingerprint import canonical_config, differences
from mmaction_mer.utils.errors import MERRunError

BASE = dict(
    model=dict(
        type='R',
        prompt=dict(type='MotionPrompt', num_prompts=5, length=16),
        adapter=dict(type='GroupAdapter', reduction=8),
        lora=None,
    ),
    loader=dict(steps=[dict(type='Load'), dict(type='Resize', scale=(8, 8))]),
    randomness=dict(seed=0),
)
GOOD = """
title = 'Table X'
base = 'base.py'
paper = dict(source='MPT, table X', dataset='SMIC')
rows = [
    dict(name='none', options={'model.alpha': 0.0}, paper=dict(acc=81.10), x=0),
    dict(name='all', options={}, paper=dict(acc=86.59, f1=86.01, millions=5.5), x=20),
]
"""


@pytest.fixture
def write(tmp_path):
    folder = tmp_path / 'ablations'
    folder.mkdir()

    def write(text):
        path = folder / 'table.py'
        path.write_text(text)
        return path

    return write


def test_a_list_is_read_with_its_dotted_keys(write, tmp_path):
    table = read_table(write('_x = 3\n' + GOOD))
    assert (table.name, table.title) == ('table', 'Table X')
    assert table.base == tmp_path / 'base.py'
    assert table.paper == dict(source='MPT, table X', dataset='SMIC')
    first, second = table.rows
    assert first.options == {'model.alpha': 0.0}
    assert (first.x, second.x) == (0, 20)
    assert second.paper == dict(acc=86.59, f1=86.01, millions=5.5)
    # The row that changes nothing is what the others are compared with.
    assert table.reference == 'all'
    assert read_table(write(GOOD + "reference = 'none'")).reference == 'none'


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('title =', 'titel =', 'titel is not a key here'),
        ("base = 'base.py'", '', 'base is missing'),
        ("x=0)", "y=0)", "row 'none': y is not a key here"),
        ("name='none', ", '', 'row 1: name is missing'),
        ("dict(acc=81.10)", "dict(accuracy=81.10)", "row 'none': paper: accuracy"),
        ("acc=81.10", "acc='81.1'", "row 'none': paper.acc is '81.1', not a number"),
        ("x=0)", "x='0')", "row 'none': x is '0', not a number"),
        ("name='all'", "name='none'", "two rows are called 'none'"),
        ("options={},", "options=[],", "row 'all': options is []"),
        ("rows = [", "reference = 'al'\nrows = [", "did you mean 'all'"),
        ("paper = dict(source='MPT, table X', dataset='SMIC')", '', 'that says whose'),
        ("rows = [", "rows = [3,", 'row 1: is 3'),
    ],
)  # fmt: skip
def test_a_mistake_names_file_row_and_key(write, old, new, said):
    assert GOOD.count(old) >= 1
    with pytest.raises(MERRunError) as caught:
        read_table(write(GOOD.replace(old, new, 1)))
    assert said in str(caught.value)
    assert 'table.py' in str(caught.value)


def changed(**options):
    options = {key.replace('__', '.'): value for key, value in options.items()}
    return apply_options(Config(BASE), options).to_dict()


def test_a_scalar_sets_one_place_and_leaves_the_base_alone():
    base = Config(BASE)
    found = apply_options(base, {'model.prompt.num_prompts': 3})
    assert found.model.prompt == dict(type='MotionPrompt', num_prompts=3, length=16)
    assert base.model.prompt.num_prompts == 5
    found.model.prompt = None
    assert base.model.prompt is not None


def test_a_dict_replaces_the_node_as_a_whole():
    value = dict(type='VPTPrompt', num_prompts=50, deep=True)
    found = changed(model__prompt=value)
    assert found['model']['prompt'] == value
    assert found['model']['adapter'] == BASE['model']['adapter']
    # What the option held is no part of the config.
    value['deep'] = False
    assert found['model']['prompt']['deep'] is True


def test_none_and_new_arguments_and_list_places():
    assert changed(model__prompt=None)['model']['prompt'] is None
    found = changed(model__adapter__share_means=False)
    assert found['model']['adapter'] == dict(
        type='GroupAdapter', reduction=8, share_means=False
    )
    found = changed(model__lora=dict(rank=8), model__lora__alpha=16)
    assert found['model']['lora'] == dict(rank=8, alpha=16)
    steps = changed(loader__steps__1__scale=(4, 4))['loader']['steps']
    assert steps == [dict(type='Load'), dict(type='Resize', scale=(4, 4))]
    steps = changed(loader__steps=[dict(type='Other', more=[dict(a=1)])])
    assert steps['loader']['steps'] == [dict(type='Other', more=[dict(a=1)])]
    # Keys that every run knows may be new at the top, others may not.
    assert changed(param_scheduler=[])['param_scheduler'] == []


@pytest.mark.parametrize(
    ('key', 'said'),
    [
        ('modle.prompt', "the config has no 'modle'; did you mean 'model'?"),
        ('model.promt.length', "model has no 'promt'; did you mean 'prompt'?"),
        ('model.lora.rank', 'model.lora is None, which nothing can be set in'),
        ('model.type.x', "model.type is 'R'"),
        ('loader.steps.x.type', 'loader.steps is a list: give an index'),
        ('loader.steps.2.type', 'loader.steps has 2 entries'),
        ('loader.steps.1.scale.0', 'loader.steps.1.scale is a tuple'),
        ('nothing', "the config has no 'nothing'; there are model, loader"),
    ],
)
def test_an_option_that_reaches_into_nothing_is_an_error(key, said):
    with pytest.raises(MERRunError) as caught:
        apply_options(Config(BASE), {key: 1}, "t.py: row 'a': ")
    assert str(caught.value).startswith(f"t.py: row 'a': option {key!r}: ")
    assert said in str(caught.value)


def name_of(**options):
    base = Config(BASE)
    options = {key.replace('__', '.'): value for key, value in options.items()}
    canonical = canonical_config(apply_options(base, options))
    return run_name(canonical, differences(canonical_config(base), canonical))


def test_a_run_is_named_by_its_config_alone():
    plain = name_of()
    assert plain.startswith('base-')
    assert name_of(model__prompt__num_prompts=5) == plain
    assert name_of(randomness=dict(seed=3)).rpartition('-')[2] == plain[-8:]
    assert name_of(randomness=dict(deterministic=True))[-8:] != plain[-8:]
    off = name_of(model__prompt=None)
    assert off.startswith('prompt-None-') and off[-8:] != plain[-8:]
    assert name_of(model__adapter__kind='a/b c')[:-9] == 'kind-a-b-c'
    long = name_of(model__adapter=dict(type='X' * 300))
    assert len(long) < 80
