"""Adapters: identity at the start, the paper's equations, the exact counts."""

import pytest
import torch
from torch.nn import functional

from mmaction_mer.models import GroupAdapter, PrimitiveAdapter, count_parameters

KINDS = [
    GroupAdapter(32, num_prompts=5),
    GroupAdapter(32, num_prompts=0),
    GroupAdapter(32, num_prompts=5, share_means=False),
    PrimitiveAdapter(32, num_prompts=5),
]


@pytest.mark.parametrize('adapter', KINDS)
def test_starts_as_the_identity(adapter):
    tokens = torch.randn(2, 15, 32)
    torch.testing.assert_close(adapter(tokens), tokens, rtol=0, atol=0)


@pytest.mark.parametrize('prompts', [0, 5])
@pytest.mark.parametrize('share', [True, False])
def test_equations_14_to_16(prompts, share):
    torch.manual_seed(0)
    adapter = GroupAdapter(32, num_prompts=prompts, share_means=share)
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter)
    tokens = torch.randn(2, 10 + prompts, 32)
    c, v, m = tokens[:, :1], tokens[:, 1:10], tokens[:, 10:]
    mean_v = v.mean(1, keepdim=True) if share else 0
    mean_m = m.mean(1, keepdim=True) if share and prompts else 0
    mean_c = c if share else 0

    def bottleneck(branch, x):
        down, up = branch.down.weight, branch.up.weight
        return functional.gelu(x @ down.T) @ up.T

    expected = [
        c + bottleneck(adapter.class_branch, c + mean_v + mean_m),
        v + bottleneck(adapter.visual_branch, v + mean_c + mean_m),
    ]
    if prompts:
        expected.append(m + bottleneck(adapter.motion_branch, m + mean_c + mean_v))
    torch.testing.assert_close(adapter(tokens), torch.cat(expected, 1))


def test_counts_for_vit_b16():
    def count(adapter):
        return 12 * count_parameters(adapter)['trainable']

    assert count(GroupAdapter(768, num_prompts=5)) == 5_308_416
    assert count(GroupAdapter(768, num_prompts=0)) == 3_541_251 - 2_307
    assert count(PrimitiveAdapter(768)) == 1_769_472


def test_no_room_for_a_bottleneck():
    with pytest.raises(ValueError, match='reduction='):
        GroupAdapter(8, reduction=16)
