"""Low-rank updates: nothing at the start, frozen beside, saved and read back."""

import pytest
import torch

from mmaction_mer.models import MPTViT, slim_state_dict
from mmaction_mer.models.utils.slim_checkpoint import load_slim

TINY = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)
VIT = dict(type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16)


def tuned(**options):
    torch.manual_seed(0)
    return MPTViT(vit=VIT, lora=dict(rank=4, alpha=8), **options)


def test_it_starts_as_the_plain_vit_and_moves_away():
    image = torch.randn(2, 3, 64, 64)
    torch.manual_seed(0)
    plain = MPTViT(vit=VIT)(image)
    model = tuned()
    torch.testing.assert_close(model(image), plain)
    with torch.no_grad():
        for layer in model.vit.layers:
            layer.attn.qkv.lora_up.weight.fill_(0.1)
    assert not torch.allclose(model(image), plain, atol=1e-3)


def test_only_the_updates_learn():
    learns = {n: p.numel() for n, p in tuned().named_parameters() if p.requires_grad}
    assert sum(learns.values()) == 3 * (4 * 32 + 4 * 96)
    assert all('lora_' in name for name in learns)


def test_a_slim_checkpoint_holds_the_updates_alone():
    model, other = tuned(), tuned()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    state = slim_state_dict(model)
    assert len(state) == 3 * 2 + 1  # and the fingerprint of what is frozen
    load_slim(other, state)
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(other(image), model(image))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match='at least 1'):
        MPTViT(vit=VIT, lora=dict(rank=0))
    with pytest.raises(ValueError, match='freeze_vit'):
        tuned(freeze_vit=False)
