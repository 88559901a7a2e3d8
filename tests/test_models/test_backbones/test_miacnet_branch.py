"""Stages merged into one map; filters of ImageNet for pictures of more channels."""

import copy

import pytest
import torch
from mmaction.registry import MODELS

from mmaction_mer.models.backbones.miacnet_branch import Branch
from mmaction_mer.models.utils.pretrained import WeightsMissingError

RESNET = dict(
    type='mmpretrain.ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    out_indices=(0, 1, 2, 3),
)


@pytest.fixture
def weights(tmp_path):
    """A checkpoint as a classifier leaves it, and the backbone in it."""
    torch.manual_seed(1)
    backbone = MODELS.build(copy.deepcopy(RESNET))
    backbone.eval()  # gives nothing back
    state = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    path = tmp_path / 'imagenet.pth'
    torch.save(dict(state_dict=state | {'head.fc.weight': torch.ones(3)}), path)
    return path, backbone


def pretrained(path):
    start = dict(type='Pretrained', checkpoint=str(path), prefix='backbone')
    return dict(RESNET, init_cfg=start)


def test_every_stage_reaches_the_map():
    branch = Branch(RESNET, width=4)
    picture = torch.randn(2, 3, 64, 96)
    assert branch(picture).shape == (2, 4, 16, 24)
    branch(picture).square().sum().backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in branch.merge)


def test_it_starts_as_imagenet_ended(weights):
    path, backbone = weights
    branch = Branch(pretrained(path), width=4).eval()
    branch.init_weights()
    picture = torch.randn(2, 3, 64, 64)
    for own, theirs in zip(branch.backbone(picture), backbone(picture), strict=True):
        torch.testing.assert_close(own, theirs)


def test_a_frame_and_its_change_look_like_the_frame_with_its_change_magnified(weights):
    path, backbone = weights
    branch = Branch(pretrained(path), width=4, in_channels=6).eval()
    branch.init_weights()
    picture = torch.randn(2, 3, 64, 64)
    change = torch.randn(2, 3, 64, 64) / 8
    own = branch.backbone(torch.cat([picture, change], 1))
    theirs = backbone(picture + change)
    torch.testing.assert_close(own[-1], theirs[-1], rtol=1e-4, atol=1e-5)


def test_weights_of_another_network_are_refused(weights):
    path, _ = weights
    cfg = pretrained(path)
    cfg['depth'] = 34
    with pytest.raises(WeightsMissingError, match=r'imagenet\.pth: .* missing'):
        Branch(cfg, width=4).init_weights()
