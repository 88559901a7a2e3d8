"""Recorded calls draw the noise that dropout would have drawn, in its order."""

import pytest
import torch
from torch import nn
from torch.func import vmap
from torch.nn import functional

from mmaction_mer.engine.strategies.stacking.dropout import (
    record_dropout,
    replay_dropout,
)


def model():
    return nn.Sequential(
        nn.Dropout(0.5), nn.Unflatten(1, (3, 4)), nn.Dropout1d(0.3), nn.Dropout(0.0)
    )


def test_recorded_calls_draw_what_the_model_would():
    net, x = model(), torch.randn(6, 12)
    with record_dropout() as calls:
        net(x)
    assert [call.probability for call in calls] == [0.5, 0.3]
    torch.manual_seed(5)
    expected = net(x)
    torch.manual_seed(5)
    noise = [call.draw() for call in calls]
    with replay_dropout(noise):
        assert torch.equal(net(x), expected)
    with replay_dropout([]):
        assert torch.equal(net.eval()(x), x.view(6, 3, 4))


def test_each_fold_of_a_vmap_has_its_own():
    x, noise = torch.randn(4, 6), (torch.rand(4, 6) > 0.5).float() * 2

    def one(x, noise):
        with replay_dropout([noise]):
            return functional.dropout(x, 0.5, training=True)

    assert torch.equal(vmap(one)(x, noise), x * noise)


def test_other_calls_than_recorded_are_rejected():
    x = torch.ones(3)
    with pytest.raises(RuntimeError, match='more calls'), replay_dropout([x]):
        functional.dropout(functional.dropout(x))
    with pytest.raises(RuntimeError, match='0 calls of dropout, but 1'):
        with replay_dropout([x]):
            pass
