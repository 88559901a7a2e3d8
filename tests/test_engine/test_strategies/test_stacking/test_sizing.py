"""How many folds fit, by what a step keeps."""

import pytest
import torch

from mmaction_mer.engine.strategies.stacking import sizing
from mmaction_mer.engine.strategies.stacking.sizing import folds_that_fit
from mmaction_mer.models.utils.saved_bytes import SavedBytes


def test_what_the_backward_pass_needs_is_counted_once():
    x = torch.randn(10, 20, requires_grad=True)
    layer = torch.nn.Linear(20, 30)
    kept = SavedBytes(layer)
    with kept.counting():
        y = x.exp()  # keeps its result
        z = layer(y)  # keeps y, which is there already, and its own weight
    z.sum().backward()
    assert kept.total == 10 * 20 * 4


@pytest.mark.parametrize(
    ('free', 'folds'), [(10**6, 5), (10**5, 1), (10**9, 5000), (10**12, 42949)]
)
def test_half_of_what_is_free_is_shared_out(free, folds, monkeypatch):
    monkeypatch.setattr(sizing, 'available_memory', lambda device: free)
    assert folds_that_fit(20_000, 10_000, torch.device('cpu')) == folds
    assert folds_that_fit(20_000, 10_000, torch.device('cuda')) >= folds
