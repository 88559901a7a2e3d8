"""Overrides of config keys, and the names of the runs that result."""

import pytest
from mmengine.config import Config

from mmaction_mer.ablation.overrides import apply_overrides, run_name
from mmaction_mer.engine.work_dir.fingerprint import canonical_config, differences
from mmaction_mer.utils.errors import ConfigError

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
MODEL, STEPS = BASE['model'], BASE['loader']['steps']


@pytest.mark.parametrize(
    ('options', 'key', 'expected'),
    [
        # A scalar sets one key.
        ({'model.prompt.length': 8}, 'prompt', {**MODEL['prompt'], 'length': 8}),
        # A dict replaces the whole node.
        ({'model.prompt': dict(type='VPT')}, 'prompt', dict(type='VPT')),
        ({'model.prompt': None}, 'prompt', None),
        # Arguments that the config does not name may be set.
        ({'model.adapter.new': 1}, 'adapter', {**MODEL['adapter'], 'new': 1}),
        # Options apply in order.
        ({'model.lora': dict(r=8), 'model.lora.a': 1}, 'lora', dict(r=8, a=1)),
    ],
)
def test_overrides(options, key, expected):
    base = Config(BASE)
    found = apply_overrides(base, options)
    assert found.to_dict() == {**BASE, 'model': {**MODEL, key: expected}}
    found.model.adapter = None
    assert base.to_dict() == BASE


def test_overrides_of_lists_and_of_new_top_level_keys():
    found = apply_overrides(Config(BASE), {'loader.steps.1.scale': (4, 4)})
    assert found.loader.steps == [STEPS[0], dict(type='Resize', scale=(4, 4))]
    value = [dict(type='Other', more=[dict(a=1)])]
    found = apply_overrides(Config(BASE), {'loader.steps': value})
    value[0]['type'] = 'changed later'
    assert found.loader.steps[0].more[0].a == 1
    assert found.loader.steps[0].type == 'Other'
    # Keys that every run reads may be new at the top level.
    assert apply_overrides(Config(BASE), {'param_scheduler': []}).param_scheduler == []


@pytest.mark.parametrize(
    ('key', 'words'),
    [
        ('modle.prompt', "the config has no 'modle': did you mean 'model'?"),
        ('model.promt.length', "model has no 'promt': did you mean 'prompt'?"),
        ('model.lora.rank', 'model.lora is None'),
        ('loader.steps.x.type', 'loader.steps is a list'),
        ('loader.steps.2.type', 'loader.steps is a list of 2 entries'),
        ('loader.steps.1.scale.0', 'loader.steps.1.scale is (8, 8)'),
        ('nothing', "the config has no 'nothing': available: model, loader"),
    ],
)
def test_a_key_that_leads_nowhere_is_an_error(key, words):
    with pytest.raises(ConfigError) as caught:
        apply_overrides(Config(BASE), {key: 1}, 't.py', 'rows[0].options')
    assert caught.value.path == 't.py'
    assert caught.value.field == f'rows[0].options[{key!r}]'
    assert words in str(caught.value)


def test_a_run_is_named_by_its_config_alone():
    def name_of(options):
        base = Config(BASE)
        canonical = canonical_config(apply_overrides(base, options))
        return run_name(canonical, differences(canonical_config(base), canonical))

    plain = name_of({})
    assert plain.startswith('base-')
    assert name_of({'model.prompt.num_prompts': 5}) == plain
    assert name_of({'randomness.seed': 3})[-8:] == plain[-8:]
    assert name_of({'randomness.deterministic': True})[-8:] != plain[-8:]
    off = name_of({'model.prompt': None})
    assert off.startswith('prompt-None-') and off[-8:] != plain[-8:]
    assert name_of({'model.adapter.kind': 'a/b c'})[:-9] == 'kind-a-b-c'
    assert len(name_of({'model.adapter': dict(type='X' * 300)})) < 80
