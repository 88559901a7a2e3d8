"""Visual prompts: the same for every clip, shallow or new before every layer."""

import pytest
import torch

from mmaction_mer.models import MPTViT, VPTPrompt

TINY = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)
VIT = dict(type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16)


def tuned(deep, adapter=None):
    torch.manual_seed(0)
    prompt = dict(type='VPTPrompt', num_prompts=4, deep=deep)
    return MPTViT(vit=VIT, prompt=prompt, adapter=adapter)


@pytest.mark.parametrize(('deep', 'layers'), [(False, 1), (True, 3)])
def test_as_many_numbers_as_the_paper_counts(deep, layers):
    model = tuned(deep)
    learns = [p.numel() for p in model.parameters() if p.requires_grad]
    assert learns == [layers * 4 * 32]


@pytest.mark.parametrize('deep', [False, True])
def test_they_need_no_motion_and_all_of_them_learn(deep):
    model = tuned(deep, dict(type='GroupAdapter'))
    image = torch.randn(2, 3, 64, 64)
    model(image).square().sum().backward()
    gradient = model.prompt.prompts.grad.abs().sum(dim=(1, 2))
    assert (gradient > 0).all()


def test_deep_prompts_replace_what_the_layer_before_made_of_the_last(monkeypatch):
    model = tuned(True)
    seen = []
    for layer in model.vit.layers:
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(torch.randn(2, 3, 64, 64))
    for index, tokens in enumerate(seen):
        assert tokens.shape == (2, 1 + 16 + 4, 32)
        for clip in tokens:
            torch.testing.assert_close(clip[-4:], model.prompt.prompts[index])


def test_shallow_prompts_enter_once():
    model = tuned(False)
    seen = []
    for layer in model.vit.layers:
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(seen[0][0, -4:], model.prompt.prompts[0])
    assert not torch.allclose(seen[1][0, -4:], model.prompt.prompts[0])


def test_they_are_drawn_from_the_range_of_the_source():
    prompt = VPTPrompt(embed_dims=768, num_layers=12, deep=True)
    bound = (6 / (3 * 16**2 + 768)) ** 0.5
    assert prompt.prompts.abs().max() <= bound
    assert prompt.prompts.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    with pytest.raises(ValueError, match='at least 1'):
        VPTPrompt(embed_dims=8, num_layers=2, num_prompts=0)
