"""The mean of several folds over one frozen backbone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from inference_toy import synthetic_clip

from mmaction_mer.apis import load_weights
from mmaction_mer.apis.clip_pipeline import ClipPipeline
from mmaction_mer.apis.ensemble import FoldEnsemble
from mmaction_mer.models.utils import slim_checkpoint
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(scope='module')
def weights(run):
    return load_weights(run)


@pytest.fixture(scope='module')
def packed(weights):
    pipeline = ClipPipeline(weights.pipeline, weights.dataset)
    return [pipeline(synthetic_clip(seed=seed), 200.0, 18.0, 'x') for seed in (3, 4)]


@pytest.fixture(scope='module')
def ensemble(weights):
    return FoldEnsemble(weights, 'cpu')


def test_each_fold_predicts_what_it_predicts_alone(weights, ensemble, packed):
    together = ensemble.probabilities(ensemble.preprocess(packed))
    assert together.shape == (2, 2, 3)
    assert torch.allclose(together.sum(-1), torch.ones(2, 2))
    assert (together[0] - together[1]).abs().max() > 1e-3
    for number, name in enumerate(weights.folds):
        one = FoldEnsemble(weights.select([name]), 'cpu')
        alone = one.probabilities(one.preprocess(packed))
        assert torch.equal(alone[0], together[number])
    # The folds leave no trace in each other.
    assert torch.equal(ensemble.probabilities(ensemble.preprocess(packed)), together)


def test_attribution_is_for_the_given_class(ensemble, packed):
    inputs = ensemble.preprocess(packed)['inputs']
    one = ensemble.attribution(packed, inputs, torch.tensor([0, 0]))
    other = ensemble.attribution(packed, inputs, torch.tensor([2, 2]))
    assert one.shape == (2, 112, 112)
    assert 0 <= float(one.min()) and float(one.max()) <= 1
    assert not torch.allclose(one, other)
    explanation = ensemble.explain(packed[0], inputs)
    assert explanation['gaussians'].shape == (5, 8)
    assert np.asarray(explanation['frames']).shape == (8, 112, 112, 3)


def test_the_frozen_backbone_is_hashed_once(weights, packed, monkeypatch):
    calls, hashed = [], slim_checkpoint.frozen_fingerprint
    monkeypatch.setattr(
        slim_checkpoint,
        'frozen_fingerprint',
        lambda model: calls.append(1) or hashed(model),
    )
    ensemble = FoldEnsemble(weights, 'cpu')
    for _ in range(2):
        ensemble.probabilities(ensemble.preprocess(packed))
    assert len(calls) == 1


def test_another_backbone_is_rejected(weights):
    state = {**weights.folds['sub02'], 'frozen_fingerprint': torch.zeros(32).byte()}
    broken = replace(weights, folds={**weights.folds, 'sub02': state})
    with pytest.raises(MERRunError) as error:
        FoldEnsemble(broken, 'cpu')
    assert error.value.field == 'folds.sub02' and error.value.path == weights.source


def test_probabilities_are_finite(weights, packed):
    ensemble = FoldEnsemble(weights, 'cpu')
    ensemble.model.register_forward_hook(
        lambda model, given, samples: [
            one.set_pred_score(one.pred_score * float('nan')) for one in samples
        ]
    )
    with pytest.raises(MERRunError):
        ensemble.probabilities(ensemble.preprocess(packed))
