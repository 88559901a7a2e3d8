"""Packed models from unknown authors: malformed, too large, or hostile."""

import copy
import json
import os
from collections import OrderedDict

import hostile_pickles as evil
import numpy as np
import pytest
import torch
from hostile_pickles import number, text
from load_tool import load_tool

from mmaction_mer.__main__ import main
from mmaction_mer.apis import MERInferencer, load_weights, save_weights
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(scope='module')
def good(run, tmp_path_factory):
    path = save_weights(load_weights(run), tmp_path_factory.mktemp('good') / 'a.pth')
    return torch.load(path, weights_only=True)


@pytest.fixture
def pack(good, tmp_path):
    """Write a packed model with a change."""

    def write(change=lambda content: None, name='model.pth'):
        content = copy.deepcopy(good)
        torch.save(change(content) or content, tmp_path / name)
        return tmp_path / name

    return write


def check_rejected(path):
    with pytest.raises(MERRunError) as error:
        load_weights(path)
    assert str(path) in str(error.value) and len(str(error.value)) < 1500


def facts(key, value):
    def change(content):
        content['meta']['facts'][key] = value

    return change


def fold(key, value):
    def change(content):
        state = content['folds']['sub01']
        state[key] = value(state[key]) if callable(value) else value

    return change


def at(*place):
    """Change a value deep in the config of the model."""
    *way, last, value = place

    def change(content):
        inner = content['meta']['facts']
        for key in way:
            inner = inner[key]
        inner[last] = value

    return change


def cyclic(content):
    model = content['meta']['facts']['model']
    model['backbone']['vit'] = model


def cyclic_list(content):
    steps = content['meta']['facts']['pipeline']
    steps.append(steps)


HEAD = 'cls_head.fc_cls.weight'
MALFORMED = {
    'no meta': lambda content: {'folds': content['folds']},
    'a list': lambda content: [content],
    'meta is a list': lambda content: {**content, 'meta': [1]},
    'facts are a list': lambda content: content['meta'].update(facts=[1]),
    'no folds': lambda content: {'meta': content['meta']},
    'format is a text': lambda content: content['meta'].update(mmaction_mer='1' * 9999),
    'format is true': lambda content: content['meta'].update(mmaction_mer=True),
    'model is a list': facts('model', [1]),
    'model is a text': facts('model', 'MPTRecognizer'),
    'model is empty': facts('model', {}),
    'pipeline is a dictionary': facts('pipeline', {'type': 'LoadMERFrames'}),
    'pipeline of texts': facts('pipeline', ['LoadMERFrames', 'PackMERInputs']),
    'classes are a text': facts('classes', 'abc'),
    'classes are numbers': facts('classes', [1, 2, 3]),
    'classes are too few': facts('classes', ['a', 'b']),
    'classes are too long': facts('classes', ['a' * 10**7, 'b', 'c']),
    'classes of a page': facts('classes', ['<script>alert(1)</script>', 'b', 'c']),
    'classes of a formula': facts('classes', ['$\\frac', 'b', 'c']),
    'classes of escapes': facts('classes', ['\x1b[31m', 'b', 'c']),
    'data set is a list': facts('dataset', ['synthme']),
    'data set is false': facts('dataset', False),
    'held out is a list': facts('held_out', ['sub01']),
    'held out of numbers': facts('held_out', {'sub01': [1]}),
    'folds are a list': lambda content: {**content, 'folds': [1]},
    'folds are empty': lambda content: {**content, 'folds': {}},
    'a fold is a list': lambda content: content['folds'].update(sub01=[1]),
    'a fold is empty': lambda content: content['folds'].update(sub01={}),
    'a fold is a path': lambda content: content['folds'].update(
        {'../../x': content['folds']['sub01']}
    ),
    'a fold is a number': lambda content: content['folds'].update(
        {3: content['folds']['sub01']}
    ),
    'a fold of numbers': lambda content: content['folds'].update(sub01={1: 2}),
    'a weight too many': lambda content: (
        content['folds']['sub01'].update(more=torch.ones(1))
    ),
    'a weight too few': lambda content: content['folds']['sub01'].__delitem__(HEAD),
    'a weight is a list': fold(HEAD, lambda value: value.tolist()),
    'a weight of another shape': fold(HEAD, lambda value: value[:2].clone()),
    'a weight of NaN': fold(HEAD, lambda value: value * float('nan')),
    'a weight of halves': fold(HEAD, lambda value: value.half()),
    'a weight is complex': fold(HEAD, lambda value: value + 0j),
    'a weight is expanded': fold(HEAD, lambda value: value[:1, :1].expand_as(value)),
    'a weight is sparse': fold(HEAD, lambda value: value.to_sparse()),
    'a weight is quantized': fold(
        HEAD, lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)
    ),
    'a weight is meta': fold(HEAD, lambda value: value.to('meta')),
    'a weight is an array': fold(HEAD, lambda value: value.numpy()),
    'what is frozen is another': fold('frozen_fingerprint', lambda value: value[:3]),
    'alpha is NaN': at('model', 'data_preprocessor', 'alpha', float('nan')),
    'no classes': at('model', 'cls_head', 'num_classes', 0),
    'true classes': at('model', 'cls_head', 'num_classes', True),
    'too many classes': at('model', 'cls_head', 'num_classes', 10**12),
    'a wide head': at('model', 'cls_head', 'in_channels', 999),
    'a wide network': at(
        'model', 'backbone', 'vit', 'arch',
        dict(embed_dims=2048, num_layers=48, num_heads=8, feedforward_channels=8192),
    ),
    'heads that do not divide': at(
        'model', 'backbone', 'vit', 'arch', 'num_heads', 3
    ),
    'a clip of another length': at('model', 'backbone', 'prompt', 'length', 9),
    'infinite images': at('pipeline', 4, 'scale', (10**6, 10**6)),
    'many large images': lambda content: content['meta']['facts'].update(
        pipeline=[
            dict(type='LoadMERFrames'), dict(type='StandardizeLength', length=64),
            dict(type='Resize', scale=(384, 384)), dict(type='PackMERInputs'),
        ]
    ),
    'a crop beyond the image': at(
        'model', 'data_preprocessor', 'augmentation', 'crop', 384
    ),
    'motion without its image': lambda content: content['meta']['facts'][
        'pipeline'
    ].insert(-1, dict(type='EulerianMagnification')),
    'cyclic': cyclic,
    'a cyclic list': cyclic_list,
    'ordered': at('model', 'backbone', OrderedDict(type='MPTViT')),
    'an array for a number': at('model', 'cls_head', 'num_classes', np.int64(3)),
    'a tensor for a number': at('model', 'cls_head', 'num_classes', torch.tensor(3)),
}  # fmt: skip


