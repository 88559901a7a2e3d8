"""tools/analysis/complexity.py and heat_maps.py, from configs and runs to tables."""

import re

import pytest
from paths import CONFIGS

THREE_CLASSES = ('--cfg-options', 'model.cls_head.num_classes=3')


def test_complexity_rejects_other_models(tmp_path, call):
    config = CONFIGS / 'tsn_r18_rank-pooling_synthme.py'
    for path, message in (
        (config, 'is the config of a Recognizer2D; this table is for MPTRecognizer'),
        (tmp_path / 'nothing.py', 'there is no such config file'),
        (CONFIGS / '_base_' / 'runtime.py', 'has no model'),
    ):
        assert message in call('complexity.py', path, *THREE_CLASSES, status=1)


def test_the_costs_of_one_model_and_of_several(call):
    tiny, miac = CONFIGS / 'mpt_vit-tiny_synthme.py', CONFIGS / 'miacnet_synthme.py'
    printed = call('complexity.py', tiny, *THREE_CLASSES)
    rows = dict(re.findall(r'^\| ([^|]+) \| ([^|]+) \|$', printed, re.M))
    assert rows['backbone.adapters'] == '73,728'
    assert rows['all trainable'] == '209,549'
    assert rows['total'] == '1,504,397'
    # 209,549 numbers of four bytes, and the overhead of a file.
    assert 0.84 < float(rows['checkpoint of a fold'].split()[0]) < 0.9
    table = CONFIGS / 'ablations' / 'ma2mi_mpt.py'
    lines = call('complexity.py', tiny, miac, table, *THREE_CLASSES).splitlines()
    assert lines[0].startswith('| model | pixels | trainable | total |')
    assert lines[0].endswith('| clips per second, batch of 8 |')
    # Each row of an ablation table is a model.
    assert [line.split(' | ')[0] for line in lines[4:6]] == [
        '| MPT', '| MPT from MA2MI',
    ]  # fmt: skip
    assert lines[2].startswith('| mpt_vit-tiny_synthme | 112 | 209,549 | 1,504,397 |')
    assert lines[3].startswith('| miacnet_synthme | 112 | 1,448,291 | 1,448,291 |')


def test_heat_maps_of_a_run_are_of_held_out_clips_with_hit_rates(
    miacnet, tmp_path, call
):
    config, out = miacnet / 'config.py', tmp_path / 'heat.png'
    printed = call('heat_maps.py', config, '--run', miacnet, '--out', out, '--draw', 4)
    assert out.stat().st_size > 10_000
    rates = dict(re.findall(r'^  (\S.*?) {2,}(\S+)%$', printed, re.M))
    assert set(rates) == {
        'magnitude of the action code', 'evidence for the predicted class',
        'difference of the frames', 'pointing anywhere',
    }  # fmt: skip
    assert 1 < float(rates['pointing anywhere']) < 30
    # Movement shows in the plain difference of two frames.
    assert float(rates['difference of the frames']) >= 50
    assert 'of 6 clips' in printed

    printed = call('heat_maps.py', config, '--out', out)
    assert 'evidence' not in printed and 'magnitude' in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{tiny}'], 'must be MIACRecognizer, got MPTRecognizer'),
        (['{config}', '--run', '{empty}'], 'has no finished fold'),
        (['{config}', '--draw', '0'], 'must be at least 1, got 0'),
    ],
)
def test_heat_maps_reject_what_they_cannot_draw(
    arguments, message, miacnet, tmp_path, call
):
    paths = dict(
        tiny=CONFIGS / 'mpt_vit-tiny_synthme.py', config=miacnet / 'config.py',
        empty=tmp_path,
    )  # fmt: skip
    given = [one.format(**paths) for one in arguments]
    assert message in call('heat_maps.py', *given, status=1)
