"""The tuned ViT: equal to the plain one at the start, frozen for good."""

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule

from mmaction_mer.models import MPTViT, load_pretrained

TINY = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)
VIT = dict(type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, patch_size=16)
PROMPT = dict(type='MotionPrompt', num_prompts=3, channels=8)
ADAPTER = dict(type='GroupAdapter', reduction=8)


@pytest.fixture
def image():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def motion():
    return torch.randn(2, 16, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    'options', [{}, dict(pre_norm=True), dict(final_norm=False), dict(qkv_bias=False)]
)
def test_without_prompts_it_starts_as_the_plain_vit(image, options):
    model = MPTViT(vit=dict(VIT, **options), adapter=ADAPTER).eval()
    plain = model.vit(image)[-1]
    torch.testing.assert_close(model(image), plain, rtol=1e-5, atol=1e-6)


def test_other_image_sizes_resize_the_position_embedding():
    model = MPTViT(vit=VIT, adapter=ADAPTER).eval()
    image = torch.randn(1, 3, 96, 80)
    torch.testing.assert_close(model(image), model.vit(image)[-1], rtol=1e-5, atol=1e-6)


def test_prompts_change_the_class_token(image, motion):
    model = MPTViT(vit=VIT, prompt=PROMPT, adapter=ADAPTER).eval()
    still = torch.zeros_like(motion)
    assert not torch.allclose(model(image, motion), model(image, still), atol=1e-5)
    with pytest.raises(ValueError, match='needs motion'):
        model(image)


def test_frozen_means_frozen(image, motion):
    model = MPTViT(vit=dict(VIT, drop_rate=0.5), prompt=PROMPT, adapter=ADAPTER)
    model.train()
    assert model.prompt.training
    assert not any(module.training for module in model.vit.modules())
    before = {k: v.clone() for k, v in model.vit.state_dict().items()}
    learns = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learns, lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        model(image, motion).square().sum().backward()
        optimizer.step()
    assert all(p.grad is None for p in model.vit.parameters())
    for key, value in model.vit.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert all(p.grad is not None for p in learns)


def test_init_weights_of_the_runner_leaves_the_vit_alone():
    model = MPTViT(vit=VIT, prompt=PROMPT, adapter=ADAPTER)
    before = {k: v.clone() for k, v in model.vit.state_dict().items()}
    parent = BaseModule()
    parent.backbone = model
    parent.init_weights()
    for key, value in model.vit.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('type_name', ['VisionTransformer', 'mmpretrain.ResNet'])
def test_other_backbones_are_refused_by_name(type_name):
    cfg = dict(type=type_name)
    cfg.update(
        dict(img_size=64, patch_size=16, num_layers=1, embed_dims=32, num_heads=2)
        if type_name == 'VisionTransformer'
        else dict(depth=18)
    )
    with pytest.raises(TypeError, match='mmpretrain'):
        MPTViT(vit=cfg)


@pytest.mark.parametrize('type_name', ['ViTEVA02', 'DeiT3'])
def test_relatives_whose_layers_take_other_tokens_are_refused(type_name):
    cfg = dict(VIT, type=f'mmpretrain.{type_name}')
    with pytest.raises(TypeError, match='docs/backbones.md'):
        MPTViT(vit=cfg)


def test_pretrained_weights_are_there_when_the_model_is_built(tmp_path, image):
    source = MODELS.build(VIT)
    source.init_weights()
    state = {f'backbone.{k}': v for k, v in source.state_dict().items()}
    state['head.weight'] = torch.zeros(2)
    path = tmp_path / 'vit.pth'
    torch.save(dict(state_dict=state), path)
    init = dict(type='Pretrained', checkpoint=str(path), prefix='backbone')
    model = MPTViT(vit=dict(VIT, init_cfg=init), adapter=ADAPTER).eval()
    source.eval()
    torch.testing.assert_close(model(image), source(image)[-1])
    with pytest.raises(KeyError, match='missing'):
        load_pretrained(model.vit, str(path), prefix='encoder')


def test_missing_weights_say_which_file_to_fetch_and_where_to_put_it(
    tmp_path, monkeypatch
):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth.*init_cfg'):
        load_pretrained(MODELS.build(VIT), str(tmp_path / 'nowhere.pth'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    # Port 9 of this machine answers nobody: like a cluster node without a network.
    url = 'http://127.0.0.1:9/weights/vit-base.pth'
    with pytest.raises(FileNotFoundError, match='vit-base.pth') as error:
        load_pretrained(MODELS.build(VIT), url)
    assert str(tmp_path) in str(error.value)


def test_a_vit_that_learns_as_a_whole(image):
    model = MPTViT(vit=dict(VIT, drop_rate=0.5), freeze_vit=False).train()
    assert all(module.training for module in model.vit.modules())
    assert all(parameter.requires_grad for parameter in model.vit.parameters())
    model(image).square().sum().backward()
    assert model.vit.patch_embed.projection.weight.grad.abs().max() > 0


def test_adapters_from_a_layer_on():
    model = MPTViT(vit=VIT, adapter=ADAPTER, adapter_start_layer=2)
    assert len(model.adapters) == 1
    seen = []
    model.adapters[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    layers = []
    for layer in model.vit.layers:
        layer.register_forward_hook(lambda *given: layers.append(given[-1]))
    model(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(seen[0], layers[2])
    with pytest.raises(ValueError, match='below 3'):
        MPTViT(vit=VIT, adapter=ADAPTER, adapter_start_layer=3)