@pytest.mark.parametrize('name', MALFORMED)
def test_malformed_models_are_rejected(pack, name):
    check_rejected(pack(MALFORMED[name]))


@pytest.mark.parametrize('place', ['model', 'pipeline', 'classes', 'held_out'])
def test_deeply_nested_lists_are_rejected(tmp_path, place):
    deep = b']' * 100_000 + b'a' * 99_999
    facts_ = b'}('
    for key in ('model', 'pipeline', 'classes', 'dataset', 'held_out'):
        facts_ += text(key) + (deep if key == place else b'}')
    content = b'}(' + text('meta') + b'}(' + text('mmaction_mer') + number(1)
    content += text('facts') + facts_ + b'uu' + text('folds') + b'}u'
    check_rejected(evil.archive(tmp_path / 'a.pth', content))


def planted(mark):
    """Return changes that make a packed model create a file, if anything is run."""
    command = ['touch', str(mark)]
    code = f'from pathlib import Path; Path({str(mark)!r}).touch()'
    return {
        'a call as the model': facts(
            'model', dict(type='mmengine.call_command', cmd=command)
        ),
        'a call as a backbone': at(
            'model', 'backbone', dict(type='subprocess.call', args=command)
        ),
        'a call as a step': lambda content: content['meta']['facts'][
            'pipeline'
        ].insert(1, dict(type='mmengine.call_command', cmd=command)),
        'a call as a loss': at(
            'model', 'cls_head', 'loss_cls', dict(type='builtins.exec', source=code)
        ),
        'a call as a norm': at(
            'model', 'backbone', 'vit', 'norm_cfg', dict(type='os.system')
        ),
        'a call in a layer': at(
            'model', 'backbone', 'vit', 'layer_cfgs',
            dict(act_cfg=dict(type='os.mkdir', path=str(mark))),
        ),
        'a module beside': lambda content: content['meta']['facts'][
            'pipeline'
        ].insert(1, dict(type='planted_module')),
        'a module as a scope': at(
            'model', 'backbone', dict(type='MPTViT', _scope_='planted_module')
        ),
        'a pickle to start from': at(
            'model', 'backbone', 'vit', 'init_cfg',
            dict(type='Pretrained', checkpoint='planted.pth'),
        ),
        'a pickle by a way round': at(
            'model', 'backbone', 'vit', 'init_cfg', 'checkpoint',
            'mmaction_mer://../../../planted.pth',
        ),
        'a pickle by a registered part': at(
            'model', 'backbone', 'vit',
            dict(type='mmpretrain.CLIPTransformer', checkpoint='planted.pth'),
        ),
        'a pickle by a loader': lambda content: content['meta']['facts'][
            'pipeline'
        ].insert(1, dict(type='LoadProposals', pkl='planted.pth')),
    }  # fmt: skip


