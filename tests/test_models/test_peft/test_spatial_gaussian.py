"""Prompts with a place: where they start, that they follow the motion and learn."""

import torch

from mmaction_mer.models import MotionPrompt, SpatialGaussian


def test_they_start_on_a_ring_and_see_a_side_of_the_face():
    where = SpatialGaussian(num_prompts=4, channels=6, embed_dims=8)
    found = where.gaussians(torch.zeros(1, 2, 49, 6), rows=7)[0]
    expected = torch.tensor([[0.5, 0.28], [0.72, 0.5], [0.5, 0.72], [0.28, 0.5]])
    torch.testing.assert_close(found[:, :2], expected)
    torch.testing.assert_close(found[:, 2], torch.full((4,), 0.25))


def test_weights_are_a_gaussian_over_the_patches():
    torch.manual_seed(0)
    where = SpatialGaussian(num_prompts=3, channels=6, embed_dims=8)
    features = torch.randn(2, 4, 5 * 9, 6)
    weights, _ = where(features, rows=5)
    found = where.gaussians(features, rows=5)
    for clip in range(2):
        for prompt in range(3):
            x, y, width = found[clip, prompt]
            plain = torch.stack(
                [
                    torch.exp(
                        -(((c + 0.5) / 9 - x) ** 2 + ((r + 0.5) / 5 - y) ** 2)
                        / (2 * width**2)
                    )
                    for r in range(5)
                    for c in range(9)
                ]
            )
            torch.testing.assert_close(weights[clip, prompt], plain / plain.sum())


def test_the_place_depends_on_where_the_clip_moves():
    torch.manual_seed(0)
    where = SpatialGaussian(num_prompts=3, channels=6, embed_dims=8)
    top, bottom = torch.zeros(2, 1, 4, 49, 6)
    top[:, :, :7], bottom[:, :, -7:] = 10, 10
    one, other = (where.gaussians(motion, rows=7) for motion in (top, bottom))
    assert (one - other).abs().max() > 1e-3


def test_a_place_tells_apart_what_the_mean_over_space_cannot():
    """The same movement above and below: Eq. 8 gives the same prompts."""
    torch.manual_seed(0)
    motion = torch.zeros(1, 16, 3, 64, 64)
    motion[..., :16, :] = torch.randn(1, 16, 3, 16, 64)
    moved = motion.roll(48, dims=-2)
    for spatial in (False, True):
        prompt = MotionPrompt(embed_dims=24, channels=16, spatial=spatial)
        apart = (prompt(motion) - prompt(moved)).abs().max()
        assert (apart > 1e-3) == spatial


def test_all_of_it_learns():
    torch.manual_seed(0)
    prompt = MotionPrompt(embed_dims=24, channels=16, spatial=True)
    # The place is told by a layer that starts at zero: it learns at the second step.
    torch.nn.init.normal_(prompt.where.place.weight)
    prompt(torch.randn(2, 16, 3, 48, 64)).square().sum().backward()
    for name, parameter in prompt.named_parameters():
        assert parameter.grad.abs().max() > 0, name
