"""Weights of models that were wrapped for training, wherever files are read.

The prefixes module. (DistributedDataParallel) and _orig_mod. (torch.compile) may be at
any place in the names. Without their removal, a run would start without the weights.
"""

import pytest
import torch
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

from mmaction_mer.apis.weights import load_weights
from mmaction_mer.models.converters.files import read_weights
from mmaction_mer.models.converters.layout import ConversionError
from mmaction_mer.models.utils.pretrained import WeightsMissingError, load_pretrained
from mmaction_mer.models.utils.slim_checkpoint import (
    enable_slim_loading,
    load_slim,
    slim_state_dict,
)
from mmaction_mer.utils.checkpoints.wrapped_keys import without_wrappers
from mmaction_mer.utils.errors import MERRunError

WRAPPED = [
    'module.{}',
    '_orig_mod.{}',
    'module._orig_mod.{}',
    '_orig_mod.module.{}',
    'module.module._orig_mod._orig_mod.{}',
]


def save(path, state, form):
    torch.save(dict(state_dict={form.format(k): v for k, v in state.items()}), path)
    return path


@pytest.mark.parametrize('form', WRAPPED)
def test_every_reader_removes_the_wrappers(form, tmp_path, config_file):
    state = {'cls_token': torch.ones(2), 'blocks.0.module.bias': torch.zeros(3)}
    path = save(tmp_path / 'w.pth', state, form)
    with config_file.open('a') as file:
        file.write('model.update(cls_head=dict(num_classes=3))\n')
    loaded = CheckpointLoader.load_checkpoint(str(path))['state_dict']
    config = tmp_path / 'config.py'
    config.write_text(
        f'_base_ = {str(config_file)!r}\nmodel = dict(cls_head=dict(num_classes=3))\n'
    )
    (fold,) = load_weights(config, path).folds.values()
    assert list(read_weights(path)) == list(loaded) == list(fold) == list(state)
    # mmengine itself removes only the first module.
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    save(path, source.state_dict(), form)
    load_checkpoint(target, str(path), strict=False)
    assert torch.equal(target.weight, source.weight)


def test_wrapped_parts():
    state = {
        'backbone._orig_mod.a': 1,
        'backbone.module._orig_mod.b': 2,
        'neck._orig_mod.module.c': 3,
        'head.module.d': 4,
        'my_orig_mod.e': 5,
    }
    assert without_wrappers(state) == {
        'backbone.a': 1, 'backbone.b': 2, 'neck.c': 3, 'head.module.d': 4,
        'my_orig_mod.e': 5,
    }  # fmt: skip
    assert without_wrappers({'module.a': 1, 'n_averaged': 2}) == {
        'module.a': 1, 'n_averaged': 2,
    }  # fmt: skip
    assert without_wrappers({}) == {}
    # Long names do not take long.
    long = 'module.' * 200_000
    assert list(without_wrappers({f'{long}a': 1, f'b.{long}c': 2})) == [
        f'{long}a', f'b.{long}c',
    ]  # fmt: skip
    assert without_wrappers({f'{long}a': 1, f'{long}_orig_mod.b': 1}) == {
        'a': 1, 'b': 1,
    }  # fmt: skip


def test_a_compiled_part():
    compiled = torch.compile(nn.Sequential(nn.Linear(2, 3)))
    whole = nn.ModuleDict({'backbone': compiled, 'head': nn.Linear(3, 1)})
    assert list(without_wrappers(whole.state_dict())) == [
        'backbone.0.weight', 'backbone.0.bias', 'head.weight', 'head.bias',
    ]  # fmt: skip


def test_two_weights_of_the_same_name_are_rejected(tmp_path):
    both = {'a.b': torch.ones(1), 'a._orig_mod.b': torch.zeros(1)}
    for read, error in (
        (read_weights, ConversionError),
        (lambda path: CheckpointLoader.load_checkpoint(str(path)), MERRunError),
    ):
        with pytest.raises(error, match=r"'a\.b' and 'a\._orig_mod\.b'") as raised:
            read(save(tmp_path / 'w.pth', both, '{}'))
        assert 'w.pth' in str(raised.value)


@pytest.mark.parametrize('form', [*WRAPPED, 'backbone._orig_mod.{}', 'backbone.{}'])
def test_pre_trained_weights_of_a_backbone(form, tmp_path):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    if 'backbone' not in form:
        form = form.format('backbone.{}')
    path = save(tmp_path / 'w.pth', source.state_dict(), form)
    load_pretrained(target, str(path), prefix='backbone')
    assert torch.equal(target.weight, source.weight)
    with pytest.raises(WeightsMissingError):
        load_pretrained(target, str(path), prefix='other')


class Slim(nn.Module):
    """A frozen backbone and a trainable head."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Linear(2, 2).requires_grad_(False)
        torch.manual_seed(seed)
        self.head = nn.Linear(2, 3)
        enable_slim_loading(self)


@pytest.mark.parametrize('form', WRAPPED)
def test_slim_checkpoints(form):
    source, target = Slim(1), Slim(2)
    state = {form.format(k): v for k, v in slim_state_dict(source).items()}
    load_slim(target, state)
    assert torch.equal(target.head.weight, source.head.weight)


def test_a_model_that_calls_a_part_module_keeps_it():
    source, target = nn.Module(), nn.Module()
    source.module, target.module = nn.Linear(2, 2), nn.Linear(2, 2)
    load_slim(target, slim_state_dict(source))
    assert torch.equal(target.module.weight, source.module.weight)