class Calls:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A working directory with a module and a pickle that create a file."""
    mark = tmp_path / 'mark'
    folder = tmp_path / 'here'
    folder.mkdir()
    code = f'from pathlib import Path\nPath({str(mark)!r}).touch()\n'
    (folder / 'planted_module.py').write_text(code)
    torch.save(Calls(mark), folder / 'planted.pth')
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return mark


def test_nothing_planted_is_run(pack, trap, capsys):
    clip = trap.parent / 'clip.mp4'
    clip.touch()
    export = load_tool('export_onnx.py').main
    publish = load_tool('publish_model.py').main
    out = str(trap.parent / 'out')
    for change in planted(trap).values():
        path = str(pack(change))
        check_rejected(path)
        with pytest.raises(MERRunError):
            MERInferencer(path, device='cpu', face='as-is')
        assert main(['predict', str(clip), '--model', path]) == 1
        assert main(['app', '--model', path]) == 1
        assert publish([path, '--out', out]) == 1
        assert export([path, '--out', out]) == 1
        errors = capsys.readouterr().err
        assert 'Traceback' not in errors and errors.count('error:') == 4
        assert not trap.exists()


def test_a_config_beside_a_packed_model_is_not_run(pack, trap, tmp_path):
    """A folder that looks like a fold of a run, with a packed model in it."""
    folder = tmp_path / 'run' / 'folds' / 'sub01'
    folder.mkdir(parents=True)
    code = f'from pathlib import Path\nPath({str(trap)!r}).touch()\n'
    (tmp_path / 'run' / 'config.py').write_text(code)
    (folder / 'fold.json').write_text(json.dumps(dict(status='done')))
    path = folder / 'model.pth'
    pack().rename(path)
    assert list(load_weights(path).folds) == ['sub01', 'sub02']
    assert not trap.exists()
    # Nor beside weights in another place.
    other = tmp_path / 'a' / 'b' / 'c'
    other.mkdir(parents=True)
    (tmp_path / 'a' / 'config.py').write_text(code)
    (other / 'fold.json').write_text(json.dumps(dict(status='done')))
    torch.save(dict(state_dict={}), other / 'model.pth')
    check_rejected(other / 'model.pth')
    assert not trap.exists()


def test_a_packed_model_is_a_regular_file_of_bounded_size(tmp_path):
    os.mkfifo(tmp_path / 'pipe.pth')
    with pytest.raises(MERRunError):
        load_weights(tmp_path / 'pipe.pth')
    with open(tmp_path / 'large.pth', 'wb') as file:
        file.write(b'PK\x03\x04')
        file.truncate(2 << 30)
    check_rejected(tmp_path / 'large.pth')


def test_a_packed_model_is_read_and_packed_again(good, pack, tmp_path):
    path = pack()
    assert save_weights(load_weights(path), tmp_path / 'again.pth').is_file()
    again = torch.load(tmp_path / 'again.pth', weights_only=True)
    assert again['meta'] == good['meta']
    for name, state in good['folds'].items():
        assert all(torch.equal(state[key], again['folds'][name][key]) for key in state)


def test_a_run_of_other_parts_is_not_packed(run, tmp_path):
    weights = load_weights(run)
    weights.model['backbone']['vit']['init_cfg']['checkpoint'] = 'own/vit.pth'
    with pytest.raises(MERRunError, match='give the run itself'):
        save_weights(weights, tmp_path / 'a.pth')
    assert not (tmp_path / 'a.pth').exists()


def test_the_work_of_all_folds_is_limited(pack, monkeypatch):
    """A small file could otherwise be hours of work."""

    def share(content):
        state = next(iter(content['folds'].values()))
        content['folds'] = {f'k{number}': state for number in range(300)}

    check_rejected(pack(share))
    path = pack()
    limits = {
        'packed_model.MAX_FOLDS': 1,
        'packed_model_check.MAX_TOTAL_WEIGHTS': 2_000_000,
    }
    for name, limit in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(f'mmaction_mer.apis.{name}', limit)
            check_rejected(path)
    load_weights(path)


@pytest.mark.parametrize('std', [(0, 0, 0), (1e-30, 1, 1), (-1.0, 1, 1)])
def test_a_standard_deviation_is_positive(pack, std):
    def change(content):
        content['meta']['facts']['model']['data_preprocessor']['std'] = std

    check_rejected(pack(change))
