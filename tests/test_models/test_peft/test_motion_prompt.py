"""Gaussian tokenisation: shapes, ranges, where the prompts look."""

import pytest
import torch
from torch.nn import functional

from mmaction_mer.models import MotionPrompt


@pytest.fixture
def prompt():
    torch.manual_seed(0)
    return MotionPrompt(embed_dims=24, num_prompts=5, channels=16)


def test_prompts_have_the_shape_of_tokens_and_learn(prompt):
    motion = torch.randn(2, 16, 3, 48, 64)
    tokens = prompt(motion)
    assert tokens.shape == (2, 5, 24)
    tokens.square().sum().backward()
    for name, parameter in prompt.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_gaussians_start_spread_over_the_clip(prompt):
    mu, sigma, weights = prompt.gaussians(torch.zeros(1, 16, 16))
    torch.testing.assert_close(mu[0], 15 * (torch.arange(5) + 0.5) / 5)
    torch.testing.assert_close(sigma[0], torch.full((5,), 16 / 5))
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 5))
    assert weights.argmax(-1)[0].tolist() == [1, 4, 7, 10, 13] or torch.equal(
        weights.argmax(-1)[0], mu[0].round().long()
    )


def test_gaussians_equal_equation_11(prompt):
    features = torch.randn(3, 16, 16)
    mu, sigma, weights = prompt.gaussians(features)
    assert ((mu >= 0) & (mu <= 15)).all()
    assert (sigma > 0).all()
    t = torch.arange(16.0)
    plain = torch.exp(-((t - mu[..., None]) ** 2) / (2 * sigma[..., None] ** 2))
    torch.testing.assert_close(weights, plain / plain.sum(-1, keepdim=True))


def test_narrow_gaussians_between_two_frames_do_not_underflow(prompt):
    with torch.no_grad():
        prompt.to_sigma.bias.fill_(-50.0)
        prompt.to_mean.bias.fill_(0.0)
    _, _, weights = prompt.gaussians(torch.zeros(1, 16, 16))
    assert torch.isfinite(weights).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 5))


def test_spatial_mean_needs_the_nonlinearity(prompt):
    """Eq. 8: a patch that brightens beside one that darkens must not vanish."""
    patch = torch.randn(16, 3, 16, 16)
    motion = torch.cat([patch, -patch], dim=-1)[None]
    linear = prompt.embed(motion[0]).mean(dim=(-2, -1)) - prompt.embed.bias
    torch.testing.assert_close(linear, torch.zeros_like(linear), rtol=0, atol=1e-5)
    change = prompt.frame_features(motion) - prompt.frame_features(motion * 0)
    assert change.abs().mean() > 1e-2


def test_without_gelu_it_does_vanish():
    """The ablation of Eq. 8: what the non-linearity is there for."""
    torch.manual_seed(0)
    patch = torch.randn(16, 3, 16, 16)
    motion = torch.cat([patch, -patch], dim=-1)[None]
    prompt = MotionPrompt(embed_dims=24, channels=16, gelu=False)
    change = prompt.frame_features(motion) - prompt.frame_features(motion * 0)
    assert change.abs().max() < 1e-5


def test_wrong_shapes_say_what_is_expected(prompt):
    with pytest.raises(ValueError, match='length=16'):
        prompt(torch.zeros(1, 8, 3, 32, 32))
    with pytest.raises(ValueError, match='patch of 16'):
        prompt(torch.zeros(1, 16, 3, 8, 8))
    with pytest.raises(ValueError, match='at least 1'):
        MotionPrompt(embed_dims=8, num_prompts=0)


def test_the_product_over_patches_is_the_convolution():
    prompt = MotionPrompt(embed_dims=8, length=3, channels=6, patch_size=4)
    motion = torch.randn(2, 3, 3, 13, 18)  # edges that fill no patch
    embedded = functional.gelu(prompt.embed(motion.flatten(0, 1)))
    expected = embedded.mean(dim=(-2, -1)).unflatten(0, (2, 3))
    torch.testing.assert_close(prompt.frame_features(motion), expected)
