"""What moves has passed through the code."""

import pytest
import torch

from mmaction_mer.models.pretraining.decoder import ActionDecoder, warp
from mmaction_mer.models.utils.heat_map import heat_map


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    decoder = ActionDecoder(width=6, code_channels=3)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return decoder


def test_it_starts_as_a_copy_that_can_learn():
    decoder = ActionDecoder(width=6, code_channels=3)
    flow, tint = decoder(torch.randn(2, 6, 8, 8), torch.randn(2, 3, 4, 4))
    assert flow.shape == (2, 2, 8, 8) and tint.shape == (2, 3, 8, 8)
    assert not flow.any() and not tint.any()
    (flow.sum() + tint.sum()).backward()
    assert decoder.basis[-1].weight.grad.abs().sum() > 0


def test_an_empty_code_moves_nothing_whatever_the_face(decoder):
    flow, tint = decoder(torch.randn(2, 6, 8, 8), torch.zeros(2, 3, 4, 4))
    assert not flow.any() and not tint.any()


def test_twice_the_code_moves_twice_as_far(decoder):
    positions, code = torch.randn(2, 6, 8, 8), torch.randn(2, 3, 4, 4)
    once, twice = decoder(positions, code)[0], decoder(positions, 2 * code)[0]
    torch.testing.assert_close(twice, 2 * once)


def test_a_code_at_one_place_moves_that_place(decoder):
    code = torch.zeros(1, 3, 4, 4)
    code[..., 0, 0] = 1
    flow = decoder(torch.randn(1, 6, 8, 8), code)[0]
    assert flow[..., :2, :2].abs().sum() > 0
    assert not flow[..., 4:, :].any() and not flow[..., 4:].any()


def test_a_field_moves_a_picture_down_and_right():
    picture = torch.zeros(1, 1, 8, 8)
    picture[..., 3, 2] = 1
    flow = torch.tensor([2.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    moved = warp(picture, flow)
    assert moved[0, 0, 4, 4] == pytest.approx(1, abs=1e-5)
    assert moved.sum() == pytest.approx(1, abs=1e-5)


def test_no_field_changes_nothing():
    picture = torch.randn(2, 3, 7, 9)
    torch.testing.assert_close(warp(picture, torch.zeros(2, 2, 7, 9)), picture)


def test_the_heat_is_where_the_code_is():
    code = torch.zeros(1, 2, 4, 4)
    code[0, :, 1, 2] = torch.tensor([3.0, -4.0])
    heat = heat_map(code, (16, 16))
    assert heat.shape == (1, 16, 16) and heat.min() == 0
    row, column = divmod(int(heat[0].argmax()), 16)
    assert 4 <= row < 8 and 8 <= column < 12
