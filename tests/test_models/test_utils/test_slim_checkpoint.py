import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from torch import nn

from mmaction_mer.models import (
    checkpoint_state_dict,
    enable_slim_loading,
    frozen_fingerprint,
    load_slim,
    slim_state_dict,
)
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint, write_checkpoint
from mmaction_mer.utils.errors import MERRunError


class Tuned(nn.Module):
    """A frozen part with a learning layer inside it, as adapters are."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.ModuleDict(
            dict(
                linear=nn.Linear(4, 4).requires_grad_(False),
                norm=nn.BatchNorm1d(4).requires_grad_(False),
                adapter=nn.Linear(4, 4, bias=False),
                free_norm=nn.BatchNorm1d(4, affine=False),
            )
        )
        self.head = nn.Linear(4, 3)
        self.register_buffer('passing', torch.zeros(1), persistent=False)

    def forward(self, x):
        body = self.body
        return self.head(body['free_norm'](body['adapter'](body['linear'](x))))


def train_a_little(model, seed=1):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter))
    model.train()(torch.randn(8, 4))
    return model.eval()


def test_keeps_what_learns_by_structure_alone():
    state = slim_state_dict(Tuned())
    assert set(state) == {
        'frozen_fingerprint',
        'body.adapter.weight',
        'body.free_norm.running_mean',
        'body.free_norm.running_var',
        'body.free_norm.num_batches_tracked',
        'head.weight',
        'head.bias',
    }
    assert state['frozen_fingerprint'].dtype == torch.uint8


def test_a_model_that_learns_as_a_whole_is_saved_as_a_whole():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert slim_state_dict(model).keys() == model.state_dict().keys()


def test_nothing_that_learns_is_an_error():
    with pytest.raises(MERRunError, match='Linear has no trainable parameters'):
        slim_state_dict(nn.Linear(2, 2).requires_grad_(False))


def test_is_a_copy():
    model = Tuned()
    state = slim_state_dict(model)
    before = state['head.weight'].clone()
    train_a_little(model)
    assert torch.equal(state['head.weight'], before)
    assert not torch.equal(model.head.weight, before)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_fingerprint_sees_every_bit_of_the_frozen_part_and_nothing_else(dtype):
    model = Tuned().to(dtype)
    first = frozen_fingerprint(model)
    with torch.no_grad():
        model.head.weight.add_(1)
        assert torch.equal(frozen_fingerprint(model), first)
        model.body['linear'].weight[0, 0] *= 1.01
    assert not torch.equal(frozen_fingerprint(model), first)
    other = Tuned().to(dtype)
    other.body['norm'].running_mean[0] = 1e-3
    assert not torch.equal(frozen_fingerprint(other), first)


def loaders():
    def by_torch(model, path):
        model.load_state_dict(read_checkpoint(path)['state_dict'])

    def by_mmengine(model, path):
        load_checkpoint(model, str(path), strict=True)

    def by_hand(model, path):
        load_slim(model, read_checkpoint(path)['state_dict'])

    return [by_torch, by_mmengine, by_hand]


class Outer(nn.Module):
    """A prepared module inside another that learns too."""

    def __init__(self, seed=0):
        super().__init__()
        self.inside = nn.ModuleList([Tuned(seed)])
        enable_slim_loading(self.inside[0])
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(self.inside[0](x))


def prepared(seed=0):
    model = Tuned(seed)
    enable_slim_loading(model)
    enable_slim_loading(model)
    return model


@pytest.mark.parametrize('build', [prepared, Outer])
@pytest.mark.parametrize('load', loaders())
def test_reloads_onto_a_fresh_model_with_identical_logits(
    build, load, tmp_path, capsys
):
    model = train_a_little(build())
    path = tmp_path / 'model.pth'
    write_checkpoint(path, dict(state_dict=checkpoint_state_dict(model)))
    stored = read_checkpoint(path)['state_dict']
    assert not [key for key in stored if 'body.linear' in key]
    fresh = build().eval()
    x = torch.randn(5, 4)
    assert not torch.equal(fresh(x), model(x))
    load(fresh, path)
    assert torch.equal(fresh(x), model(x))
    assert 'missing' not in capsys.readouterr().out
    # A copy of a prepared model reads slim checkpoints as well.
    again = copy.deepcopy(build()).eval()
    load(again, path)
    assert torch.equal(again(x), model(x))


@pytest.mark.parametrize('build', [prepared, Outer])
@pytest.mark.parametrize('load', loaders())
def test_another_frozen_part_is_refused(build, load, tmp_path):
    path = tmp_path / 'model.pth'
    write_checkpoint(path, dict(state_dict=checkpoint_state_dict(build())))
    with pytest.raises(MERRunError, match='another frozen backbone.*pre-trained'):
        load(build(seed=7), path)


def test_a_complete_checkpoint_still_loads():
    model, fresh = train_a_little(prepared()), prepared()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.head.weight, model.head.weight)


def test_without_the_promise_a_checkpoint_is_complete():
    model = Tuned()
    assert checkpoint_state_dict(model).keys() == model.state_dict().keys()


def test_missing_keys_and_shapes_are_refused():
    state = slim_state_dict(Tuned())
    del state['head.bias']
    with pytest.raises(MERRunError, match='does not fit.*head.bias'):
        load_slim(Tuned(), state)


@pytest.mark.parametrize('keep', [0, 100, -1])
def test_a_file_cut_short_is_named(tmp_path, keep):
    path = tmp_path / 'model.pth'
    write_checkpoint(path, dict(state_dict=slim_state_dict(Tuned())))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(MERRunError, match=r'model\.pth: not a readable.*throw it away'):
        read_checkpoint(path, hint='throw it away')


def test_code_in_a_checkpoint_is_refused(tmp_path):
    torch.save(dict(state_dict=print), tmp_path / 'bad.pth')
    with pytest.raises(MERRunError, match='bad.pth'):
        read_checkpoint(tmp_path / 'bad.pth')
