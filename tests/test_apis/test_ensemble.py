"""Folds as one model: the mean of what each says."""

import numpy as np
import pytest
import torch
from inference_toy import make_run, synthetic_clip

from mmaction_mer.apis import load_weights
from mmaction_mer.apis.ensemble import FoldEnsemble
from mmaction_mer.apis.clip_pipeline import ClipPipeline
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return load_weights(make_run(tmp_path_factory.mktemp('runs') / 'run'))


@pytest.fixture(scope='module')
def packed(weights):
    packer = ClipPipeline(weights.pipeline, weights.dataset)
    return [packer(synthetic_clip(seed=seed), 200.0, 18.0, 'x') for seed in (3, 4)]


def test_each_fold_says_what_it_says_alone(weights, packed):
    together = FoldEnsemble(weights, 'cpu').probabilities(packed)
    assert together.shape == (2, 2, 3)
    assert torch.allclose(together.sum(-1), torch.ones(2, 2))
    for number, name in enumerate(weights.folds):
        alone = FoldEnsemble(weights.select([name]), 'cpu').probabilities(packed)
        assert torch.equal(alone[0], together[number])
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_a_second_call_says_the_same(weights, packed):
    ensemble = FoldEnsemble(weights, 'cpu')
    first = ensemble.probabilities(packed)
    ensemble.evidence(packed, torch.tensor([0, 1]))
    assert torch.equal(ensemble.probabilities(packed), first)


def test_evidence_is_for_the_class_that_is_asked_for(weights, packed):
    ensemble = FoldEnsemble(weights, 'cpu')
    one = ensemble.evidence(packed, torch.tensor([0, 0]))
    other = ensemble.evidence(packed, torch.tensor([2, 2]))
    assert one.shape == (2, 112, 112)
    assert 0 <= float(one.min()) and float(one.max()) <= 1
    assert not torch.allclose(one, other)
    shown = ensemble.explain(packed[0])
    assert shown['gaussians'].shape == (5, 8)
    assert np.asarray(shown['frames']).shape == (8, 112, 112, 3)


def test_another_backbone_is_refused(weights):
    other = dict(weights.folds)
    state = dict(other['sub02'])
    state['frozen_fingerprint'] = torch.zeros(32, dtype=torch.uint8)
    other['sub02'] = state
    broken = weights.__class__(**{**vars(weights), 'folds': other})
    with pytest.raises(MERRunError, match='fold sub02: .*another frozen backbone'):
        FoldEnsemble(broken, 'cpu')


def test_nan_is_no_probability(weights, packed):
    ensemble = FoldEnsemble(weights, 'cpu')
    ensemble.model.register_forward_hook(
        lambda model, given, samples: [
            one.set_pred_score(one.pred_score * float('nan')) for one in samples
        ]
    )
    with pytest.raises(MERRunError):
        ensemble.probabilities(packed)
