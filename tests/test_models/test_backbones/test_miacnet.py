"""Positions see the first frame alone; of the second frame only the code is left."""

import pytest
import torch

from mmaction_mer.models.backbones.miacnet import MIACNet
from mmaction_mer.models.utils.pretrained import WeightsMissingError
from mmaction_mer.utils.errors import ConfigError

SMALL = dict(
    type='mmpretrain.ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    out_indices=(0, 1, 2, 3),
    norm_cfg=dict(type='GN', num_groups=4),
)


def build(**options):
    torch.manual_seed(0)
    return MIACNet(SMALL, width=16, features=4, grid=7, **options)


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 3, 3, 64, 64, generator=generator)


@pytest.mark.parametrize('decoupled', [True, False])
@pytest.mark.parametrize('count', [2, 3])
def test_features_are_of_every_pair(frames, decoupled, count):
    net = build(decoupled=decoupled)
    assert net(frames[:, :count]).shape == (3, (count - 1) * 4 * 7 * 7)


def test_positions_do_not_see_the_second_frame(frames):
    net = build()
    first, last = frames[:, 0], frames[:, 1]
    positions, code = net.encode(first, last)
    others, other_code = net.encode(first, last.flip(0))
    assert positions.shape == (3, 16, 16, 16) and code.shape == (3, 8, 7, 7)
    assert torch.equal(positions, others)
    assert not torch.allclose(code, other_code)


def test_one_branch_for_both_is_coupled(frames):
    net = build(decoupled=False)
    positions, _ = net.encode(frames[:, 0], frames[:, 1])
    others, _ = net.encode(frames[:, 0], frames[:, 2])
    assert not torch.allclose(positions, others)


def test_features_of_faces_that_move_more_are_the_same(frames):
    net = build()
    code = torch.randn(6, 8, 7, 7)
    net.encode = lambda first, last: (torch.ones(6, 16, 16, 16), code)
    once = net(frames)
    code = 3 * code
    torch.testing.assert_close(net(frames), once)
    assert once.square().mean().item() == pytest.approx(1, abs=1e-4)


def test_frames_that_are_the_same_give_numbers(frames):
    still = frames[:, :1].repeat(1, 3, 1, 1, 1).requires_grad_()
    features = build()(still)
    features.sum().backward()
    assert features.isfinite().all() and still.grad.isfinite().all()


def test_what_cannot_be_is_said(frames):
    with pytest.raises(ValueError, match='features=None'):
        MIACNet(SMALL, width=16, features=None, grid=7)(frames)
    with pytest.raises(ConfigError) as error:
        build(init_cfg=dict(type='Kaiming', layer='Conv2d')).init_weights()
    assert error.value.field == 'init_cfg'


def test_everything_learns(frames):
    net = build()
    net(frames).square().mul(torch.rand(3, 392)).sum().backward()
    assert not [n for n, p in net.named_parameters() if p.grad is None]


def test_it_starts_from_what_a_pretraining_left(frames, tmp_path):
    old = build(init_cfg=None)
    state = {f'backbone.{k}': v + 1 for k, v in old.state_dict().items()}
    state = {k: v for k, v in state.items() if '.fuse.' not in k}
    torch.save(
        dict(state_dict=state | {'decoder.w': torch.ones(1)}), tmp_path / 'a.pth'
    )
    start = dict(checkpoint=str(tmp_path / 'a.pth'), prefix='backbone')
    new = build(init_cfg=dict(type='Pretrained', **start))
    fuse = new.fuse['where'].weight.clone()
    new.init_weights()
    for name, value in new.state_dict().items():
        if not name.startswith('fuse.'):
            assert torch.equal(value, state[f'backbone.{name}']), name
    assert torch.equal(new.fuse['where'].weight, fuse)
    lacking = build(decoupled=False, init_cfg=new.init_cfg)
    lacking.init_weights()
    coupled = {k: v for k, v in state.items() if 'position' not in k}
    torch.save(dict(state_dict=coupled), tmp_path / 'a.pth')
    with pytest.raises(WeightsMissingError, match='weights are missing'):
        build(init_cfg=new.init_cfg).init_weights()
