"""The number of folds that fit in memory."""

import pytest
import torch

from mmaction_mer.engine.strategies.stacking import sizing
from mmaction_mer.engine.strategies.stacking.sizing import folds_that_fit
from mmaction_mer.models.utils.saved_bytes import SavedBytes


def test_saved_tensors_are_counted_once():
    x = torch.randn(10, 20, requires_grad=True)
    layer = torch.nn.Linear(20, 30)
    saved = SavedBytes(layer)
    with saved.counting():
        y = x.exp()  # saves its result
        z = layer(y)  # saves y again, and its own weight
    z.sum().backward()
    assert saved.total == 10 * 20 * 4


@pytest.mark.parametrize(
    ('free', 'folds'), [(10**6, 5), (10**5, 1), (10**9, 5000), (10**12, 42949)]
)
def test_folds_divide_half_of_the_free_memory(free, folds, monkeypatch):
    monkeypatch.setattr(sizing, 'available_memory', lambda device: free)
    assert folds_that_fit(20_000, 10_000, torch.device('cpu')) == folds
    assert folds_that_fit(20_000, 10_000, torch.device('cuda')) >= folds
